using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer;

/// <summary>
/// Where an equality leaves one index of a reduced axis, and everything else is neutral, there is nothing to reduce: the tensor is read there.
/// <code>
/// sum[j] (if j == i + c then x[i, j] else 0)    ->   x[i, i + c], and 0 outside the axis             a diagonal
/// sum[k] (if y[b] == k then w[k, d] else 0)     ->   if 0 ≤ y[b] &lt; K then w[y[b], d] else 0          one-hot: a lookup
/// </code>
/// and so for products, maxima, minima, any and all, with their neutral elements. Exact, as a choice drops its other branch whatever that is: a
/// sum starts from 0, so a float -0.0 becomes 0.0, as 0 is added. Products with 0 or 1 instead of a choice are exact for integers, and for
/// floats done under fast-math alone: 0 · inf is nan.
/// </summary>
public static class PinIndices
{
    /// <param name="graph">The graph.</param>
    /// <param name="fastMath">Also for products of floats with 0 or 1.</param>
    /// <param name="tell">Hears of each index that was pinned.</param>
    public static Graph Run(Graph graph, bool fastMath = false, Action<RuleNote>? tell = null) => Rewrite.Deep(graph, (target, node) =>
        node is ReduceNode { Kind: not (ReduceKind.ArgMax or ReduceKind.ArgMin) } reduce && Pinned(target, reduce, fastMath, tell) is { } id ? id : target.Add(node));

    private static NodeId? Pinned(GraphAssembler graph, ReduceNode reduce, bool fastMath, Action<RuleNote>? tell)
    {
        var source = reduce.Source;
        if (graph[source] is not MapNode)
        {
            return null;
        }

        var predicates = new IndexPredicates(id => graph[id], source, zeroAnnihilates: fastMath || !graph.TypeOf(source).Element.IsFloat());
        foreach (var difference in predicates.Equalities)
        {
            foreach (var axis in reduce.Axes.Where(a => difference.Coefficient(a).AsConstant is 1 or -1))
            {
                // Neutral on both sides of the diagonal.
                var above = difference.Plus(new AffineIndex(SizeExpr.One, []), -1);
                var below = difference.Complement();
                if (IsNeutral(predicates.Value(source, [above]), reduce.Kind) && IsNeutral(predicates.Value(source, [below]), reduce.Kind)
                    && Diagonal(graph, reduce, axis, difference) is { } id)
                {
                    var place = Place(difference, axis);
                    tell?.Invoke(Note(graph, reduce, axis, $"i{axis} = {new AxisAccess(place.Offset, place.Terms)}"));
                    return id;
                }
            }
        }

        foreach (var comparison in predicates.DataEqualities)
        {
            foreach (var axis in reduce.Axes)
            {
                if (IsNeutral(predicates.Value(source, [], comparison), reduce.Kind) && Lookup(graph, reduce, axis, comparison) is { } id)
                {
                    tell?.Invoke(Note(graph, reduce, axis, $"i{axis} = y"));
                    return id;
                }
            }
        }

        return null;
    }

    private static RuleNote Note(GraphAssembler graph, ReduceNode reduce, int axis, string place)
    {
        var type = graph.TypeOf(reduce.Source);
        var (kind, kept, bytes) = (reduce.Kind.ToString().ToLowerInvariant(), SizeExpr.Product(Kept(type.Shape, axis)), type.Element.ByteSize());
        return new RuleNote(
            "pin-indices",
            $"{kind}[i{axis}] (if {place} then x else {Neutral.Of(reduce.Kind, type.Element)}) = x at {place}",
            $"all others are neutral: {kept} of {type.Count} elements are computed, {kept * bytes} of {type.Count * bytes} bytes of them");
    }

    private static bool IsNeutral(Scalar? value, ReduceKind kind) =>
        value is { } v && Neutral.Of(kind, v.Type) is var neutral && (v == neutral || (kind == ReduceKind.Sum && v.AsDouble == 0));

