using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// A contraction takes the elementwise work behind it along, while the tile is still in registers: bias, activation, cast, residual.
/// <code>
/// x, w ─▶ contract ─▶ + bias ─▶ relu ─▶ h      one group: it begins as the Map group of h, and the contract joins it
/// </code>
/// </summary>
internal sealed partial class Planner
{
    // One contract per kernel, and the whole kernel over its result's index.
    private bool CanTakeContract(OpenGroup group, Read read) => !_contractionsAlone && group.Strategy == KernelStrategy.Map && read.Levels == Level.Space;

    private void PlaceContract(NodeId id)
    {
        var reads = ReadsOf(id);
        var strategy = IsAttention(id) ? KernelStrategy.Attention : KernelStrategy.Contraction;
        if (!_apart && _reads[id.Value]?.First is { } first && first.Group.IsOnce == IsOnce(id) && CanTakeContract(first.Group, first)
            && first.Group.Space == _graph[id].Type.Shape && ((reads.Count == 1 && !_isOutput[id.Value]) || TakesOutput(first.Group, id)))
        {
            first.Group.Strategy = strategy;
            if (reads.Count > 1 || _isOutput[id.Value])
            {
                first.Group.Outputs.Add(id);
            }

            Note(id, first, true, "epilogue: done on the tile before it is stored");
            Enter(id, first);
            return;
        }

        if (reads.Count == 1 && TakesGates(id, reads[0]))
        {
            reads[0].Group.Strategy = strategy;
            Note(id, reads[0], true, "a block of its columns from all slices is made at a time, and stays in the kernel");
            Enter(id, reads[0]);
            return;
        }

        if (reads.Count == 1 && TakesPooled(id, reads[0]))
        {
            reads[0].Group.Strategy = KernelStrategy.Window;
            Note(id, reads[0], true, "its windows want each element once: made where it is pooled, and never stored");
            Enter(id, reads[0]);
            return;
        }

        foreach (var read in reads)
        {
            Note(id, read, false, IsOnce(id) && !read.Group.IsOnce ? "depends on parameters alone: done once" : read.Group.Strategy switch
            {
                KernelStrategy.Contraction or KernelStrategy.Attention => "one contraction per kernel",
                _ when _contractionsAlone => "contractions are to be kernels of their own",
                KernelStrategy.Rowwise => "a row-wise kernel needs whole rows of it",
                _ => read.IsAligned ? "used by several kernels" : "read at another index than it is computed at",
            });
        }

        Begin(id, strategy);
    }
}
