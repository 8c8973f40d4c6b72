using Lepton.Abi;
using Lepton.Language.Semantics;

namespace Lepton.Graphs.Building;

/// <summary>Reductions and matrix products of the typed program.</summary>
internal static class ReduceBuilder
{
    public static NodeId Labels(BuilderScope scope, TypedReduce reduce)
    {
        // The reduced labels stand behind the others in the order given, since argmax numbers them so. Broadcast what the source lacks.
        var kept = reduce.Type.Labels;
        var source = scope.Value(reduce.Source);
        var node = scope.Arrange(source, [.. kept, .. reduce.Over], source.Type.Shape);
        return Reduce(scope.Graph, reduce.Reducer, node, Enumerable.Range(kept.Count, reduce.Over.Count).ToValueList());
    }

    public static NodeId Axes(BuilderScope scope, TypedReduceAxes reduce)
    {
        var labels = reduce.Type.Labels;
        var shape = scope.Value(reduce.Source).Type.Shape;
        var node = Reduce(
            scope.Graph, reduce.Reducer, scope.Arrange(reduce.Source, labels, shape), reduce.Axes.Select(a => a + labels.Count).ToValueList());
        if (!reduce.KeepDims)
        {
            return node;
        }

        var stay = Enumerable.Range(0, labels.Count + shape.Count).Where(a => a < labels.Count || !reduce.Axes.Contains(a - labels.Count));
        return scope.Graph.Broadcast(node, BuilderScope.Sizes(labels, reduce.Type.Shape), stay.ToValueList());
    }

    /// <summary>y[batch…, m, n] = Σ_k left[batch…, m, k] right[batch…, k, n], as one contraction.</summary>
    public static NodeId MatMul(BuilderScope scope, TypedMatMul product)
    {
        var labels = product.Type.Labels;
        var batch = product.Type.Shape.Count
            - (scope.Value(product.Left).Type.Shape.Count > 1 ? 1 : 0) - (scope.Value(product.Right).Type.Shape.Count > 1 ? 1 : 0);

        // Numbers: the open labels, then the batch axes, then m, n and k.
        var (m, n, k) = (labels.Count + batch, labels.Count + batch + 1, labels.Count + batch + 2);
        var left = Factor(scope, product.Left, labels, product.Type.Shape, batch, m, k);
        var right = Factor(scope, product.Right, labels, product.Type.Shape, batch, k, n);
        var output = Enumerable.Range(0, labels.Count + batch)
            .Concat(left.Labels.Contains(m) ? [m] : []).Concat(right.Labels.Contains(n) ? [n] : []).ToValueList();

        // A label or batch axis that neither factor has (size 1 in both, or open only around the product) is put in afterwards.
        var held = output.Where(l => l >= m || left.Labels.Contains(l) || right.Labels.Contains(l)).ToValueList();
        var node = scope.Graph.Contract([left.Node, right.Node], [left.Labels, right.Labels], held);
        return scope.Graph.Broadcast(
            node, BuilderScope.Sizes(labels, product.Type.Shape), held.Select(l => output.Span.IndexOf(l)).ToValueList());
    }

    // The operand with a number for each of its axes: batch axes of size 1 that the product repeats are dropped.
    private static (NodeId Node, ValueList<int> Labels) Factor(
        BuilderScope scope, ValueId id, ValueList<IndexLabel> labels, ValueList<SizeExpr> shape, int batch, int first, int second)
    {
        var value = scope.Value(id);
        var own = value.Type.Shape;
        var numbers = value.Type.Labels.Select(l => BuilderScope.Position(labels, l)).ToList();
        var sizes = value.Type.Labels.Select(l => l.Size).ToList();
        var axes = Enumerable.Range(0, numbers.Count).ToList();
        var matrix = Math.Min(own.Count, 2);
        for (var axis = 0; axis < own.Count - matrix; axis++)
        {
            var to = batch - (own.Count - matrix) + axis;
            if (own[axis] == SizeExpr.One && shape[to] != SizeExpr.One)
            {
                axes.Add(-1);
                continue;
            }

            axes.Add(numbers.Count);
            numbers.Add(labels.Count + to);
            sizes.Add(own[axis]);
        }

        // A vector on the left is a row (k), on the right a column (k): only the summed axis.
        var summed = Math.Max(first, second);
        foreach (var (number, axis) in own.Count == 1 ? [(summed, 0)] : new[] { (first, own.Count - 2), (second, own.Count - 1) })
        {
            axes.Add(numbers.Count);
            numbers.Add(number);
            sizes.Add(own[axis]);
        }

        return (scope.Graph.Broadcast(value.Node, sizes.ToValueList(), axes.ToValueList()), numbers.ToValueList());
    }

    private static NodeId Reduce(GraphAssembler graph, TypedReducer reducer, NodeId source, ValueList<int> axes)
    {
        if (reducer != TypedReducer.Mean)
        {
            return graph.Reduce(Enum.Parse<ReduceKind>(reducer.ToString()), source, axes);
        }

        // mean = sum / count, both in the compute type, rounded to the element type at the end.
        var type = graph.TypeOf(source);
        var compute = type.Element.ComputeType();
        var sum = graph.Reduce(ReduceKind.Sum, graph.Cast(source, compute), axes);
        var shape = graph.TypeOf(sum).Shape;
        var size = SizeExpr.Product(axes.Select(a => type.Shape[a]));
        var count = size.AsConstant is { } known
            ? graph.Splat(ScalarMeaning.Cast(Scalar.Integer(ElementType.I64, known), compute), shape)
            : graph.Broadcast(graph.Cast(graph.Size(size), compute), shape, []);
        return graph.Cast(graph.Map(MapOp.Div, sum, count), type.Element);
    }
}
