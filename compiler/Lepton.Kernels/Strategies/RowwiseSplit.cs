using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The way out for groups whose reductions do not share rows, or whose rows are wanted transposed or moved: each reduction is stored by a kernel
/// of its own, then a map over the outputs loads them.
/// </summary>
internal static class RowwiseSplit
{
    public static void Lower(FusionGroup group, LoweringContext context)
    {
        var graph = context.Graph;
        var reduces = group.Members.Where(m => graph[m] is ReduceNode).ToArray();
        if (reduces.Length == 0 || (reduces.Length == 1 && group.Outputs.Count == 1 && group.Outputs[0] == reduces[0]))
        {
            new MapStrategy().Lower(group, context);
            return;
        }

        foreach (var reduce in reduces)
        {
            if (context.PlaceOf(reduce) is null)
            {
                context.SetPlace(reduce, new BufferPlace(context.Allocate(graph[reduce].Type.Element, graph[reduce].Type.Count)));
            }

            var alone = new FusionGroup($"{group.Name}_{reduce.Value}", group.Strategy, [.. Below(graph, group, [reduce])], [reduce]);
            new RowwiseStrategy().Lower(alone, context);
        }

        var outputs = group.Outputs.Where(o => !reduces.Contains(o)).ToArray();
        if (outputs.Length > 0)
        {
            new MapStrategy().Lower(group with { Members = [.. Below(graph, group, outputs)], Outputs = [.. outputs] }, context);
        }
    }

    /// <summary>Members that the wanted nodes need, without the reductions below them, in the group's order.</summary>
    public static NodeId[] Below(Graph graph, FusionGroup group, IReadOnlyList<NodeId> wanted)
    {
        var members = group.Members.ToHashSet();
        var seen = new HashSet<NodeId>();
        var open = new Stack<NodeId>(wanted);
        while (open.TryPop(out var id))
        {
            if (members.Contains(id) && (graph[id] is not ReduceNode || wanted.Contains(id)) && seen.Add(id))
            {
                foreach (var operand in graph[id].Operands)
                {
                    open.Push(operand);
                }
            }
        }

        return [.. group.Members.Where(seen.Contains)];
    }
}
