using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// Two nodes with equal records are one. Records compare by contents and edges are ids, so one dictionary in dependency order finds all.
/// Operands of commutative operations are sorted first. Inputs are never merged: each is a place in the calling order. Loops are equal only
/// when their bodies are the same object.
/// </summary>
public static class CommonSubexpressions
{
    public static Graph Run(Graph graph) => Rewrite.InBodies(graph, RunFlat);

    private static Graph RunFlat(Graph graph)
    {
        var seen = new Dictionary<Node, NodeId>();
        return Rewrite.Flat(graph, (target, node) =>
        {
            if (node is InputNode)
            {
                return target.Add(node);
            }

            var key = Sorted(node);
            if (!seen.TryGetValue(key, out var id))
            {
                id = target.Add(node);
                seen.Add(key, id);
            }

            return id;
        });
    }

    // a + b and b + a are one key; the node that stays keeps the order it was written in.
    private static Node Sorted(Node node) =>
        node is MapNode { Arguments: { Count: 2 } a } map && map.Op.Info().Commutative && a[0].Value > a[1].Value
            ? map with { Arguments = [a[1], a[0]] }
            : node;
}
