using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>Elementwise operations and gathers: inlined, computed again, or stored. And what is always inlined: views and numbers.</summary>
internal sealed partial class Planner
{
    // What may be computed in more than one kernel: about as cheap as the load that it saves.
    private const double CheapToRepeat = 2;
    private const double CheapScalar = 8;
    private const int MaxRepeats = 4;
    private const int MaxOutputs = 8;

    private void PlaceFree(NodeId id)
    {
        if (MustBeStored(id))
        {
            Store(id, "needed in memory");
            return;
        }

        foreach (var read in ReadsOf(id))
        {
            Enter(id, read);
        }
    }

    private void PlaceElementwise(NodeId id)
    {
        var reads = ReadsOf(id);
        if (MustBeStored(id))
        {
            Store(id, _isOutput[id.Value] ? "a result of the program" : "needed in memory by a loop, or where entries are stored");
            return;
        }

        if (!_apart && IsOnce(id) && _once.Pays(id) && reads.Any(r => !r.Group.IsOnce))
        {
            Store(id, "depends on parameters alone: done once");
            return;
        }

        if (reads.Count > 1)
        {
            // Order matters: asking may decide that a group is row-wise.
            var cheap = _origins.Weight(id) <= CheapToRepeat && reads.Count <= MaxRepeats
                && _origins.Contract(id) is null && _origins.Reduce(id) is null;
            if (!cheap || reads.Any(r => WhyStored(id, r) is not null))
            {
                Store(id, $"used by {reads.Count} kernels, and computing it again costs more than loading it");
                return;
            }
        }
        else if (WhyStored(id, reads[0]) is { } reason)
        {
            Store(id, reason);
            return;
        }

        foreach (var read in reads)
        {
            Note(id, read, true, reads.Count > 1 ? "cheap enough to compute in each kernel" : "computed where it is used");
            Enter(id, read);
        }
    }

    /// <summary>Why a node is not computed inside the reading group, or null when it is.</summary>
    private string? WhyStored(NodeId id, Read read)
    {
        var group = read.Group;
        if (_apart)
        {
            return "fusion is switched off";
        }

        if (group.Elementwise >= MaxElementwise)
        {
            return $"the kernel has {MaxElementwise} operations already";
        }

        if (!_contractionsAlone && _origins.Contract(id) is { } contract && !CanTakeContract(group, read) && !TakesGates(id, read) && !TakesPooled(id, read))
        {
            return $"stays with {contract}, as its epilogue";
        }

        if ((read.Levels & Level.Repeated) != 0 && _origins.Reduce(id) is { } reduce)
        {
            BecomeRowwise(read, (ReduceNode)_graph[reduce]);
        }

        if (read.IsAligned)
        {
            return null;
        }

        // One of them is stored in any case.
        if (group.Strategy == KernelStrategy.Contraction && _origins.Behind(id) is { } behind)
        {
            return $"stored in place of {behind}, whose kernel does it in passing";
        }

        if (read.Guarded && _graph[id] is GatherNode gather && gather.Access.Any(a => a.Site >= 0))
        {
            return "a checked access is not made where its result may be outside";
        }

        // A number for the whole kernel is computed before its loop.
        if (_graph[id].Type.Rank == 0 && _origins.Weight(id) <= CheapScalar)
        {
            return null;
        }

        var aligned = Evaluated(group, read.Resolved & ~Level.Other, 0);
        var times = (aligned + read.Evaluations) / Math.Max(1, Elements(id));
        return (times - 1) * _origins.Weight(id) > Costs.StoreAndLoad
            ? $"would be computed about {times:0.#} times per element"
            : null;
    }

    // The first reader stores it in passing, if that is possible; else it joins a kernel that reads the same tensors, or gets its own.
    private void Store(NodeId id, string reason)
    {
        foreach (var read in ReadsOf(id))
        {
            if (_graph[id] is MapNode or GatherNode)
            {
                Note(id, read, false, reason);
            }
        }

        var group = _apart ? null : FirstReaderThatStores(id) ?? SiblingOf(id);
        if (group is null)
        {
            Begin(id, KernelStrategy.Map);
        }
    }

    private OpenGroup? FirstReaderThatStores(NodeId id)
    {
        if (_reads[id.Value]?.First is not { } first || !TakesOutput(first.Group, id))
        {
            return null;
        }

        if (!_contractionsAlone && _origins.Contract(id) is not null && !CanTakeContract(first.Group, first))
        {
            return null;
        }

        if ((first.Levels & Level.Repeated) != 0 && _origins.Reduce(id) is { } reduce)
        {
            BecomeRowwise(first, (ReduceNode)_graph[reduce]);
        }

        if (!first.IsAligned)
        {
            return null;
        }

        first.Group.Outputs.Add(id);
        Note(id, first, true, "computed here and also stored");
        Enter(id, first);
        return first.Group;
    }

    // Results over the same space that read the same tensor are one kernel with several outputs.
    private OpenGroup? SiblingOf(NodeId id)
    {
        var firstReader = _reads[id.Value]?.First?.Group.Position ?? int.MaxValue;
        foreach (var operand in _graph[id].Operands.Span)
        {
            foreach (var read in LatestReads(operand))
            {
                var group = read.Group;
                if ((read.Levels & Level.Space) != 0 && group.Strategy == KernelStrategy.Map && TakesOutput(group, id)
                    && group.Position < firstReader && group.Space == _graph[id].Type.Shape)
                {
                    group.Outputs.Add(id);
                    _notes.Add(new FusionNote(id, group.Outputs[0], true, $"both read {operand} over the same space"));
                    Enter(id, group, Level.Space, 0, false);
                    return group;
                }
            }
        }

        return null;
    }

    private IEnumerable<Read> LatestReads(NodeId id)
    {
        var reads = ReadsOf(id);
        for (var i = reads.Count - 1; i >= Math.Max(0, reads.Count - MaxRepeats); i--)
        {
            yield return reads[i];
        }
    }

    private bool TakesOutput(OpenGroup group, NodeId id) =>
        group.IsOnce == IsOnce(id) && group.Strategy is KernelStrategy.Map or KernelStrategy.Rowwise or KernelStrategy.Contraction
        && group.Outputs.Count < MaxOutputs && group.Elementwise < MaxElementwise;
}
