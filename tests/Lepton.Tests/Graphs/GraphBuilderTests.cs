using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Language.Semantics;
using Xunit;
using ValueType = Lepton.Language.Semantics.ValueType;

namespace Lepton.Tests.Graphs;

/// <summary>Typed programs built into graphs and run, against numbers worked out by hand.</summary>
public sealed class GraphBuilderTests
{
    private static readonly SizeExpr N = SizeExpr.Variable("N");
    private static readonly TensorValue X = F32([2, 3], 1, 2, 3, 4, 5, 6);

    private static TensorValue F32(long[] shape, params double[] values) => TensorValue.Of(ElementType.F32, shape, values);

    private static TensorValue I64(long[] shape, params double[] values) => TensorValue.Of(ElementType.I64, shape, values);

    private static IReadOnlyList<TensorValue> Run(TypedEntry entry, params TensorValue[] inputs)
    {
        var graph = GraphBuilder.Build(entry);
        GraphVerifier.Verify(graph);
        return Interpreter.Run(graph, inputs);
    }

    private static void Gives(TensorValue expected, TensorValue actual) => Assert.True(expected.Same(actual), $"{actual}, not {expected}");

    [Fact]
    public void Sums_of_products()
    {
        // y[i, j] = sum[k] x[i, k] * w[k, j] + b[j]
        var p = new TypedMaker();
        var b = p.Param("b", ElementType.F32, 2);
        var x = p.In("x", ElementType.F32, N, 3);
        var w = p.In("w", ElementType.F32, 3, 2);
        var (i, k, j) = (TypedMaker.Label("i", N), TypedMaker.Label("k", 3), TypedMaker.Label("j", 2));
        var sum = p.Reduce(TypedReducer.Sum, p.Map("mul", ElementType.F32, p.At(x, i, k), p.At(w, k, j)), k);
        var y = p.Tabulate(p.Map("add", ElementType.F32, sum, p.At(b, j)), i, j);
        var transposed = p.Tabulate(p.At(x, i, k), k, i);
        var results = Run(p.Entry(["N"], y, transposed), X, F32([3, 2], 1, 0, 0, 1, 1, 1), F32([2], 10, 20));
        Gives(F32([2, 2], 14, 25, 20, 31), results[0]);
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), results[1]);
    }

    [Fact]
    public void Reductions_number_in_the_order_given_and_broadcast_what_is_missing()
    {
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, 2, 3);
        var (i, j, k) = (TypedMaker.Label("i", 2), TypedMaker.Label("j", 3), TypedMaker.Label("k", 5));
        var at = p.At(x, i, j);
        var results = Run(
            p.Entry(
                [],
                p.Reduce(TypedReducer.ArgMax, at, i, j),
                p.Reduce(TypedReducer.ArgMax, at, j, i),
                p.Reduce(TypedReducer.Sum, p.Number(ElementType.F32, 1), k),
                p.Tabulate(p.Reduce(TypedReducer.Mean, at, j), i),
                p.ReduceAxes(TypedReducer.Mean, x, true, 1),
                p.ReduceAxes(TypedReducer.Max, x, false, 0),
                p.Tabulate(p.ReduceAxes(TypedReducer.Sum, p.Access(x, null, TypedMaker.Affine(0, (i, 1))), true, 0), i)),
            F32([2, 3], 1, 9, 3, 4, 5, 6));
        Gives(I64([], 1), results[0]);
        Gives(I64([], 2), results[1]);
        Gives(F32([], 5), results[2]);
        Gives(F32([2], 13.0 / 3, 5), results[3]);
        Gives(F32([2, 1], 13.0 / 3, 5), results[4]);
        Gives(F32([3], 4, 9, 6), results[5]);
        Gives(F32([2, 1], 13, 15), results[6]);
    }

    [Fact]
    public void A_mean_of_halves_sums_and_divides_in_f32()
    {
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F16, N);
        var y = p.ReduceAxes(TypedReducer.Mean, x, false, 0);
        var values = TensorValue.OfFloats(ElementType.F16, [3000], Enumerable.Repeat(60.0, 3000).ToArray());
        Gives(TensorValue.Of(ElementType.F16, [], 60), Run(p.Entry(["N"], y), values)[0]);
    }

    [Fact]
    public void Whole_tensors_broadcast_below_an_index()
    {
        // y[i] = x[i] + v with x[i]: [3] labels {i}, v: [1]; the rest stays positional
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, 2, 3);
        var v = p.In("v", ElementType.F32, 1);
        var i = TypedMaker.Label("i", 2);
        var row = p.Access(x, null, TypedMaker.Affine(0, (i, 1)));
        var y = p.Tabulate(p.Map("add", ElementType.F32, row, v), i);
        var sorted = p.Tabulate(p.Add(p.TypeOf(row), (id, type) => new TypedSort(id, type, default, row, 0, true, false)), i);
        var both = p.Tabulate(p.Add(p.TypeOf(row) with { Shape = [4] }, (id, type) => new TypedConcat(id, type, default, [row, v], 0)), i);
        var wide = p.Tabulate(p.Add(p.TypeOf(row) with { Shape = [2, 3] }, (id, type) => new TypedBroadcast(id, type, default, row)), i);
        var flat = p.Tabulate(p.Add(p.TypeOf(row) with { Shape = [3, 1] }, (id, type) => new TypedReshape(id, type, default, row)), i);
        var turned = p.Add(new ValueType(ElementType.F32, [], [3, 2]), (id, type) => new TypedTranspose(id, type, default, x, [1, 0]));
        var results = Run(p.Entry([], y, sorted, both, wide, flat, turned), X, F32([1], 10));
        Gives(F32([2, 3], 11, 12, 13, 14, 15, 16), results[0]);
        Gives(F32([2, 3], 3, 2, 1, 6, 5, 4), results[1]);
        Gives(F32([2, 4], 1, 2, 3, 10, 4, 5, 6, 10), results[2]);
        Gives(F32([2, 2, 3], 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6), results[3]);
        Gives(F32([2, 3, 1], 1, 2, 3, 4, 5, 6), results[4]);
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), results[5]);
    }

    [Fact]
    public void Matrix_products_have_batches_vectors_and_labels()
    {
        var p = new TypedMaker();
        var a = p.In("a", ElementType.F32, 2, 1, 2, 3);
        var b = p.In("b", ElementType.F32, 3, 3, 2);
        var v = p.In("v", ElementType.F32, 3);
        ValueId Product(ValueId l, ValueId r, params SizeExpr[] shape) => p.Add(
            new ValueType(ElementType.F32, p.TypeOf(l).Labels.Concat(p.TypeOf(r).Labels).Distinct().OrderBy(x => x.Id).ToValueList(), shape.ToValueList()),
            (id, type) => new TypedMatMul(id, type, default, l, r));
        var i = TypedMaker.Label("i", 2);
        var ai = p.Access(a, null, TypedMaker.Affine(0, (i, 1)), TypedMaker.Affine(0));
        var graph = p.Entry(
            [],
            Product(a, b, 2, 3, 2, 2),
            Product(a, v, 2, 1, 2),
            Product(v, v),
            Product(v, b, 3, 2),
            p.Tabulate(Product(ai, v, 2), i));
        var av = Enumerable.Range(1, 12).Select(x => (double)x).ToArray();
        var bv = Enumerable.Range(0, 18).Select(x => (double)(x % 5)).ToArray();
        var results = Run(graph, F32([2, 1, 2, 3], av), F32([3, 3, 2], bv), F32([3], 1, 10, 100));
        var expected = from n in Enumerable.Range(0, 2) from m in Enumerable.Range(0, 3) from r in Enumerable.Range(0, 2) from c in Enumerable.Range(0, 2)
                       select Enumerable.Range(0, 3).Sum(k => av[(((n * 2) + r) * 3) + k] * bv[(((m * 3) + k) * 2) + c]);
        Gives(F32([2, 3, 2, 2], expected.ToArray()), results[0]);
        Gives(F32([2, 1, 2], 321, 654, 987, 1320), results[1]);
        Gives(F32([], 10101), results[2]);
        var vb = from m in Enumerable.Range(0, 3) from c in Enumerable.Range(0, 2)
                 select Enumerable.Range(0, 3).Sum(k => Math.Pow(10, k) * bv[(((m * 3) + k) * 2) + c]);
        Gives(F32([3, 2], vb.ToArray()), results[3]);
        Gives(F32([2, 2], 321, 654, 987, 1320), results[4]);
    }

    [Fact]
    public void Accesses_with_modes_groups_slices_and_fills()
    {
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, N);
        var m = p.In("m", ElementType.F32, 2, 3);
        var (i, h, d) = (TypedMaker.Label("i", N), TypedMaker.Label("h", 2), TypedMaker.Label("d", 3));
        TypedSubscript Before(TypedOutside mode) => new AffineSubscript(-1, [(i, 1)], mode);
        var flat = p.Add(new ValueType(ElementType.F32, [], [6]), (id, type) => new TypedReshape(id, type, default, m));
        var results = Run(
            p.Entry(
                ["N"],
                p.Tabulate(p.Access(x, p.Number(ElementType.F32, 7), Before(TypedOutside.Fill)), i),
                p.Tabulate(p.Access(x, null, Before(TypedOutside.Wrap)), i),
                p.Tabulate(p.Access(x, p.Map("cast", ElementType.F32, p.Index(i)), new AffineSubscript(-2, [(i, 1)], TypedOutside.Fill)), i),
                p.Tabulate(p.Access(flat, null, TypedMaker.Affine(0, (h, 3), (d, 1))), d, h),
                p.Access(m, null, TypedMaker.Affine(1), new SliceSubscript(2, -2, 2)),
                p.Tabulate(p.Access(m, null, new SliceSubscript(0, 1, 2), TypedMaker.Affine(0, (d, 1))), d)),
            F32([4], 1, 2, 3, 4),
            X);
        Gives(F32([4], 7, 1, 2, 3), results[0]);
        Gives(F32([4], 4, 1, 2, 3), results[1]);
        Gives(F32([4], 0, 1, 1, 2), results[2]);
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), results[3]);
        Gives(F32([2], 6, 4), results[4]);
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), results[5]);
    }

    [Fact]
    public void Gathers_and_scatters()
    {
        // z[b, y[b]], and hist[y[b]] += x[b, 0]
        var p = new TypedMaker();
        var z = p.In("z", ElementType.F32, N, 3);
        var y = p.In("y", ElementType.U8, N);
        var b = TypedMaker.Label("b", N);
        var yb = p.At(y, b);
        var picked = p.Tabulate(p.Access(z, null, TypedMaker.Affine(0, (b, 1)), new DataSubscript(yb, TypedOutside.Never, p.Site("z[b, y[b]]"))), b);
        var hist = p.Scatter(
            TypedScatterKind.Add, null, p.Access(z, null, TypedMaker.Affine(0, (b, 1)), TypedMaker.Affine(0)), [b], [3], new DataSubscript(yb, TypedOutside.Fill, -1));
        var best = p.Scatter(TypedScatterKind.Max, null, p.Number(ElementType.I32, -5), [b], [3], new DataSubscript(yb, TypedOutside.Fill, -1));
        var entry = p.Entry(["N"], picked, hist, best);
        var results = Run(entry, X, TensorValue.Of(ElementType.U8, [2], 2, 2));
        Gives(F32([2], 3, 6), results[0]);
        Gives(F32([3], 0, 0, 5), results[1]);
        Gives(TensorValue.Of(ElementType.I32, [3], int.MinValue, int.MinValue, -5), results[2]);
        var error = Assert.Throws<GraphRunException>(() => Run(entry, X, TensorValue.Of(ElementType.U8, [2], 2, 3)));
        Assert.Equal((1L, 3L, 3L), (error.Element, error.Index, error.Bound));
        Assert.Equal([N], GraphBuilder.Build(entry).Sites[0].Shape);
    }

    [Fact]
    public void Scans_capture_what_they_use_and_stack_what_they_emit()
    {
        // per label r: state s = 1; s' = s * w[r] + x[t]; emit e[t] = s  (labels stay open around the scan)
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, N);
        var w = p.In("w", ElementType.F32, 2);
        var r = TypedMaker.Label("r", 2);
        var wr = p.At(w, r);
        var one = p.Number(ElementType.F32, 1);
        var site = p.Site("x[t]");
        var body = new TypedMaker(p);
        var step = body.Add(new ValueType(ElementType.I64, [], []), (id, type) => new TypedBodyInput(id, type, default, "t"));
        var s = body.Add(new ValueType(ElementType.F32, [r], []), (id, type) => new TypedBodyInput(id, type, default, "s"));
        var next = body.Map("add", ElementType.F32, body.Map("mul", ElementType.F32, s, wr), body.Access(x, null, new DataSubscript(step, TypedOutside.Never, site)));
        var loop = p.Add(
            new ValueType(ElementType.Bool, [], []),
            (id, type) => new TypedScan(id, type, default, N, step, [new TypedState("s", s, one, next)], body.Body, [s, wr, one]));
        ValueId Result(int index, ValueType of) => p.Add(of, (id, type) => new TypedLoopResult(id, type, default, loop, index));
        var labelled = new ValueType(ElementType.F32, [r], []);
        var results = Run(
            p.Entry(
                ["N"],
                p.Tabulate(Result(0, labelled), r),
                p.Tabulate(Result(1, labelled with { Shape = [N] }), r),
                p.Tabulate(Result(2, labelled with { Shape = [N] }), r),
                Result(3, new ValueType(ElementType.F32, [], [N]))),
            F32([3], 1, 2, 3),
            F32([2], 2, 0));
        Gives(F32([2], (((1 * 2) + 1) * 2 + 2) * 2 + 3, 3), results[0]);
        Gives(F32([2, 3], 1, 3, 8, 1, 1, 2), results[1]);
        Gives(F32([2, 3], 2, 2, 2, 0, 0, 0), results[2]);
        Gives(F32([3], 1, 1, 1), results[3]);
    }

    [Fact]
    public void Iterates_nest()
    {
        // outer: x' = (inner: 2 steps of y' = y + a) until x' > 7; a is captured through both
        var p = new TypedMaker();
        var a = p.In("a", ElementType.F32, 1);
        var scalar = new ValueType(ElementType.F32, [], [1]);
        var index = new ValueType(ElementType.I64, [], []);
        var outer = new TypedMaker(p);
        var t = outer.Add(index, (id, type) => new TypedBodyInput(id, type, default, "t"));
        var x = outer.Add(scalar, (id, type) => new TypedBodyInput(id, type, default, "x"));
        var inner = new TypedMaker(outer);
        var u = inner.Add(index, (id, type) => new TypedBodyInput(id, type, default, "u"));
        var y = inner.Add(scalar, (id, type) => new TypedBodyInput(id, type, default, "y"));
        var ynext = inner.Map("add", ElementType.F32, y, a);
        var innerLoop = outer.Add(
            new ValueType(ElementType.Bool, [], []), (id, type) => new TypedScan(id, type, default, 2, u, [new TypedState("y", y, x, ynext)], inner.Body, []));
        var xnext = outer.Add(scalar, (id, type) => new TypedLoopResult(id, type, default, innerLoop, 0));
        var until = outer.ReduceAxes(TypedReducer.Any, outer.Map("greater", ElementType.Bool, xnext, outer.Number(ElementType.F32, 7)), false, 0);
        var loop = p.Add(
            new ValueType(ElementType.Bool, [], []),
            (id, type) => new TypedIterate(id, type, default, 100, t, [new TypedState("x", x, a, xnext)], outer.Body, until));
        var result = p.Add(scalar, (id, type) => new TypedLoopResult(id, type, default, loop, 0));
        Gives(F32([1], 10), Run(p.Entry([], result), F32([1], 2))[0]);
    }

    [Fact]
    public void Reading_from_a_symbolic_axis_with_clamp_requires_that_it_is_not_empty()
    {
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, N);
        var i = TypedMaker.Label("i", 4);
        var j = TypedMaker.Label("j", N);
        var graph = GraphBuilder.Build(p.Entry(
            ["N"],
            p.Tabulate(p.Access(x, null, new AffineSubscript(0, [(i, 1)], TypedOutside.Clamp)), i),
            p.Tabulate(p.Access(x, null, new AffineSubscript(1, [(j, 1)], TypedOutside.Clamp)), j)));
        GraphVerifier.Verify(graph);
        Assert.Single(graph.Constraints);
    }

    [Fact]
    public void A_chain_of_100000_operations_builds()
    {
        var p = new TypedMaker();
        var x = p.In("x", ElementType.F32, N);
        var one = p.Number(ElementType.F32, 1);
        var y = x;
        for (var i = 0; i < 100_000; i++)
        {
            y = p.Map("add", ElementType.F32, y, one);
        }

        Gives(F32([1], 100_002), Run(p.Entry(["N"], y), F32([1], 2))[0]);
    }
}
