using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Optimizer;

/// <summary>
/// An expensive value that is wanted only where one tensor stores is kept like that tensor, where more than one kernel, or a sum, will read it:
/// <code>
/// s = if stored(a) then Σ q·k else f    -> s = format (…) like a, with the fill value f
/// </code>
/// So products of dense factors are sampled: computed at the entries of a, once, instead of everywhere. What takes an exponential is kept too
/// where a product with a dense matrix would compute it for each of its columns. Exact: storing changes no number.
/// </summary>
internal static class StoreSparse
{
    /// <param name="graph">The graph.</param>
    /// <param name="tell">Hears of each value that is kept like a tensor.</param>
    public static Graph Run(Graph graph, Action<RuleNote>? tell = null) => Rewrite.InBodies(graph, g => Alone(g, tell));

    private static Graph Alone(Graph graph, Action<RuleNote>? tell)
    {
        if (!graph.Nodes.Any(n => SupportAnalysis.FormatOf(n) is not null))
        {
            return graph;
        }

        var formats = Choose(graph, tell);
        if (formats.Count == 0)
        {
            return graph;
        }

        var position = 0;
        return Rewrite.Flat(graph, (target, node) =>
        {
            var id = new NodeId(position++);
            var copy = target.Add(node);
            return formats.TryGetValue(id, out var format) ? target.Add(new FormatNode(node.Type, copy, format)) : copy;
        });
    }

    private static Dictionary<NodeId, TensorFormat> Choose(Graph graph, Action<RuleNote>? tell)
    {
        var users = new List<NodeId>[graph.Nodes.Count];
        for (var i = 0; i < users.Length; i++)
        {
            users[i] = [];
            foreach (var operand in graph.Nodes[i].Operands)
            {
                users[operand.Value].Add(new NodeId(i));
            }
        }

        var analysis = new SupportAnalysis(graph, id => graph[id] is FormatNode);
        var chosen = new Dictionary<NodeId, TensorFormat>();

        // Whether a product or sum at the same index is computed for the node, and not kept below it.
        var isHeavy = new bool[graph.Nodes.Count];
        var isCostly = new bool[graph.Nodes.Count];
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var id = new NodeId(i);
            isHeavy[i] = graph.Nodes[i] switch
            {
                ContractNode or ReduceNode => true,
                MapNode map => map.Arguments.Any(a => isHeavy[a.Value]),
                ViewNode view => SparseRegion.IsIdentity(graph, view) && isHeavy[view.Source.Value],
                _ => false,
            };
            isCostly[i] = graph.Nodes[i] switch
            {
                MapNode map => map.Op.Info().Transcendental || map.Arguments.Any(a => isCostly[a.Value]),
                ViewNode view => SparseRegion.IsIdentity(graph, view) && isCostly[view.Source.Value],
                _ => false,
            };
            if (graph.Nodes[i] is not MapNode || !((isHeavy[i] && IsShared(graph, users, id)) || (isCostly[i] && users[i] is [var user] && Repeats(graph[user], id))))
            {
                continue;
            }

            var axes = Enumerable.Range(0, graph.Nodes[i].Type.Rank).ToValueList();
            if (analysis.Of(id, axes) is { Fill: { } fill, Where: StoredAt stored } && stored.Variables == axes)
            {
                chosen[id] = SupportAnalysis.FormatOf(graph[stored.Tensor])!.WithFill(fill);
                tell?.Invoke(Note(graph, id, stored.Tensor, fill));
                (isHeavy[i], isCostly[i]) = (false, false);
            }
        }

        return chosen;
    }

    private static RuleNote Note(Graph graph, NodeId id, NodeId tensor, Scalar fill)
    {
        var (type, format) = (graph[id].Type, SupportAnalysis.FormatOf(graph[tensor])!);
        var name = graph[tensor] is InputNode input ? input.Label : "s";
        var (stored, width) = (format.Count(format.Levels.Count - 1, name, type.Shape), type.Element.ByteSize());
        return new RuleNote(
            "store-sparse",
            $"{graph[id].Name} = (if {name} stores there then {graph[id].Name} else {fill})",
            $"it is read more than once, or summed: {stored} of {type.Count} elements are computed and kept, {stored * width} of {type.Count * width} bytes");
    }

    // Whether a product takes each element of a factor more than once.
    private static bool Repeats(Node user, NodeId factor) =>
        user is ContractNode contract && contract.Output.Any(label => !contract.Labels[contract.Factors.ToList().IndexOf(factor)].Contains(label));

    // Whether more than an elementwise chain towards one stored result reads a node.
    private static bool IsShared(Graph graph, List<NodeId>[] users, NodeId id)
    {
        while (users[id.Value] is [var one] && (graph[one] is MapNode || (graph[one] is ViewNode view && SparseRegion.IsIdentity(graph, view))))
        {
            id = one;
        }

        return users[id.Value] is not ([] or [_]) || users[id.Value] is [var last] && graph[last] is not FormatNode;
    }
}
