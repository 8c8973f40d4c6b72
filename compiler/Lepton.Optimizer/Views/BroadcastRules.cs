using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Views;

/// <summary>Elementwise work moves from a view's result to its source where that is less work.</summary>
internal static class BroadcastRules
{
    // map(a[i], b[i], c) over [i, j] -> view(map(a, b, c) over [i]): an axis that no operand depends on is repeated afterwards
    public static NodeId? BeforeRepeating(GraphAssembler graph, MapNode map)
    {
        var shape = map.Type.Shape;
        var axes = new SortedSet<int>();
        var views = 0;
        foreach (var argument in map.Arguments)
        {
            switch (graph[argument])
            {
                case ViewNode view:
                    axes.UnionWith(Affine.Axes(view.Access));
                    views++;
                    break;
                case IotaNode iota:
                    axes.Add(iota.Axis);
                    views++;
                    break;
                case SplatNode:
                    break;
                default:
                    return null;
            }
        }

        if (views == 0 || Enumerable.Range(0, shape.Count).All(a => axes.Contains(a) || shape[a] == SizeExpr.One))
        {
            return null;
        }

        int[] kept = [.. axes];
        var number = new int[shape.Count];
        for (var k = 0; k < kept.Length; k++)
        {
            number[kept[k]] = k;
        }

        // The smaller shape may have elements where the whole, with an empty axis, had none.
        ValueList<AxisAccess> Renamed(ViewNode view) => view.Access.Select(a => Affine.Rename(a, x => number[x])).ToValueList();
        var smaller = kept.Select(a => shape[a]).ToValueList();
        if (map.Arguments.Any(a => graph[a] is ViewNode view && !Affine.IsSafe(Renamed(view), graph.TypeOf(view.Source).Shape, smaller)))
        {
            return null;
        }

        var arguments = map.Arguments.Select(argument => graph[argument] switch
        {
            SplatNode splat => graph.Splat(splat.Value, smaller),
            IotaNode iota => graph.Iota(smaller, number[iota.Axis]),
            ViewNode view => graph.View(view.Source, smaller, Renamed(view), view.Fill),
            _ => argument,
        }).ToValueList();
        var done = graph.Add(new MapNode(new TensorType(map.Type.Element, smaller), map.Op, arguments));
        return graph.View(done, shape, kept.Select(AxisAccess.Axis).ToValueList());
    }

    // map(transpose a, b[access]) -> transpose(map(a, b[access'])): a transposition moves behind the work until another one, or a sum, meets
    // it. The operands are a transposed tensor and views, which only change their order.
    public static NodeId? BeforeTranspose(GraphAssembler graph, MapNode map)
    {
        int[]? place = null;
        foreach (var argument in map.Arguments)
        {
            switch (graph[argument])
            {
                case ViewNode view:
                    place ??= Permutation(graph, view);
                    break;
                case SplatNode or IotaNode:
                    break;
                default:
                    return null;
            }
        }

        if (place is null)
        {
            return null;
        }

        // Result axis r of the map is axis place[r] of the work.
        var shape = new SizeExpr[place.Length];
        for (var axis = 0; axis < place.Length; axis++)
        {
            shape[place[axis]] = map.Type.Shape[axis];
        }

        var inner = ValueList.Create<SizeExpr>(shape);
        var arguments = map.Arguments.Select(argument => graph[argument] switch
        {
            ViewNode view => Moved(graph, view, inner, place),
            IotaNode iota => graph.Iota(inner, place[iota.Axis]),
            SplatNode splat => graph.Splat(splat.Value, inner),
            _ => argument,
        }).ToValueList();
        var work = graph.Add(new MapNode(new TensorType(map.Type.Element, inner), map.Op, arguments));
        return graph.Transpose(work, ValueList.Create<int>(place));
    }

    // The places of a transposition's axes in its source; null for another view.
    private static int[]? Permutation(GraphAssembler graph, ViewNode view)
    {
        if (view.Access.Count != view.Type.Rank || !Affine.IsPlain(graph, view))
        {
            return null;
        }

        var place = new int[view.Access.Count];
        for (var axis = 0; axis < place.Length; axis++)
        {
            place[view.Access[axis].AsPlainAxis] = axis;
        }

        return place.SequenceEqual(Enumerable.Range(0, place.Length)) ? null : place;
    }

    private static NodeId Moved(GraphAssembler graph, ViewNode view, ValueList<SizeExpr> shape, int[] place)
    {
        var moved = new ViewNode(new TensorType(view.Type.Element, shape), view.Source, view.Access.Select(a => Affine.Rename(a, x => place[x])).ToValueList(), view.Fill);
        return ViewRules.Identity(graph, moved) ?? graph.Add(moved);
    }

    // map(x[access], y[access], c) -> map(x, y, c)[access] when the view has more elements than its source: a window, a repetition
    public static NodeId? BeforeWindow(GraphAssembler graph, MapNode map)
    {
        ViewNode? first = null;
        foreach (var argument in map.Arguments)
        {
            if (graph[argument] is ViewNode { Fill: null } view
                && (first is null || (first.Access == view.Access && graph.TypeOf(first.Source).Shape == graph.TypeOf(view.Source).Shape)))
            {
                first ??= view;
            }
            else if (graph[argument] is not SplatNode)
            {
                return null;
            }
        }

        if (first is null)
        {
            return null;
        }

        var source = graph.TypeOf(first.Source).Shape;
        if (map.Type.Count.AsConstant is not { } many || SizeExpr.Product(source).AsConstant is not { } few || many <= few)
        {
            return null;
        }

        var arguments = map.Arguments.Select(argument => graph[argument] is ViewNode view
            ? view.Source
            : graph.Splat(((SplatNode)graph[argument]).Value, source)).ToValueList();
        var done = graph.Add(new MapNode(new TensorType(map.Type.Element, source), map.Op, arguments));
        return graph.View(done, map.Type.Shape, first.Access);
    }
}
