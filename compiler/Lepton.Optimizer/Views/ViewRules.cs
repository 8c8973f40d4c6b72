using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Views;

/// <summary>What a view or reshape of something simpler is equal to. Each rule answers null when it does not apply.</summary>
internal static class ViewRules
{
    // x[access else clamp] -> x[access] when the access provably stays inside
    public static NodeId? DropGuard(GraphAssembler graph, ViewNode view)
    {
        var shape = graph.TypeOf(view.Source).Shape;
        var access = view.Access.Select((a, axis) =>
            a.Outside != Outside.Never && Affine.IsInside(a, shape[axis], view.Type.Shape) ? a with { Outside = Outside.Never } : a).ToValueList();
        return access == view.Access
            ? null
            : graph.View(view.Source, view.Type.Shape, access, access.Any(a => a.Outside == Outside.Fill) ? view.Fill : null);
    }

    // x[i, j, …] -> x; along an axis of size 1 both i and 0 are plain
    public static NodeId? Identity(GraphAssembler graph, ViewNode view)
    {
        var shape = graph.TypeOf(view.Source).Shape;
        if (shape != view.Type.Shape)
        {
            return null;
        }

        for (var axis = 0; axis < shape.Count; axis++)
        {
            if (view.Access[axis].AsPlainAxis != axis && !(shape[axis] == SizeExpr.One && view.Access[axis] == AxisAccess.At(SizeExpr.Zero)))
            {
                return null;
            }
        }

        return view.Source;
    }

    // view of c -> c over the view's shape, when nothing but c can come out
    public static NodeId? OfSplat(GraphAssembler graph, ViewNode view) =>
        graph[view.Source] is SplatNode splat && (view.Fill is null || view.Fill == splat.Value)
            ? graph.Splat(splat.Value, view.Type.Shape)
            : null;

    // m[outer], m[j] = x[inner] -> x[inner(outer)]
    public static NodeId? OfView(GraphAssembler graph, ViewNode view)
    {
        if (graph[view.Source] is not ViewNode inner)
        {
            return null;
        }

        var shape = graph.TypeOf(inner.Source).Shape;
        return Affine.Compose(view.Access, view.Fill, inner.Type.Shape, inner.Access, inner.Fill, shape, view.Type.Shape) is var (access, fill)
            ? graph.View(inner.Source, view.Type.Shape, access, fill)
            : null;
    }

    // iota_axis[…, a + Σ c·i, …] -> a + Σ c·iota
    public static NodeId? OfIota(GraphAssembler graph, ViewNode view)
    {
        if (graph[view.Source] is not IotaNode iota || view.Fill is not null || view.Access[iota.Axis] is not { Outside: Outside.Never } access)
        {
            return null;
        }

        if (access.Terms.Count > 2 || access.Terms.Any(t => !t.Coefficient.IsConstant))
        {
            return null;
        }

        NodeId? sum = null;
        foreach (var (axis, coefficient) in access.Terms)
        {
            var index = graph.Iota(view.Type.Shape, axis);
            var term = coefficient == SizeExpr.One ? index : graph.Map(MapOp.Mul, index, Everywhere(graph, coefficient, view.Type.Shape));
            sum = sum is { } s ? graph.Map(MapOp.Add, s, term) : term;
        }

        var offset = access.Offset == SizeExpr.Zero && sum is not null ? null : (NodeId?)Everywhere(graph, access.Offset, view.Type.Shape);
        return (sum, offset) is ({ } a, { } b) ? graph.Map(MapOp.Add, a, b) : sum ?? offset;
    }

    // reshape(x) -> x when the shape is the same
    // reshape(reshape(x)) -> reshape(x)
    // reshape(c) -> c
    // reshape that only inserts and removes axes of size 1 -> view
    public static NodeId? OfReshape(GraphAssembler graph, ReshapeNode reshape)
    {
        var source = graph.TypeOf(reshape.Source).Shape;
        return source == reshape.Type.Shape ? reshape.Source
            : graph[reshape.Source] switch
            {
                ReshapeNode inner => graph.Reshape(inner.Source, reshape.Type.Shape),
                SplatNode splat => graph.Splat(splat.Value, reshape.Type.Shape),
                ConstantNode constant => graph.Constant(reshape.Type, constant.Values),
                _ => AsView(graph, reshape, source),
            };
    }

    private static NodeId? AsView(GraphAssembler graph, ReshapeNode reshape, ValueList<SizeExpr> source)
    {
        var shape = reshape.Type.Shape;
        var access = new AxisAccess[source.Count];
        var to = 0;
        for (var from = 0; from < access.Length; from++)
        {
            if (source[from] == SizeExpr.One)
            {
                access[from] = AxisAccess.At(SizeExpr.Zero);
                continue;
            }

            while (to < shape.Count && shape[to] == SizeExpr.One)
            {
                to++;
            }

            if (to == shape.Count || shape[to] != source[from])
            {
                return null;
            }

            access[from] = AxisAccess.Axis(to++);
        }

        return shape.Skip(to).All(s => s == SizeExpr.One) ? graph.View(reshape.Source, shape, access.ToValueList()) : null;
    }

    private static NodeId Everywhere(GraphAssembler graph, SizeExpr size, ValueList<SizeExpr> shape) => size.AsConstant is { } c
        ? graph.Splat(Scalar.Integer(ElementType.I64, c), shape)
        : graph.View(graph.Size(size), shape, []);
}
