using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels;

/// <summary>
/// A group's result in the memory of an operand that nobody reads later, where each element of the result needs only that operand's element at
/// the same index: x is loaded, the result is stored over it. Kernels for which this is asked store each element once, behind all its loads. What runs under
/// a condition is not asked: where it does not run, another kernel makes the result, in the place that it has for everybody.
/// </summary>
internal static class InPlace
{
    /// <summary>Moves the place of the group's result, when it has one that is its own, to that of such an operand.</summary>
    public static void Take(FusionGroup group, LoweringContext context)
    {
        if (context.IsLoopBody || context.Only != SizeExpr.One || group.Outputs.Count != 1 || !IsOwn(group.Outputs[0], context))
        {
            return;
        }

        var (graph, result) = (context.Graph, group.Outputs[0]);
        foreach (var operand in AtOwnIndex(group, graph))
        {
            if (graph[operand].Type == graph[result].Type && IsOwn(operand, context) && context.IsLastReader(group, operand))
            {
                context.SetPlace(result, context.PlaceOf(operand)!);
                context.IsInPlace.Add(result);
                return;
            }
        }
    }

    // In the arena, and nothing else lies there: no tensor of the caller's, nothing prepared, no loop's result, of which there may be several.
    private static bool IsOwn(NodeId node, LoweringContext context) =>
        context.PlaceOf(node) is BufferPlace { Ref: { Kind: BufferKind.Arena, Offset.AsConstant: 0 } }
        && context.Graph[node] is not ResultNode && !context.SharesMemory.Contains(node);

    // The operands from memory that only elementwise operations stand above.
    private static IEnumerable<NodeId> AtOwnIndex(FusionGroup group, Graph graph)
    {
        var members = group.Members.ToHashSet();
        var (own, elsewhere) = (new HashSet<NodeId> { group.Outputs[0] }, new HashSet<NodeId>());
        for (var i = group.Members.Count - 1; i >= 0; i--)
        {
            var id = group.Members[i];
            var isMap = graph[id] is MapNode;
            foreach (var operand in graph[id].Operands)
            {
                _ = isMap && own.Contains(id) && own.Add(operand);
                _ = (!isMap || elsewhere.Contains(id)) && elsewhere.Add(operand);
            }
        }

        return own.Where(o => !members.Contains(o) && !elsewhere.Contains(o)).OrderBy(o => o.Value);
    }
}
