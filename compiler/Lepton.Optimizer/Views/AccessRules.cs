using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Views;

/// <summary>Operations that read through a view read the view's source instead.</summary>
internal static class AccessRules
{
    // gather(view(x), i) -> gather(x, i)
    public static NodeId? GatherOfView(GraphAssembler graph, GatherNode gather)
    {
        if (graph[gather.Source] is not ViewNode view)
        {
            return null;
        }

        var shape = graph.TypeOf(view.Source).Shape;
        return Affine.Compose(gather.Access, gather.Fill, view.Type.Shape, view.Access, view.Fill, shape, gather.Type.Shape) is var (access, fill)
            ? graph.Gather(view.Source, gather.Indices, gather.Type.Shape, access, fill)
            : null;
    }

    // x[…, iota_k, …] -> x[…, i_k, …] and x[…, c, …] as a plain access: an index that is no data needs no check once it is proved inside
    public static NodeId? GatherWithoutData(GraphAssembler graph, GatherNode gather)
    {
        var shape = graph.TypeOf(gather.Source).Shape;
        var access = gather.Access.ToArray();
        for (var axis = 0; axis < access.Length; axis++)
        {
            if (access[axis].Data >= 0 && AsAffine(graph, gather.Indices[access[axis].Data]) is { } affine)
            {
                affine = affine with { Outside = access[axis].Outside };
                if (affine.Outside != Outside.Never || Affine.IsInside(affine, shape[axis], gather.Type.Shape))
                {
                    access[axis] = affine;
                }
            }
        }

        var used = access.Where(a => a.Data >= 0).Select(a => a.Data).Distinct().Order().ToList();
        if (used.Count == gather.Indices.Count)
        {
            return null;
        }

        var list = access.Select(a => a.Data >= 0 ? a with { Data = used.IndexOf(a.Data) } : a).ToValueList();
        return used.Count == 0
            ? graph.View(gather.Source, gather.Type.Shape, list, gather.Fill)
            : graph.Gather(gather.Source, used.Select(d => gather.Indices[d]).ToValueList(), gather.Type.Shape, list, gather.Fill);
    }

    // reduce(transpose(x)) -> transpose(reduce(x)), when the reduced axes keep their order: sums and argmax depend on it
    public static NodeId? ReduceOfTranspose(GraphAssembler graph, ReduceNode reduce)
    {
        if (graph[reduce.Source] is not ViewNode view || view.Access.Count != view.Type.Rank || !Affine.IsPlain(graph, view))
        {
            return null;
        }

        // place[result axis] = source axis
        var place = new int[view.Type.Rank];
        for (var axis = 0; axis < place.Length; axis++)
        {
            place[view.Access[axis].AsPlainAxis] = axis;
        }

        var axes = reduce.Axes.Select(a => place[a]).ToValueList();
        if (!axes.SequenceEqual(axes.Order()))
        {
            return null;
        }

        var source = graph.Reduce(reduce.Kind, view.Source, axes);
        var kept = Enumerable.Range(0, place.Length).Except(axes).ToList();
        var result = Enumerable.Range(0, place.Length).Except(reduce.Axes).Select(a => place[a]).ToList();
        return graph.View(source, reduce.Type.Shape, kept.Select(a => AxisAccess.Axis(result.IndexOf(a))).ToValueList());
    }

    // Σ_k x[k, j] over [i, j] -> (Σ_k x[k, j] over [j])[j]: a kept axis that the view only repeats along is repeated afterwards
    public static NodeId? ReduceOfRepetition(GraphAssembler graph, ReduceNode reduce)
    {
        if (graph[reduce.Source] is not ViewNode view)
        {
            return null;
        }

        var used = Affine.Axes(view.Access);
        int[] axes = [.. Enumerable.Range(0, view.Type.Rank).Where(a => used.Contains(a) || reduce.Axes.Contains(a))];
        var dropped = Enumerable.Range(0, view.Type.Rank).Except(axes).ToList();
        if (dropped.All(a => view.Type.Shape[a] == SizeExpr.One))
        {
            return null;
        }

        var shape = axes.Select(a => view.Type.Shape[a]).ToValueList();
        var access = view.Access.Select(a => Affine.Rename(a, x => Array.IndexOf(axes, x))).ToValueList();
        if (!Affine.IsSafe(access, graph.TypeOf(view.Source).Shape, shape))
        {
            return null;
        }

        var smaller = graph.View(view.Source, shape, access, view.Fill);
        var done = graph.Reduce(reduce.Kind, smaller, reduce.Axes.Select(a => Array.IndexOf(axes, a)).ToValueList());

        // Result axes are the kept axes of the whole, in order; those of the smaller sum lie among them.
        var kept = Enumerable.Range(0, view.Type.Rank).Except(reduce.Axes).ToList();
        return graph.View(done, reduce.Type.Shape, axes.Except(reduce.Axes).Select(a => AxisAccess.Axis(kept.IndexOf(a))).ToValueList());
    }

    // max over no axis of x -> x; a sum would turn -0.0 into 0.0
    public static NodeId? ReduceOfNoAxis(ReduceNode reduce) =>
        reduce.Axes.Count == 0 && (reduce.Kind is ReduceKind.Max or ReduceKind.Min or ReduceKind.Any or ReduceKind.All or ReduceKind.Prod
            || (reduce.Kind == ReduceKind.Sum && reduce.Type.Element.IsInteger()))
            ? reduce.Source
            : null;

    private static AxisAccess? AsAffine(GraphAssembler graph, NodeId index) => graph[index] switch
    {
        IotaNode iota => AxisAccess.Axis(iota.Axis),
        // Any number may be data, but not any number an offset.
        SplatNode splat when splat.Value.AsInteger is > -SizeExpr.MaxIndexNumber and < SizeExpr.MaxIndexNumber => AxisAccess.At(splat.Value.AsInteger),
        _ => null,
    };
}
