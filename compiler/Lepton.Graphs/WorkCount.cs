using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>The work of one operation: <paramref name="Each"/> operations for every element of a space.</summary>
/// <param name="Over">The sizes of the space; their product may be larger than 64 bits.</param>
/// <param name="IsFloat">Whether they count as FLOPs.</param>
public readonly record struct NodeWork(ValueList<SizeExpr> Over, long Each, bool IsFloat);

/// <summary>
/// What operations compute and what groups move, counted from the graph alone; every cost in the compiler starts from here. A transcendental
/// function counts 10, a multiplication with its addition 2, anything else 1.
/// </summary>
public static class WorkCount
{
    public const long TranscendentalFlops = 10;

    /// <summary>The work of a node; null for what computes nothing: views, constants, what only moves.</summary>
    public static NodeWork? Of(Graph graph, Node node) => node switch
    {
        MapNode map => new(
            map.Type.Shape,
            map.Op.Info().Transcendental ? TranscendentalFlops : 1,
            map.Type.Element.IsFloat() || graph[map.Arguments[0]].Type.Element.IsFloat()),
        ReduceNode reduce => new(graph[reduce.Source].Type.Shape, 1, IsFloat: true),
        ContractNode contract => new(Iterations(graph, contract), contract.Factors.Count, IsFloat: true),
        ScatterNode scatter => new(graph[scatter.Updates].Type.Shape, 1, IsFloat: true),
        _ => null,
    };

    /// <summary>The sizes over which a contraction iterates: one for each label.</summary>
    public static ValueList<SizeExpr> Iterations(Graph graph, ContractNode node)
    {
        var sizes = new Dictionary<int, SizeExpr>();
        for (var f = 0; f < node.Factors.Count; f++)
        {
            for (var axis = 0; axis < node.Labels[f].Count; axis++)
            {
                sizes[node.Labels[f][axis]] = graph[node.Factors[f]].Type.Shape[axis];
            }
        }

        return sizes.Values.ToValueList();
    }

    /// <summary>What a group loads from memory, each node once: operands of members that are no members. Single numbers and iotas lie nowhere.</summary>
    /// <param name="isMember">Which nodes are computed inside; null: the group's members.</param>
    public static IEnumerable<NodeId> Loads(Graph graph, FusionGroup group, Func<NodeId, bool>? isMember = null)
    {
        isMember ??= group.Members.ToHashSet().Contains;
        var seen = new HashSet<NodeId>();
        foreach (var member in group.Members)
        {
            foreach (var operand in graph[member].Operands)
            {
                if (!isMember(operand) && graph[operand] is not (SplatNode or SizeNode or IotaNode) && seen.Add(operand))
                {
                    yield return operand;
                }
            }
        }
    }

    /// <summary>The bytes of a whole dense tensor.</summary>
    public static SizeExpr Bytes(TensorType type) => type.Count * type.Element.ByteSize();
}
