using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Kernels;

/// <summary>
/// The simplest cuts of a graph into groups. One group per node: everything is stored. Or as large as element-by-element evaluation allows:
/// maps, views, reshapes, gathers, concats and small reductions are computed again in every group that uses them.
/// </summary>
internal static class TrivialFusion
{
    public static FusedGraph Run(Graph graph, bool inline)
    {
        var groups = new List<FusionGroup>();
        var bodies = new Dictionary<NodeId, FusedGraph>();
        var stored = new bool[graph.Nodes.Count];
        foreach (var output in graph.Outputs)
        {
            stored[output.Node.Value] = graph[output.Node] is not (InputNode or ResultNode);
        }

        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            stored[i] |= StrategyOf(node) is not null and not KernelStrategy.Map || (!inline && StrategyOf(node) is not null);
            if (node is ScatterNode or SortNode or ScanNode or IterateNode && !inline)
            {
                foreach (var operand in node.Operands)
                {
                    stored[operand.Value] |= StrategyOf(graph[operand]) is not null;
                }
            }
        }

        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var (id, node) = (new NodeId(i), graph.Nodes[i]);
            var body = node switch
            {
                ScanNode scan => scan.Body,
                IterateNode iterate => iterate.Body,
                _ => null,
            };
            if (body is not null)
            {
                bodies.Add(id, Run(body, inline));
                var results = Enumerable.Range(0, graph.Nodes.Count).Select(r => new NodeId(r)).Where(r => graph[r] is ResultNode p && p.Source == id);
                groups.Add(new FusionGroup($"loop_{i}", KernelStrategy.Loop, [id, .. results], results.ToValueList()));
            }
            else if (stored[i] && StrategyOf(node) is { } strategy)
            {
                groups.Add(new FusionGroup($"{node.Name}_{i}", strategy, Members(graph, id, stored), [id]));
            }
        }

        return new FusedGraph(graph, groups.ToValueList(), [], bodies);
    }

    private static KernelStrategy? StrategyOf(Node node) => node switch
    {
        InputNode or SplatNode or SizeNode or IotaNode or ResultNode => null,
        ConstantNode { Values.Count: not 1 } => null,
        ScatterNode => KernelStrategy.Scatter,
        SortNode => KernelStrategy.Sort,
        ConcatNode => KernelStrategy.Concat,
        ScanNode or IterateNode => KernelStrategy.Loop,
        _ => KernelStrategy.Map,
    };

    private static ValueList<NodeId> Members(Graph graph, NodeId root, bool[] stored)
    {
        var members = new SortedSet<int> { root.Value };
        var open = new Stack<NodeId>(graph[root].Operands);
        while (open.TryPop(out var id))
        {
            if (!stored[id.Value] && graph[id] is not (InputNode or ConstantNode { Values.Count: not 1 } or ResultNode or ScanNode or IterateNode) && members.Add(id.Value))
            {
                foreach (var operand in graph[id].Operands)
                {
                    open.Push(operand);
                }
            }
        }

        return members.Select(m => new NodeId(m)).ToValueList();
    }
}
