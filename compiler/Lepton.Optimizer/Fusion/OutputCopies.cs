using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// Every output gets a node of its own that a kernel stores: an input or constant that is returned, and a node that is returned twice, get
/// an identity view, which becomes a copying kernel.
/// </summary>
internal static class OutputCopies
{
    public static Graph Add(Graph graph)
    {
        var taken = new HashSet<NodeId>();
        if (graph.Outputs.All(o => graph[o.Node] is not (InputNode or ConstantNode) && taken.Add(o.Node)))
        {
            return graph;
        }

        var target = GraphAssembler.Like(graph);
        foreach (var node in graph.Nodes)
        {
            target.Add(node);
        }

        taken.Clear();
        foreach (var output in graph.Outputs)
        {
            var node = graph[output.Node];
            var isOwn = node is not (InputNode or ConstantNode) && taken.Add(output.Node);
            target.Output(output.Name, isOwn
                ? output.Node
                : node is FormatNode stored ? target.Add(stored)
                : target.Add(new ViewNode(node.Type, output.Node, Enumerable.Range(0, node.Type.Rank).Select(AxisAccess.Axis).ToValueList(), null)));
        }

        return target.ToGraph();
    }
}