    // difference = ±j + rest is 0 at j = ∓rest.
    private static AffineIndex Place(AffineIndex difference, int axis) => new AffineIndex(SizeExpr.Zero, []).Plus(
        difference with { Terms = difference.Terms.Where(t => t.Axis != axis).ToValueList() }, difference.Coefficient(axis) == SizeExpr.One ? -1 : 1);

    private static NodeId? Diagonal(GraphAssembler graph, ReduceNode reduce, int axis, AffineIndex difference)
    {
        var shape = graph.TypeOf(reduce.Source).Shape;
        var place = Place(difference, axis);
        var access = new AxisAccess[shape.Count];
        for (var a = 0; a < access.Length; a++)
        {
            access[a] = a == axis ? Without(place, axis) with { Outside = Outside.Fill } : AxisAccess.Axis(a < axis ? a : a - 1);
        }

        var kept = Kept(shape, axis);
        var isInside = Affine.IsInside(access[axis] with { Outside = Outside.Never }, shape[axis], kept);
        access[axis] = access[axis] with { Outside = isInside ? Outside.Never : Outside.Fill };
        var list = ValueList.Create<AxisAccess>(access);
        return AxisAccess.Fit(list, shape, kept)
            ? Rest(graph, reduce, axis, graph.View(reduce.Source, kept, list, isInside ? null : Neutral.Of(reduce.Kind, reduce.Type.Element)))
            : null;
    }

    private static NodeId? Lookup(GraphAssembler graph, ReduceNode reduce, int axis, IndexComparison comparison)
    {
        var shape = graph.TypeOf(reduce.Source).Shape;
        var plain = new AffineIndex(SizeExpr.Zero, [new AffineTerm(axis, SizeExpr.One)]);
        var sides = ((MapNode)graph[comparison.Node]).Arguments;
        var isFirst = AffineIndex.Of(id => graph[id], sides[0], comparison.Axes) == plain;
        if (!isFirst && AffineIndex.Of(id => graph[id], sides[1], comparison.Axes) != plain)
        {
            return null;
        }

        var kept = Kept(shape, axis);
        var index = new PinnedValues(graph, kept, axis, null, null).Of(sides[isFirst ? 1 : 0], comparison.Axes);
        if (index is not { } at || new PinnedValues(graph, kept, axis, at, comparison).Of(reduce.Source, AffineIndex.Axes(shape.Count)) is not { } value)
        {
            return null;
        }

        var outside = Neutral.Of(reduce.Kind, reduce.Type.Element);
        if (graph[value] is GatherNode { Indices: [var own] } gather && own == at)
        {
            return Rest(graph, reduce, axis, graph.Add(gather with { Fill = outside }));
        }

        var type = new TensorType(ElementType.I64, kept);
        var size = graph.View(graph.Size(shape[axis]), kept, []);
        var isInside = graph.Map(MapOp.And, graph.Map(MapOp.LessEqual, graph.Splat(type, 0), at), graph.Map(MapOp.Less, at, size));
        return Rest(graph, reduce, axis, graph.Map(MapOp.Select, isInside, value, graph.Splat(outside, kept)));
    }

    // What is left to reduce; and a sum over one index is that number and 0.
    private static NodeId Rest(GraphAssembler graph, ReduceNode reduce, int axis, NodeId value)
    {
        var axes = reduce.Axes.Where(a => a != axis).Select(a => a < axis ? a : a - 1).ToValueList();
        return axes.Count > 0 ? graph.Reduce(reduce.Kind, value, axes)
            : reduce.Kind == ReduceKind.Sum && reduce.Type.Element.IsFloat() ? graph.Map(MapOp.Add, value, graph.Splat(graph.TypeOf(value), 0))
            : value;
    }

    private static ValueList<SizeExpr> Kept(ValueList<SizeExpr> shape, int axis) => shape.Where((_, a) => a != axis).ToValueList();

    /// <summary>An index that does not depend on an axis, over the axes without it.</summary>
    internal static AxisAccess Without(AffineIndex index, int axis) =>
        new(index.Offset, index.Terms.Select(t => t with { Axis = t.Axis < axis ? t.Axis : t.Axis - 1 }).ToValueList());
}
