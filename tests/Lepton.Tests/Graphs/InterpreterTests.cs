using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Graphs;

/// <summary>Each kind of operation against numbers worked out by hand.</summary>
public sealed class InterpreterTests
{
    private static readonly TensorValue X = F32([2, 3], 1, 2, 3, 4, 5, 6);

    private static TensorValue F32(long[] shape, params double[] values) => TensorValue.Of(ElementType.F32, shape, values);

    private static TensorValue I64(long[] shape, params double[] values) => TensorValue.Of(ElementType.I64, shape, values);

    // Runs lines whose inputs stand in front; the last line's value is the result.
    private static TensorValue Run(string lines, params TensorValue[] inputs)
    {
        var list = lines.Split(';', StringSplitOptions.TrimEntries);
        var heads = inputs.Select((v, i) => $"%{i} = input argument x{i} : {v.Element.Name()}[{string.Join(", ", v.Dims)}]".Replace("[]", ""));
        var body = list.Select((line, i) => line.StartsWith("site", StringComparison.Ordinal) ? line : $"%{inputs.Length + i} = {line}");
        var last = inputs.Length + list.Count(l => !l.StartsWith("site", StringComparison.Ordinal)) - 1;
        var graph = GraphText.Parse($"graph g() {{\n{string.Join('\n', heads.Concat(body))}\noutput y = %{last}\n}}\n");
        GraphVerifier.Verify(graph);
        return Interpreter.Run(graph, inputs)[0];
    }

    private static void Gives(TensorValue expected, TensorValue actual) => Assert.True(expected.Same(actual), $"{actual}, not {expected}");

    [Fact]
    public void Leaves()
    {
        Gives(F32([2], 1.5, 1.5), Run("splat 1.5 : f32[2]"));
        Gives(I64([2, 3], 0, 1, 2, 0, 1, 2), Run("iota 1 : i64[2, 3]"));
        Gives(I64([2, 3], 0, 0, 0, 1, 1, 1), Run("iota 0 : i64[2, 3]"));
        Gives(I64([], 7), Run("size 7 : i64"));
        Gives(F32([3], 1, -2, 0.5), Run("constant [1, -2, 0.5] : f32[3]"));
    }

