using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// How passes walk: node by node in dependency order, each with its operands already translated, so a rewrite looks at finished operands
/// and one walk is linear. A graph in which nothing changed is answered as the same object; the pass list stops repeating by that.
/// </summary>
internal static class Rewrite
{
    /// <summary>Rewrites a graph, the bodies of its scans and iterates first. <paramref name="rewrite"/> answers the node that stands for its argument.</summary>
    public static Graph Deep(Graph graph, Func<GraphAssembler, Node, NodeId> rewrite) => InBodies(graph, g => Flat(g, rewrite));

    /// <summary>Runs a pass over the bodies of scans and iterates (innermost first), then over the graph itself.</summary>
    public static Graph InBodies(Graph graph, Func<Graph, Graph> pass)
    {
        if (graph.Nodes.Any(n => n is ScanNode or IterateNode))
        {
            graph = Flat(graph, (target, node) => target.Add(WithBody(node, body => InBodies(body, pass))));
        }

        return pass(graph);
    }

    /// <summary>The node with its body, if it has one, replaced.</summary>
    public static Node WithBody(Node node, Func<Graph, Graph> change)
    {
        switch (node)
        {
            case ScanNode scan:
                var scanBody = change(scan.Body);
                return ReferenceEquals(scanBody, scan.Body) ? scan : scan with { Body = scanBody };
            case IterateNode iterate:
                var iterateBody = change(iterate.Body);
                return ReferenceEquals(iterateBody, iterate.Body) ? iterate : iterate with { Body = iterateBody };
            default:
                return node;
        }
    }

    /// <summary>Rewrites one graph without its bodies.</summary>
    public static Graph Flat(Graph graph, Func<GraphAssembler, Node, NodeId> rewrite)
    {
        var target = GraphAssembler.Like(graph);
        var moved = new NodeId[graph.Nodes.Count];
        for (var i = 0; i < moved.Length; i++)
        {
            moved[i] = rewrite(target, Move(graph.Nodes[i], moved));
        }

        return Finish(graph, target, moved);
    }

    /// <summary>The node over its operands' translations; the same object when these are the same.</summary>
    public static Node Move(Node node, NodeId[] moved)
    {
        var operands = node.Operands;
        var changed = false;
        foreach (var operand in operands.Span)
        {
            changed |= moved[operand.Value] != operand;
        }

        if (!changed)
        {
            return node;
        }

        var to = new NodeId[operands.Count];
        for (var i = 0; i < to.Length; i++)
        {
            to[i] = moved[operands[i].Value];
        }

        return node.WithOperands(ValueList.Create<NodeId>(to));
    }

    /// <summary>Gives the target the outputs of <paramref name="graph"/>; answers <paramref name="graph"/> itself when nothing changed.</summary>
    public static Graph Finish(Graph graph, GraphAssembler target, NodeId[] moved)
    {
        foreach (var output in graph.Outputs)
        {
            target.Output(output.Name, moved[output.Node.Value]);
        }

        var same = target.Nodes.Count == graph.Nodes.Count;
        for (var i = 0; same && i < moved.Length; i++)
        {
            same = moved[i].Value == i && ReferenceEquals(target.Nodes[i], graph.Nodes[i]);
        }

        return same ? graph : target.ToGraph();
    }
}
