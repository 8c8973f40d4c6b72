using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Optimizer.Fusion;

/// <summary>What reads sparse tensors by their levels: one kernel for each <see cref="SparseRegion"/>.</summary>
internal sealed partial class Planner
{
    private int[]? _sparseUses;

    private bool TryPlaceSparse(NodeId id)
    {
        // What lies in memory for others is not computed again.
        if (!_hasSparse || _apart || SparseRegion.Of(_graph, id, n => MustBeStored(n) ? int.MaxValue : (_sparseUses ??= _graph.CountUses())[n.Value]) is not { } region)
        {
            return false;
        }

        var group = new OpenGroup(id.Value, KernelStrategy.Sparse, _graph[id].Type.Shape) { IsOnce = IsOnce(id) };
        _groups.Add(group);
        group.Outputs.Add(id);
        group.Members.AddRange(region.Members);
        foreach (var sampled in region.Members.Where(m => m != region.Core && m != id && _graph[m] is ContractNode or ReduceNode))
        {
            _notes.Add(new FusionNote(sampled, id, true, "sampled: computed only where something is stored"));
        }

        foreach (var leaf in region.Leaves)
        {
            Reading(id, leaf, group, Level.Memory, 0, false);
        }

        return true;
    }
}