    [Fact]
    public void Views()
    {
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), Run("view %0 [i1, i0] : f32[3, 2]", X));
        Gives(F32([2, 2], 3, 1, 6, 4), Run("view %0 [i0, -2*i1 + 2] : f32[2, 2]", X));
        Gives(F32([2, 2, 2], 1, 2, 2, 3, 4, 5, 5, 6), Run("view %0 [i0, i1 + i2] : f32[2, 2, 2]", X));
        Gives(F32([2], 1, 5), Run("view %0 [i0, i0] : f32[2]", X));
        Gives(F32([2, 3], 3, 3, 3, 3, 3, 3), Run("view %0 [0, 2] : f32[2, 3]", X));
        var line = F32([3], 1, 2, 3);
        Gives(F32([9], 9, 9, 9, 1, 2, 3, 9, 9, 9), Run("view %0 [i0 - 3 else fill] fill 9 : f32[9]", line));
        Gives(F32([9], 1, 1, 1, 1, 2, 3, 3, 3, 3), Run("view %0 [i0 - 3 else clamp] : f32[9]", line));
        Gives(F32([9], 1, 2, 3, 1, 2, 3, 1, 2, 3), Run("view %0 [i0 - 3 else wrap] : f32[9]", line));
        Gives(F32([12], 2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3), Run("view %0 [i0 - 5 else reflect] : f32[12]", line));
        Gives(F32([4], 7, 7, 7, 7), Run("view %0 [i0 - 2 else reflect] : f32[4]", F32([1], 7)));
        Gives(F32([2], 4, 4), Run("view %0 [i0 - 1 else fill] fill 4 : f32[2]", F32([0])));
        Gives(F32([0, 3]), Run("view %0 [i0, i1] : f32[0, 3]", X));
        Gives(F32([6], 1, 2, 3, 4, 5, 6), Run("reshape %0 : f32[6]", X));
    }

    [Fact]
    public void Contractions()
    {
        Gives(F32([2, 2], 14, 32, 32, 77), Run("contract %0[0, 1], %1[2, 1] -> [0, 2] : f32[2, 2]", X, X));
        Gives(F32([], 91), Run("contract %0[0, 1], %1[0, 1] -> [] : f32", X, X));
        Gives(F32([3, 2], 1, 4, 2, 5, 3, 6), Run("contract %0[0, 1] -> [1, 0] : f32[3, 2]", X));
        Gives(F32([3], 5, 7, 9), Run("contract %0[0, 1] -> [1] : f32[3]", X));
        Gives(F32([2, 2], 2, 4, 3, 6), Run("contract %0[0], %1[1] -> [1, 0] : f32[2, 2]", F32([2], 1, 2), F32([2], 2, 3)));
        Gives(F32([2], 0, 0), Run("contract %0[0, 1] -> [0] : f32[2]", F32([2, 0])));
        Gives(F32([2], 10, 30), Run("contract %0[0], %1[1], %2[0] -> [1] : f32[2]", F32([2], 1, 2), F32([2], 1, 3), F32([2], 2, 4)));
        var bytes = TensorValue.Of(ElementType.I8, [2], 100, 100);
        Gives(TensorValue.Of(ElementType.I8, [], 32), Run("contract %0[0], %1[0] -> [] : i8", bytes, bytes));
    }

    [Fact]
    public void Reductions()
    {
        Gives(F32([2], 6, 15), Run("reduce sum %0 [1] : f32[2]", X));
        Gives(F32([3], 4, 10, 18), Run("reduce prod %0 [0] : f32[3]", X));
        Gives(F32([], 6), Run("reduce max %0 [0, 1] : f32", X));
        Gives(F32([3], 1, 2, 3), Run("reduce min %0 [0] : f32[3]", X));
        Gives(F32([], double.NaN), Run("reduce min %0 [0] : f32", F32([3], 1, double.NaN, 0)));
        Gives(F32([2], double.NegativeInfinity, double.NegativeInfinity), Run("reduce max %0 [1] : f32[2]", F32([2, 0])));
        Gives(TensorValue.Of(ElementType.U8, [], 0), Run("reduce max %0 [0] : u8", TensorValue.Of(ElementType.U8, [0])));
        Gives(TensorValue.Of(ElementType.I32, [], int.MaxValue), Run("reduce min %0 [0] : i32", TensorValue.Of(ElementType.I32, [0])));
        var flags = TensorValue.Of(ElementType.Bool, [2, 2], 0, 1, 1, 1);
        Gives(TensorValue.Of(ElementType.Bool, [2], 1, 1), Run("reduce any %0 [1] : bool[2]", flags));
        Gives(TensorValue.Of(ElementType.Bool, [2], 0, 1), Run("reduce all %0 [1] : bool[2]", flags));
        Gives(I64([], 2), Run("reduce argmax %0 [0] : i64", F32([4], 1, 2, double.NaN, double.NaN)));
        Gives(I64([], 1), Run("reduce argmin %0 [0] : i64", F32([4], 3, 1, 1, 2)));
        Gives(I64([2], -1, -1), Run("reduce argmin %0 [1] : i64[2]", F32([2, 0])));
        Gives(I64([3], 2, 2, 1), Run("reduce argmax %0 [0, 2] : i64[3]", F32([2, 3, 2], 1, 2, 3, 4, 5, 9, 7, 0, 7, 0, 7, 0)));
        Gives(F32([], 16777220), Run("reduce sum %0 [0] : f32", F32([4], 16777216, 1, 1, 2)));
    }

    [Fact]
    public void Gathers_and_scatters()
    {
        var at = I64([3], 1, 0, 1);
        Gives(F32([3, 3], 4, 5, 6, 1, 2, 3, 4, 5, 6), Run("view %1 [i0] : i64[3, 3]; gather %0 [data0 check 0, i1] with %2 : f32[3, 3]; site 0 \"a\" at \"b\" over [3, 3]", X, at));
        Gives(F32([3], 5, 1, 5), Run("gather %0 [data0 check 0, data1 else clamp] with %1, %1 : f32[3]; site 0 \"a\" at \"b\" over [3]", X, at));
        Gives(F32([3], 8, 1, 2), Run("gather %0 [data0 else fill] with %1 fill 8 : f32[3]", F32([2], 1, 2), I64([3], -1, 0, 1)));
        Gives(F32([3], 12, 1, 5), Run("scatter add %0, %1 [data0] with %2 : f32[3]", F32([3], 0, 0, 5), F32([3], 4, 1, 8), I64([3], 0, 1, 0)));
        Gives(F32([3], 0, 9, 5), Run("scatter max %0, %1 [data0 else fill] with %2 : f32[3]", F32([3], 0, 0, 5), F32([3], 4, 9, 3), I64([3], -1, 1, 2)));
        Gives(F32([2], 6, 20), Run("scatter mul %0, %1 [i1] : f32[2]", F32([2], 1, 1), F32([2, 2], 2, 4, 3, 5)));
    }

    [Fact]
    public void An_index_out_of_range_names_the_first_element()
    {
        var error = Assert.Throws<GraphRunException>(() => Run(
            "gather %0 [data0 check 0] with %1 : f32[4]; site 0 \"x[i]\" at \"f.lep:1:2\" over [4]", F32([2], 1, 2), I64([4], 0, 1, 7, -3)));
        Assert.Equal((GraphRunError.IndexOutOfRange, 0, 2L, 7L, 2L), (error.Error, error.Site, error.Element, error.Index, error.Bound));
        Assert.Contains("x[i] at f.lep:1:2", error.Message);
    }

    [Fact]
    public void Concats_and_sorts()
    {
        Gives(F32([2, 4], 1, 2, 3, 7, 4, 5, 6, 8), Run("concat %0, %1 axis 1 : f32[2, 4]", X, F32([2, 1], 7, 8)));
        Gives(F32([3, 3], 1, 2, 3, 4, 5, 6, 7, 8, 9), Run("concat %0, %1, %2 axis 0 : f32[3, 3]", X, F32([0, 3]), F32([1, 3], 7, 8, 9)));
        var odd = F32([2, 4], 3, double.NaN, 1, 3, -1, 0, 5, -7);
        Gives(F32([2, 4], 1, 3, 3, double.NaN, -7, -1, 0, 5), Run("sort %0 axis 1 : f32[2, 4]", odd));
        Gives(F32([2, 4], 3, 3, 1, double.NaN, 5, 0, -1, -7), Run("sort %0 axis 1 descending : f32[2, 4]", odd));
        Gives(I64([2, 4], 0, 3, 2, 1, 2, 1, 0, 3), Run("sort %0 axis 1 descending indices : i64[2, 4]", odd));
        Gives(F32([2, 4], -1, 0, 1, -7, 3, double.NaN, 5, 3), Run("sort %0 axis 0 : f32[2, 4]", odd));
        Gives(F32([2, 0]), Run("sort %0 axis 1 : f32[2, 0]", F32([2, 0])));
    }

    [Fact]
    public void Loops()
    {
        const string Sums = "%0 = input step t : i64\n%1 = input state s : f32\n%2 = input capture c : f32[3]\n"
            + "%3 = gather %2 [data0 else clamp] with %0 : f32\n%4 = add %1, %3 : f32\noutput s = %4\noutput e = %1\n}";
        var prefix = $"splat 10 : f32; scan [3] states [%1] captures [%0] body b : f32 {{\n{Sums}";
        Gives(F32([], 16), Run($"{prefix}; result %2 0 : f32", F32([3], 1, 2, 3)));
        Gives(F32([3], 10, 11, 13), Run($"{prefix}; result %2 1 : f32[3]", F32([3], 1, 2, 3)));
        Gives(F32([0]), Run($"{prefix.Replace("[3] states", "[0] states")}; result %2 1 : f32[0]", F32([3], 1, 2, 3)));

        const string Doubles = "%0 = input step t : i64\n%1 = input state s : f32\n%2 = add %1, %1 : f32\n%3 = splat 100 : f32\n%4 = greater %2, %3 : bool\n"
            + "output s = %2\noutput until = %4\n}";
        Gives(F32([], 128), Run($"splat 1 : f32; iterate [50] states [%0] captures [] body b : f32 {{\n{Doubles}; result %1 0 : f32"));
        Gives(F32([], 8), Run($"splat 1 : f32; iterate [3] states [%0] captures [] body b : f32 {{\n{Doubles}; result %1 0 : f32"));
        Gives(F32([], 1), Run($"splat 1 : f32; iterate [0] states [%0] captures [] body b : f32 {{\n{Doubles}; result %1 0 : f32"));
    }

    [Fact]
    public void Sizes_come_from_the_inputs_and_are_checked()
    {
        var graph = GraphText.Parse(
            "graph g(N, M) {\n%0 = input argument x : f32[2*N + 1, M]\n%1 = size N*M : i64\noutput y = %1\nrequire M >= 2 \"why\"\n}\n");
        Gives(I64([], 9), Interpreter.Run(graph, [F32([7, 3], new double[21])])[0]);
        Assert.Equal(GraphRunError.Input, Assert.Throws<GraphRunException>(() => Interpreter.Run(graph, [F32([6, 3], new double[18])])).Error);
        Assert.Equal(GraphRunError.Constraint, Assert.Throws<GraphRunException>(() => Interpreter.Run(graph, [F32([7, 1], new double[7])])).Error);
    }

    [Fact]
    public void A_tensor_above_the_limit_is_refused_before_memory_is_asked_for()
    {
        var graph = GraphText.Parse("graph g(N) {\n%0 = splat 0 : f32[N, N, N]\noutput y = %0\n}\n");
        Assert.Equal(GraphRunError.TooLarge, Assert.Throws<GraphRunException>(() => Interpreter.Run(graph, [], _ => 1 << 21)).Error);
        Assert.Equal(GraphRunError.TooLarge, Assert.Throws<GraphRunException>(() => Interpreter.Run(graph, [], _ => 100, new InterpreterOptions(999_999))).Error);
        Assert.Equal(1_000_000, Interpreter.Run(graph, [], _ => 100, new InterpreterOptions(1_000_000))[0].Count);
    }

    [Fact]
    public void Runs_can_be_cancelled()
    {
        var graph = GraphText.Parse("graph g() {\n%0 = splat 0 : f32\noutput y = %0\n}\n");
        Assert.Throws<OperationCanceledException>(() => Interpreter.Run(graph, [], _ => 0, new InterpreterOptions(Cancel: new CancellationToken(true))));
    }

    [Fact]
    public void A_chain_of_100000_operations_runs()
    {
        var graph = new GraphAssembler("chain", []);
        var one = graph.Splat(new TensorType(ElementType.I64, []), 1);
        var x = one;
        for (var i = 0; i < 100_000; i++)
        {
            x = graph.Map(MapOp.Add, x, one);
        }

        graph.Output("y", x);
        var chain = graph.ToGraph();
        GraphVerifier.Verify(chain);
        Gives(I64([], 100_001), Interpreter.Run(chain, [])[0]);
        Assert.True(GraphCompare.Same(chain, GraphText.Parse(GraphText.Print(chain))));
    }

    [Fact]
    public void What_no_output_needs_is_not_run()
    {
        var graph = GraphText.Parse(
            "graph g() {\n%0 = input argument x : i64[1]\n%1 = gather %0 [data0 check 0] with %0 : i64[1]\noutput y = %0\nsite 0 \"a\" at \"b\" over [1]\n}\n");
        Gives(I64([1], 5), Interpreter.Run(graph, [I64([1], 5)])[0]);
    }

    [Theory]
    [InlineData(ElementType.F64)]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.I64)]
    [InlineData(ElementType.I32)]
    [InlineData(ElementType.I16)]
    [InlineData(ElementType.I8)]
    [InlineData(ElementType.U8)]
    [InlineData(ElementType.Bool)]
    public void Bytes_and_back(ElementType element)
    {
        var value = element.IsFloat()
            ? TensorValue.OfFloats(element, [2, 3], [1, -0.0, double.PositiveInfinity, 1.5, -3, double.NaN])
            : TensorValue.OfIntegers(element, [2, 3], [0, 1, -1, 127, 1, long.MinValue + 1]);
        Assert.Equal(6 * element.ByteSize(), value.ToBytes().Length);
        Gives(value, TensorValue.FromBytes(element, [2, 3], value.ToBytes()));
    }
}
