using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Placement.Costs;

/// <summary>How much tensors take, dense or stored in a format, at constant sizes.</summary>
internal sealed class SparseSizes(Graph graph, WorkAssumptions assumptions)
{
    public double Bytes(NodeId id) => graph[id] switch
    {
        var node when SupportAnalysis.FormatOf(node) is { } format => format
            .Arrays(NameOf(id), node.Type.Element, node.Type.Shape)
            .Sum(a => (double)a.Count.Evaluate(v => Stored(v, id, format)) * a.Element.ByteSize()),
        var node => Elements(node.Type.Shape) * node.Type.Element.ByteSize(),
    };

    /// <summary>The share of a node's places that a loop over it meets: 1 where it is dense.</summary>
    public double Density(NodeId id) =>
        SupportAnalysis.FormatOf(graph[id]) is { } format && Elements(graph[id].Type.Shape) is > 0 and var places
            ? Math.Min(1, format.Count(format.Levels.Count - 1, NameOf(id), graph[id].Type.Shape).Evaluate(v => Stored(v, id, format)) / places)
            : 1;

    /// <summary>The product of constant sizes; as a double it does not overflow.</summary>
    public static double Elements(ValueList<SizeExpr> sizes)
    {
        var count = 1.0;
        foreach (var size in sizes)
        {
            count *= size.AsConstant ?? throw new CompilerBugException("costs", $"size {size} is not known");
        }

        return count;
    }

    private string NameOf(NodeId id) => graph[id] is InputNode input ? input.Label : $"n{id.Value}";

    // What a compressed level holds: no more than its places, and no more than is stored at all.
    private long Stored(string variable, NodeId id, TensorFormat format)
    {
        if (assumptions.Stored.TryGetValue(variable, out var known))
        {
            return known;
        }

        var shape = graph[id].Type.Shape;
        var places = Elements(shape);
        var last = Math.Max(1, shape[format.Levels[^1].Axis].AsConstant ?? 1);
        var stored = places * Math.Min(1, Math.Max(assumptions.Density, 1.0 / last));
        var room = 1.0;
        for (var level = 0; level < format.Levels.Count; level++)
        {
            room *= format.SizeOf(level, shape).AsConstant ?? 1;
            if (variable == TensorFormat.StoredName(NameOf(id), level))
            {
                // Blocks below the level are stored whole.
                var block = Enumerable.Range(level + 1, format.Levels.Count - level - 1).Where(l => format.Levels[l].Kind == LevelKind.Dense)
                    .Aggregate(1.0, (size, l) => size * (format.SizeOf(l, shape).AsConstant ?? 1));
                return (long)Math.Ceiling(format.Levels[level].Unique ? Math.Min(room, stored / Math.Max(1, block)) : stored);
            }
        }

        return (long)Math.Ceiling(stored);
    }
}
