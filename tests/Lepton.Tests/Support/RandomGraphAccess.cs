using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>Views, gathers and scatters with every way of reaching an axis.</summary>
internal sealed partial class RandomGraphMaker
{
    private static readonly Outside[] Modes = [Outside.Fill, Outside.Clamp, Outside.Wrap, Outside.Reflect];

    private void View()
    {
        var source = Pick(_pool);
        var shape = ResultShape(source);
        var access = new List<AxisAccess>();
        for (var axis = 0; axis < source.Type.Rank; axis++)
        {
            access.Add(Affine(source.Type.Shape[axis], shape, Modes));
        }

        Move(new ViewNode(new TensorType(source.Element, shape.ToValueList()), source.Id, access.ToValueList(), FillFor(access, source.Element)), source);
    }

    private void Gather()
    {
        var source = Pick(_pool.Where(v => v.Type.Rank > 0).DefaultIfEmpty(_pool[0]).ToList());
        if (source.Type.Rank == 0)
        {
            return;
        }

        var shape = ResultShape(source);
        var (access, indices) = DataAccess(source.Type, shape, Modes, mayFail: true);
        var node = new GatherNode(
            new TensorType(source.Element, shape.ToValueList()), source.Id, indices.Select(i => i.Id).ToValueList(), access.ToValueList(), FillFor(access, source.Element));
        if (Move(node, [source, .. indices]) is null && options.Failing && _failing.Count == 0 && node.Type.Shape.Aggregate(1.0, (n, s) => n * Concrete(s)) <= options.MaxElements)
        {
            // It fails, as was asked for: an output without a value here; where it does not fail after all, it is as exact as its source.
            _failing.Add((Commit(node, [source, .. indices]), source.Error));
        }
    }

    private void Scatter()
    {
        var start = Pick(_pool);
        if (start.Element == ElementType.Bool || start.Type.Rank == 0)
        {
            return;
        }

        var kind = Pick(Enum.GetValues<ScatterKind>());
        var over = ResultShape(start);
        if (over.Aggregate(1.0, (n, s) => n * Concrete(s)) > 400)
        {
            return;
        }

        var (access, indices) = DataAccess(start.Type, over, [Outside.Fill, Outside.Fill, Outside.Fill, Outside.Clamp, Outside.Wrap, Outside.Reflect], mayFail: false);
        var updates = NewInput(start.Element, over.ToValueList(), kind == ScatterKind.Mul ? _ => Pick([1, 2]) : null);
        Try(
            new ScatterNode(start.Type, kind, start.Id, updates.Id, indices.Select(i => i.Id).ToValueList(), access.ToValueList()),
            [start, updates, .. indices],
            result => Exactness.Scatter(kind, start, updates, result));
    }

    // The source's axes in some order, some of them missing, others new.
    private List<SizeExpr> ResultShape(RandomValue source)
    {
        var shape = source.Type.Shape.Where(_ => !Chance(5)).ToArray();
        if (Chance(2))
        {
            _random.Shuffle(shape);
        }

        var result = shape.ToList();
        while (result.Count < 5 && Chance(3))
        {
            result.Insert(_random.Next(result.Count + 1), RandomSize(17));
        }

        return result;
    }

    private Scalar? FillFor(List<AxisAccess> access, ElementType element) =>
        access.Any(a => a.Outside == Outside.Fill) ? Scalar.Of(element, _random.Next(2)) : null;

    // Some axes by data, at least one; the others affine.
    private (List<AxisAccess> Access, List<RandomValue> Indices) DataAccess(TensorType source, List<SizeExpr> over, IReadOnlyList<Outside> modes, bool mayFail)
    {
        var access = new List<AxisAccess>();
        var indices = new List<RandomValue>();
        var chosen = _random.Next(source.Rank);
        for (var axis = 0; axis < source.Rank; axis++)
        {
            if (axis != chosen && !Chance(4))
            {
                access.Add(Affine(source.Shape[axis], over, modes));
                continue;
            }

            var n = Concrete(source.Shape[axis]);
            var checkedIndex = n > 0 && Chance(2);
            var mode = checkedIndex ? Outside.Never : CanRead(source.Shape[axis], over) ? Pick(modes) : Outside.Fill;
            var fails = mayFail && checkedIndex && options.Failing && _failing.Count == 0 && Chance(3);
            var (low, high) = mode == Outside.Never ? (0, n) : (-3 - n, (2 * n) + 3);
            var count = over.Aggregate(1L, (product, s) => product * Concrete(s));
            var bad = fails ? _random.NextInt64(Math.Max(1, count)) : -1;
            var element = Chance(3) ? ElementType.I32 : ElementType.I64;
            indices.Add(NewInput(element, over.ToValueList(), i => i >= bad && bad >= 0 && (i == bad || Chance(5)) ? n + _random.Next(3) : _random.NextInt64(low, high)));
            var site = mode == Outside.Never
                ? _graph.AddSite(new SiteManifest($"x[{indices.Count}]", $"random.lep:1:{_graph.Nodes.Count}", over.ToValueList()))
                : -1;
            access.Add(AxisAccess.FromData(indices.Count - 1, mode, site));
        }

        return (access, indices);
    }

    // Clamp, wrap and reflect read something for every element of the result.
    private static bool CanRead(SizeExpr size, List<SizeExpr> shape) => size.AsConstant > 0 || shape.Contains(size);

    private AxisAccess Affine(SizeExpr size, List<SizeExpr> shape, IReadOnlyList<Outside> modes)
    {
        var same = Enumerable.Range(0, shape.Count).Where(a => shape[a] == size).ToList();
        if (same.Count > 0 && !Chance(4))
        {
            // Plain or backwards.
            var axis = Pick(same);
            return Chance(4) ? new AxisAccess(size - 1, [new AffineTerm(axis, -1)]) : AxisAccess.Axis(axis);
        }

        // Any affine index: inside where that can be proved by numbers, else with a mode.
        var terms = Enumerable.Range(0, shape.Count).Where(_ => Chance(shape.Count)).Select(a => new AffineTerm(a, Pick([1L, 1, 1, 2, 3, -1, -2]))).ToValueList();
        var (low, high) = (0L, 0L);
        var known = size.IsConstant;
        foreach (var term in terms)
        {
            var end = term.Coefficient.AsConstant!.Value * (Math.Max(1, Concrete(shape[term.Axis])) - 1);
            (low, high) = (low + Math.Min(end, 0), high + Math.Max(end, 0));
            known &= shape[term.Axis].IsConstant;
        }

        if (known && high - low < size.AsConstant)
        {
            return new AxisAccess(_random.NextInt64(size.AsConstant!.Value - (high - low)) - low, terms);
        }

        var offset = SizeExpr.Constant(_random.Next(-4, 5));
        return new AxisAccess(Chance(4) ? offset + size : offset, terms, CanRead(size, shape) ? Pick(modes) : Outside.Fill);
    }
}
