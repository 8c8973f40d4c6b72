using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Placement.Segments;

/// <summary>Groups of a fused graph as a graph of their own.</summary>
internal static class SegmentGraph
{
    /// <summary>
    /// The graph that computes <paramref name="makes"/>: what its groups compute, what is prepared for them, and numbers; all else is read.
    /// Sites keep their numbers, so that a failure says the same as in the whole graph.
    /// </summary>
    public static (Graph Graph, ValueList<NodeId> Reads) Of(
        FusedGraph fused, string name, IReadOnlyList<FusionGroup> groups, IReadOnlyList<FusionGroup> prepared, ValueList<NodeId> makes, SegmentNames names)
    {
        var whole = fused.Graph;
        var members = groups.Concat(prepared).SelectMany(g => g.Members).ToHashSet();
        var (nodes, reads, parameters) = (new SortedSet<int>(), new SortedSet<int>(), new SortedSet<int>());
        var (open, seen) = (new Stack<NodeId>(makes), new HashSet<NodeId>());
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            switch (whole[id])
            {
                case InputNode input:
                    (input.Kind == InputKind.Parameter ? parameters : reads).Add(id.Value);
                    break;
                case var node when members.Contains(id) || PreparedGroup.IsGiven(node):
                    nodes.Add(id.Value);
                    foreach (var operand in node.Operands)
                    {
                        open.Push(operand);
                    }

                    break;
                default:
                    reads.Add(id.Value);
                    break;
            }
        }

        var graph = new GraphAssembler(name, []);
        foreach (var site in whole.Sites)
        {
            graph.AddSite(site);
        }

        var map = new Dictionary<NodeId, NodeId>();
        foreach (var id in reads.Select(n => new NodeId(n)))
        {
            map[id] = graph.Add(whole[id] is InputNode argument
                ? argument
                : new InputNode(whole[id].Type, InputKind.Argument, names.Of(id)) { Format = (whole[id] as FormatNode)?.Format });
        }

        foreach (var id in parameters.Select(n => new NodeId(n)))
        {
            map[id] = graph.Add(whole[id]);
        }

        foreach (var id in nodes.Select(n => new NodeId(n)))
        {
            map[id] = graph.Add(whole[id].WithOperands(whole[id].Operands.Select(o => map[o]).ToValueList()));
        }

        foreach (var id in makes)
        {
            graph.Output(names.Of(id), map[id]);
        }

        return (graph.ToGraph(), reads.Select(n => new NodeId(n)).ToValueList());
    }
}
