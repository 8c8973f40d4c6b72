using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Structural equality of graphs. (Node records compare the bodies of loops by reference.)</summary>
public static class GraphCompare
{
    /// <summary>Whether the graphs have the same nodes, inputs, outputs, constraints and sites, bodies compared likewise.</summary>
    public static bool Same(Graph left, Graph right)
    {
        var same = left.Name == right.Name && left.Dims == right.Dims && left.Inputs == right.Inputs && left.Outputs == right.Outputs
            && left.Constraints == right.Constraints && left.Sites == right.Sites && left.Nodes.Count == right.Nodes.Count;
        for (var i = 0; same && i < left.Nodes.Count; i++)
        {
            same = Same(left.Nodes[i], right.Nodes[i]);
        }

        return same;
    }

    public static bool Same(Node left, Node right) => (left, right) switch
    {
        (ScanNode l, ScanNode r) => l with { Body = r.Body } == r && Same(l.Body, r.Body),
        (IterateNode l, IterateNode r) => l with { Body = r.Body } == r && Same(l.Body, r.Body),
        _ => left == right,
    };
}
