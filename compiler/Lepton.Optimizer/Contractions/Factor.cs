using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer.Contractions;

/// <summary>A factor of a product over a common index space: a tensor and, for each of its axes, which index of the space runs along it.</summary>
internal sealed record Factor(NodeId Node, ValueList<int> Labels)
{
    /// <summary>
    /// The smallest tensor that gives <paramref name="node"/>, an operand over the whole space: axes that it only repeats along are stripped.
    /// A plain view disappears, any other (a window, a diagonal, a slice) stays, over the labels that it depends on.
    /// </summary>
    public static Factor Strip(GraphAssembler graph, NodeId node, ValueList<int> labels) => graph[node] switch
    {
        SplatNode splat => new Factor(graph.Splat(splat.Value), []),
        IotaNode iota => new Factor(graph.Iota([iota.Type.Shape[iota.Axis]], 0), [labels[iota.Axis]]),
        ViewNode view when Affine.IsPlain(graph, view) => new Factor(view.Source, view.Access.Select(a => labels[a.AsPlainAxis]).ToValueList()),
        ViewNode view => StripView(graph, node, view, labels),
        _ => new Factor(node, labels),
    };

    /// <summary>As <see cref="Strip"/>, but only plain views are, so that no node is added where it may not be used.</summary>
    public static Factor Plain(GraphAssembler graph, NodeId node, ValueList<int> labels) =>
        graph[node] is ViewNode view && Affine.IsPlain(graph, view) ? Strip(graph, node, labels) : new Factor(node, labels);

    /// <summary>a·b over the labels of both, of which b's are the more.</summary>
    public static Factor Multiply(GraphAssembler graph, Factor few, Factor many) => many with { Node = graph.Map(MapOp.Mul, Spread(graph, few, many), many.Node) };

    /// <summary>many · few or many / few.</summary>
    public static Factor Apply(GraphAssembler graph, MapOp op, Factor few, Factor many) => many with { Node = graph.Map(op, many.Node, Spread(graph, few, many)) };

    public bool IsWithin(Factor other) => Labels.All(other.Labels.Contains);

    private static NodeId Spread(GraphAssembler graph, Factor few, Factor many)
    {
        var shape = graph.TypeOf(many.Node).Shape;
        return graph.View(few.Node, shape, few.Labels.Select(l => AxisAccess.Axis(IndexOf(many.Labels, l))).ToValueList());
    }

    private static Factor StripView(GraphAssembler graph, NodeId node, ViewNode view, ValueList<int> labels)
    {
        int[] kept = [.. Affine.Axes(view.Access)];
        if (kept.Length == view.Type.Rank)
        {
            return new Factor(node, labels);
        }

        // Without the stripped axes, one of which may be empty, the accesses have to hold still.
        var shape = kept.Select(a => view.Type.Shape[a]).ToValueList();
        var access = view.Access.Select(a => Affine.Rename(a, x => Array.IndexOf(kept, x))).ToValueList();
        return Affine.IsSafe(access, graph.TypeOf(view.Source).Shape, shape)
            ? new Factor(graph.View(view.Source, shape, access, view.Fill), kept.Select(a => labels[a]).ToValueList())
            : new Factor(node, labels);
    }

    private static int IndexOf(ValueList<int> list, int item)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] == item)
            {
                return i;
            }
        }

        throw new CompilerBugException("form-contractions", $"label {item} is not in {list}");
    }
}
