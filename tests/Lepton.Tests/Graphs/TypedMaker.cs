using Lepton.Abi;
using Lepton.Language.Semantics;
using ValueType = Lepton.Language.Semantics.ValueType;

namespace Lepton.Tests.Graphs;

/// <summary>Lists typed programs by hand, as the binder would: it knows how labels unite and shapes broadcast.</summary>
internal sealed class TypedMaker
{
    private static int s_ids;

    private readonly Dictionary<ValueId, ValueType> _types;
    private readonly List<SiteManifest> _sites;

    public TypedMaker(TypedMaker? outer = null)
    {
        _types = outer?._types ?? [];
        _sites = outer?._sites ?? [];
    }

    public List<TypedOp> Body { get; } = [];

    public static IndexLabel Label(string name, SizeExpr size) => new(++s_ids, name, size);

    public ValueType TypeOf(ValueId id) => _types[id];

    public int Site(string text)
    {
        _sites.Add(new SiteManifest(text, "f.lep:1:1", []));
        return _sites.Count - 1;
    }

    public ValueId In(string name, ElementType element, params SizeExpr[] shape) =>
        Add(new ValueType(element, [], shape.ToValueList()), (id, type) => new TypedInput(id, type, default, TypedInputKind.Argument, name, null));

    public ValueId Param(string name, ElementType element, params SizeExpr[] shape) =>
        Add(new ValueType(element, [], shape.ToValueList()), (id, type) => new TypedInput(id, type, default, TypedInputKind.Parameter, name, "zeros"));

    public ValueId Number(ElementType element, double value) => Add(
        new ValueType(element, [], []),
        (id, type) => new TypedLiteral(id, type, default, element.IsFloat() ? Scalar.Float(element, value) : Scalar.Of(element, (long)value)));

    public ValueId Size(SizeExpr size) => Add(new ValueType(ElementType.I64, [], []), (id, type) => new TypedSize(id, type, default, size));

    public ValueId Index(IndexLabel label) => Add(new ValueType(ElementType.I64, [label], []), (id, type) => new TypedIndex(id, type, default, label));

    public ValueId Map(string op, ElementType element, params ValueId[] arguments)
    {
        var labels = Union(arguments.SelectMany(a => TypeOf(a).Labels));
        var shape = arguments.Select(a => TypeOf(a).Shape).Aggregate(default(ValueList<SizeExpr>), Broadcast);
        return Add(new ValueType(element, labels, shape), (id, type) => new TypedMap(id, type, default, op, arguments.ToValueList()));
    }

    public ValueId Reduce(TypedReducer reducer, ValueId source, params IndexLabel[] over)
    {
        var from = TypeOf(source);
        var element = reducer is TypedReducer.ArgMax or TypedReducer.ArgMin ? ElementType.I64 : from.Element;
        return Add(
            new ValueType(element, from.Labels.Where(l => !over.Contains(l)).ToValueList(), from.Shape),
            (id, type) => new TypedReduce(id, type, default, reducer, source, over.ToValueList()));
    }

    public ValueId ReduceAxes(TypedReducer reducer, ValueId source, bool keep, params int[] axes)
    {
        var from = TypeOf(source);
        var shape = keep
            ? from.Shape.Select((s, a) => axes.Contains(a) ? SizeExpr.One : s)
            : from.Shape.Where((_, a) => !axes.Contains(a));
        return Add(TypeOf(source) with { Shape = shape.ToValueList() }, (id, type) => new TypedReduceAxes(id, type, default, reducer, source, axes.ToValueList(), keep));
    }

    /// <summary>Plain indices: x[i, j].</summary>
    public ValueId At(ValueId source, params IndexLabel[] labels) => Access(source, null, labels.Select(l => Affine(0, (l, 1))).ToArray());

    public static TypedSubscript Affine(SizeExpr offset, params (IndexLabel, SizeExpr)[] terms) => new AffineSubscript(offset, terms.ToValueList(), TypedOutside.Never);

    public ValueId Access(ValueId source, ValueId? fill, params TypedSubscript[] subscripts)
    {
        var from = TypeOf(source);
        var labels = from.Labels.Concat(subscripts.SelectMany(s => s switch
        {
            AffineSubscript a => a.Terms.Select(t => t.Label),
            DataSubscript d => TypeOf(d.Index).Labels,
            _ => Enumerable.Empty<IndexLabel>(),
        })).Concat(fill is { } f ? TypeOf(f).Labels : []);
        var shape = subscripts.OfType<SliceSubscript>().Select(s => s.Count).Concat(from.Shape.Skip(subscripts.Length));
        return Add(
            new ValueType(from.Element, Union(labels), shape.ToValueList()), (id, type) => new TypedAccess(id, type, default, source, subscripts, fill));
    }

    public ValueId Tabulate(ValueId source, params IndexLabel[] axes)
    {
        var from = TypeOf(source);
        return Add(
            new ValueType(from.Element, from.Labels.Where(l => !axes.Contains(l)).ToValueList(), axes.Select(a => a.Size).Concat(from.Shape).ToValueList()),
            (id, type) => new TypedTabulate(id, type, default, source, axes.ToValueList()));
    }

    public ValueId Scatter(TypedScatterKind kind, ValueId? start, ValueId updates, IndexLabel[] over, ValueList<SizeExpr> shape, params TypedSubscript[] subscripts)
    {
        var from = TypeOf(updates);
        var labels = Union(from.Labels.Concat(start is { } s ? TypeOf(s).Labels : []).Where(l => !over.Contains(l)));
        return Add(
            new ValueType(from.Element, labels, shape),
            (id, type) => new TypedScatter(id, type, default, kind, start, updates, over.ToValueList(), subscripts));
    }

    public ValueId Add(ValueType type, Func<ValueId, ValueType, TypedOp> make)
    {
        var id = new ValueId(++s_ids);
        _types.Add(id, type);
        Body.Add(make(id, type));
        return id;
    }

    public TypedEntry Entry(ValueList<string> dims, params ValueId[] results) => new(
        "entry", default, dims, Body, results.Select((r, i) => new TypedResult($"y{i}", r)).ToList(), [], _sites.ToValueList());

    private static ValueList<IndexLabel> Union(IEnumerable<IndexLabel> labels) => labels.Distinct().OrderBy(l => l.Id).ToValueList();

    private static ValueList<SizeExpr> Broadcast(ValueList<SizeExpr> a, ValueList<SizeExpr> b)
    {
        var shape = new SizeExpr[Math.Max(a.Count, b.Count)];
        for (var i = 1; i <= shape.Length; i++)
        {
            var left = i <= a.Count ? a[^i] : SizeExpr.One;
            shape[^i] = left == SizeExpr.One && i <= b.Count ? b[^i] : left;
        }

        return shape.ToValueList();
    }
}
