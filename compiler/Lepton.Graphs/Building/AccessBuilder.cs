using Lepton.Abi;
using Lepton.Language.Semantics;

namespace Lepton.Graphs.Building;

/// <summary>Subscripts of the typed program: views, gathers, scatters.</summary>
internal static class AccessBuilder
{
    public static NodeId Access(BuilderScope scope, TypedAccess access, ValueList<SiteManifest> sites)
    {
        var graph = scope.Graph;
        var source = scope.Value(access.Source);
        var (labels, shape) = (access.Type.Labels, access.Type.Shape);
        var result = BuilderScope.Sizes(labels, shape);
        var sourceType = graph.TypeOf(source.Node);
        var ways = source.Type.Labels.Select(l => AxisAccess.Axis(BuilderScope.Position(labels, l))).ToList();
        var indices = new List<NodeId>();

        // Slices and the axes behind the subscripts stay positional, in their order.
        var positional = labels.Count;
        foreach (var subscript in access.Subscripts)
        {
            ways.Add(subscript switch
            {
                SliceSubscript slice => new AxisAccess(slice.Start, [new AffineTerm(positional++, slice.Step)]),
                _ => Way(scope, subscript, labels, shape, indices, sites),
            });
        }

        while (ways.Count < sourceType.Rank)
        {
            ways.Add(AxisAccess.Axis(positional++));
        }

        NotEmpty(scope, ways, sourceType.Shape, result);
        var filled = ways.Any(w => w.Outside == Outside.Fill);
        if (!filled)
        {
            return Read(graph, source.Node, indices, result, ways, null);
        }

        if (access.Fill is null)
        {
            return access.Subscripts.Any(s => s is AffineSubscript { Outside: TypedOutside.Fill } or DataSubscript { Outside: TypedOutside.Fill })
                ? throw new CompilerBugException("graph", $"access {access.Id.Value} fills what lies outside, but has no value for it")
                : Read(graph, source.Node, indices, result, ways, Scalar.Of(sourceType.Element, 0));
        }

        var fill = scope.Value(access.Fill.Value);
        if (graph[fill.Node] is SplatNode splat)
        {
            return Read(graph, source.Node, indices, result, ways, splat.Value);
        }

        // A fill that is computed: y = inside ? x[…] : fill, where inside is the same access to a tensor of true, filled with false.
        var element = sourceType.Element;
        var inside = Read(graph, graph.Splat(Scalar.Bool(true), sourceType.Shape), indices, result, ways, Scalar.Bool(false));
        var read = Read(graph, source.Node, indices, result, ways, Scalar.Of(element, 0));
        return graph.Map(MapOp.Select, inside, read, scope.Arrange(fill, labels, shape));
    }

    public static NodeId Scatter(BuilderScope scope, TypedScatter scatter, ValueList<SiteManifest> sites)
    {
        var graph = scope.Graph;
        IndexLabel[] labels = [.. scatter.Type.Labels, .. scatter.Over];
        var type = GraphBuilder.Tensor(scatter.Type);
        var kind = Enum.Parse<ScatterKind>(scatter.Kind.ToString());
        var start = scatter.Base is { } given
            ? scope.Arrange(given, scatter.Type.Labels, scatter.Type.Shape)
            : graph.Splat(Neutral.Of(kind, type.Element), type.Shape);
        var updates = scope.Arrange(scatter.Updates, labels, []);
        var ways = Enumerable.Range(0, scatter.Type.Labels.Count).Select(AxisAccess.Axis).ToList();
        var indices = new List<NodeId>();
        foreach (var subscript in scatter.Subscripts)
        {
            ways.Add(Way(scope, subscript, labels, [], indices, sites));
        }

        NotEmpty(scope, ways, type.Shape, graph.TypeOf(updates).Shape);
        return graph.Scatter(kind, start, updates, indices.ToValueList(), ways.ToValueList());
    }

    private static NodeId Read(GraphAssembler graph, NodeId source, List<NodeId> indices, ValueList<SizeExpr> shape, List<AxisAccess> ways, Scalar? fill) =>
        indices.Count == 0
            ? graph.View(source, shape, ways.ToValueList(), fill)
            : graph.Gather(source, indices.ToValueList(), shape, ways.ToValueList(), fill);

    // An affine or data subscript over [labels…, shape…].
    private static AxisAccess Way(
        BuilderScope scope, TypedSubscript subscript, IReadOnlyList<IndexLabel> labels, ValueList<SizeExpr> shape, List<NodeId> indices, ValueList<SiteManifest> sites)
    {
        if (subscript is AffineSubscript affine)
        {
            var terms = affine.Terms
                .GroupBy(t => BuilderScope.Position(labels, t.Label), t => t.Coefficient)
                .Select(g => new AffineTerm(g.Key, g.Aggregate(SizeExpr.Zero, (sum, c) => sum + c)))
                .Where(t => t.Coefficient != SizeExpr.Zero)
                .OrderBy(t => t.Axis);
            return new AxisAccess(affine.Offset, terms.ToValueList(), Mode(affine.Outside));
        }

        var data = subscript as DataSubscript ?? throw new CompilerBugException("graph", $"a {subscript.GetType().Name} has no place here");
        var graph = scope.Graph;
        var index = scope.Arrange(data.Index, labels, shape);
        indices.Add(graph.TypeOf(index).Element is ElementType.I64 or ElementType.I32 ? index : graph.Cast(index, ElementType.I64));

        // The failing element is numbered over the shape that the graph has here.
        var site = data.Site < 0 || data.Outside != TypedOutside.Never
            ? -1
            : scope.Root.AddSite(sites[data.Site] with { Shape = BuilderScope.Sizes(labels, shape) });
        return AxisAccess.FromData(indices.Count - 1, Mode(data.Outside), site);
    }

    // Clamp, wrap and reflect read something unless there is nothing to read for: a size that is 0 only when the result is empty is fine.
    private static void NotEmpty(BuilderScope scope, List<AxisAccess> ways, ValueList<SizeExpr> source, ValueList<SizeExpr> result)
    {
        for (var axis = 0; axis < ways.Count; axis++)
        {
            var (way, size) = (ways[axis], source[axis]);
            if (way.Outside is Outside.Clamp or Outside.Wrap or Outside.Reflect && !(size.LowerBound() >= 1) && !result.Contains(size))
            {
                scope.Root.Require(new SizeConstraint(
                    size, SizeExpr.One, AtLeast: true, $"an access with 'else {way.Outside.ToString().ToLowerInvariant()}' needs an axis that is not empty"));
            }
        }
    }

    private static Outside Mode(TypedOutside outside) => outside switch
    {
        TypedOutside.Never => Outside.Never,
        TypedOutside.Fill or TypedOutside.Unneeded => Outside.Fill,
        TypedOutside.Clamp => Outside.Clamp,
        TypedOutside.Wrap => Outside.Wrap,
        _ => Outside.Reflect,
    };
}
