using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Reductions and multi-pass rows against the interpreter of graphs; constant and symbolic sizes.</summary>
public sealed class RowwiseTests
{
    private static readonly string[] Kinds = ["sum", "prod", "max", "min", "argmax", "argmin"];

    /// <summary>The whole graph as one group.</summary>
    internal static FusedGraph OneGroup(Graph graph, KernelStrategy strategy)
    {
        var members = graph.Nodes.Select((n, i) => (Node: n, Id: new NodeId(i))).Where(n => n.Node is not InputNode).Select(n => n.Id).ToValueList();
        var outputs = graph.Outputs.Select(o => o.Node).Distinct().ToValueList();
        return new FusedGraph(graph, [new FusionGroup("all", strategy, members, outputs)], [], new Dictionary<NodeId, FusedGraph>());
    }

    /// <summary>Runs a text with sizes as constants, then with every size that is spelled like <c>{N=5}</c> as a variable.</summary>
    internal static string CheckSizes(KernelStrategy strategy, string inputs, string lines, string outputs, TensorValue[] values, double tolerance = 1e-5, KernelOptions? options = null)
    {
        var note = "";
        foreach (var symbolic in (bool[])[false, true])
        {
            var graph = GraphOf(inputs, lines, outputs, symbolic);
            var module = KernelHarness.Check(OneGroup(graph, strategy), values, tolerance, options);
            note += string.Join(" | ", module.Kernels.Select(k => k.Note)) + "\n";
        }

        return note;
    }

    /// <summary>A graph from the types of its inputs, its lines and its results; a size <c>{N=9}</c> is N, or 9.</summary>
    internal static Graph GraphOf(string inputs, string lines, string outputs, bool symbolic)
    {
        var dims = System.Text.RegularExpressions.Regex.Matches(inputs + lines, @"\{(\w+)=").Select(m => m.Groups[1].Value).Distinct();
        string Fill(string text) => System.Text.RegularExpressions.Regex.Replace(text, @"\{(\w+)=(\d+)\}", symbolic ? "$1" : "$2");
        var heads = inputs.Split(';', StringSplitOptions.TrimEntries).Select((t, i) => $"%{i} = input argument x{i} : {Fill(t)}").ToArray();
        var body = lines.Split(';', StringSplitOptions.TrimEntries).Select((line, i) => $"%{heads.Length + i} = {Fill(line)}");
        var results = outputs.Split(' ').Select((o, i) => $"output y{i} = {o}");
        var graph = GraphText.Parse($"graph g({(symbolic ? string.Join(", ", dims) : "")}) {{\n{string.Join('\n', heads.Concat(body).Concat(results))}\n}}\n");
        GraphVerifier.Verify(graph);
        return graph;
    }

    private static string Check(string inputs, string lines, string outputs, params TensorValue[] values) =>
        CheckSizes(KernelStrategy.Rowwise, inputs, lines, outputs, values);

    /// <summary>Lanes along the kept axis, whose stride in the stored tensor is 0: the tensor is empty.</summary>
    [Fact]
    public void A_stored_tensor_without_elements()
    {
        var x = Random(ElementType.F32, 1, 9, 2, 9, 1, 0);
        Check(
            "f32[{N=9}, 2, {N=9}, 1, 0]; f32[{N=9}, 2, {N=9}, 1, 0]",
            "less %0, %1 : bool[{N=9}, 2, {N=9}, 1, 0]; reduce argmax %2 [0, 2, 3, 4] : i64[2]",
            "%2 %3",
            x,
            x);
    }

    [Theory]
    [InlineData("fill")]
    [InlineData("clamp")]
    [InlineData("wrap")]
    [InlineData("reflect")]
    public void Stencils_under_a_reduction(string mode)
    {
        var fill = mode == "fill" ? " fill 9" : "";
        foreach (var (h, w) in ((int, int)[])[(4, 70), (1, 35), (3, 1), (40, 2)])
        {
            var lines = $"view %0 [i0 - 1 else {mode}, i1 + 1 else {mode}]{fill} : f32[{{H={h}}}, {{W={w}}}]; view %0 [i0, -1*i1 + 2 else {mode}]{fill} : f32[{{H={h}}}, {{W={w}}}]; "
                + $"exp %1 : f32[{{H={h}}}, {{W={w}}}]; add %2, %3 : f32[{{H={h}}}, {{W={w}}}]; reduce max %4 [0, 1] : f32; reduce sum %4 [1] : f32[{{H={h}}}]";
            Check($"f32[{{H={h}}}, {{W={w}}}]", lines.Replace("; reduce sum %4 [1] : f32[{H=" + h + "}]", ""), "%5 %4", Random(ElementType.F32, h, h, w));
            Check($"f32[{{H={h}}}, {{W={w}}}]", lines.Replace("reduce max %4 [0, 1] : f32; ", ""), "%5 %4", Random(ElementType.F32, h, h, w));
        }
    }

    [Fact]
    public void Reductions_along_every_axis_of_every_length()
    {
        foreach (var n in (int[])[0, 1, 2, 7, 15, 16, 17, 31, 64, 65, 67, 131])
        {
            foreach (var kind in Kinds)
            {
                var type = kind.StartsWith("arg", StringComparison.Ordinal) ? "i64" : "f32";
                Check($"f32[{{M=3}}, {{N={n}}}]", $"reduce {kind} %0 [1] : {type}[{{M=3}}]", "%1", Random(ElementType.F32, n, 3, n));
                Check($"f32[{{N={n}}}, {{M=5}}]", $"reduce {kind} %0 [0] : {type}[{{M=5}}]", "%1", Random(ElementType.F32, n, n, 5));
                Check($"f32[{{N={n}}}, {{M=5}}]", $"reduce {kind} %0 [0, 1] : {type}", "%1", Random(ElementType.F32, n, n, 5));
            }
        }
    }

    [Fact]
    public void Every_element_type()
    {
        foreach (var element in ElementTypes.All.Where(e => e != ElementType.Bool))
        {
            foreach (var kind in Kinds)
            {
                var type = kind.StartsWith("arg", StringComparison.Ordinal) ? "i64" : element.Name();
                Check($"{element.Name()}[3, {{N=77}}]", $"reduce {kind} %0 [1] : {type}[3]", "%1", Random(element, 1, 3, 77));
                Check($"{element.Name()}[{{N=21}}, 77]", $"reduce {kind} %0 [0] : {type}[77]", "%1", Random(element, 1, 21, 77));
            }
        }

        Check("bool[4, {N=70}]", "reduce any %0 [1] : bool[4]; reduce all %0 [1] : bool[4]", "%1 %2", Random(ElementType.Bool, 2, 4, 70));
        Check("bool[4, {N=70}]", "reduce any %0 [0] : bool[{N=70}]; reduce all %0 [0] : bool[{N=70}]", "%1 %2", Random(ElementType.Bool, 2, 4, 70));
    }

    [Fact]
    public void First_extreme_and_first_nan()
    {
        var values = Enumerable.Range(0, 70).Select(i => (double)(i * 7 % 10)).ToArray();
        foreach (var at in (int[][])[[], [0], [69], [33, 50], [16, 17], [3, 66]])
        {
            var with = (double[])values.Clone();
            foreach (var i in at)
            {
                with[i] = double.NaN;
            }

            foreach (var kind in (string[])["argmax", "argmin"])
            {
                Check("f32[{N=70}]", $"reduce {kind} %0 [0] : i64", "%1", F32([70], with));
                Check("f32[7, {N=10}]", $"reduce {kind} %0 [0, 1] : i64; reduce {kind} %0 [0, 1] : i64", "%1 %2", F32([7, 10], with));
                Check("f32[1, {N=70}]", $"reduce {kind} %0 [1] : i64[1]", "%1", F32([1, 70], with));
                Check("f32[{N=70}, 1]", $"reduce {kind} %0 [0] : i64[1]", "%1", F32([70, 1], with));
                Check("f32[{N=35}, 2]", $"reduce {kind} %0 [0] : i64[2]", "%1", F32([35, 2], with));
            }

            Check("f32[{N=70}]", "reduce max %0 [0] : f32; reduce min %0 [0] : f32", "%1 %2", F32([70], with));
        }

        Check("f32[{N=20}]", "reduce argmax %0 [0] : i64", "%1", F32([20], Enumerable.Repeat(double.NegativeInfinity, 20).ToArray()));
    }

    [Theory]
    [InlineData(4, 1)]
    [InlineData(3, 10)]
    [InlineData(3, 16)]
    [InlineData(2, 37)]
    [InlineData(5, 200)]
    [InlineData(0, 20)]
    [InlineData(4, 0)]
    public void Softmax(int m, int n)
    {
        var lines = "reduce max %0 [1] : f32[{M}]; view %1 [i0] : f32[{M}, {N}]; sub %0, %2 : f32[{M}, {N}]; exp %3 : f32[{M}, {N}]; "
            + "reduce sum %4 [1] : f32[{M}]; view %5 [i0] : f32[{M}, {N}]; div %4, %6 : f32[{M}, {N}]";
        lines = lines.Replace("{M}", $"{{M={m}}}").Replace("{N}", $"{{N={n}}}");
        var note = Check($"f32[{{M={m}}}, {{N={n}}}]", lines, "%7", Random(ElementType.F32, n, m, n));
        Assert.Contains("3 passes", note);
        Check($"f32[{{M={m}}}, {{N={n}}}]", lines + $"; log %5 : f32[{{M={m}}}]; add %1, %8 : f32[{{M={m}}}]", "%7 %9 %5", Random(ElementType.F32, n, m, n));
        var half = lines.Replace("f32", "f16");
        Check($"f16[{{M={m}}}, {{N={n}}}]", half, "%7", Random(ElementType.F16, n, m, n));

        // The same over the first axis.
        var turned = lines.Replace(" [1] :", " [0] :").Replace("[i0]", "[i1]").Replace($"{{M={m}}}, {{N={n}}}", "T").Replace("T", $"{{N={n}}}, {{M={m}}}");
        Check($"f32[{{N={n}}}, {{M={m}}}]", turned, "%7", Random(ElementType.F32, n, n, m));
    }

    /// <summary>Passes over neighbouring rows share loops: each row's nan and inf stay in that row.</summary>
    [Theory]
    [InlineData(3, 10)]
    [InlineData(8, 33)]
    [InlineData(41, 70)]
    [InlineData(4, 20000)]
    public void Rows_behind_one_another(int m, int n)
    {
        var (shape, row) = ($"[{{M={m}}}, {{N={n}}}]", $"[{{M={m}}}]");
        var lines = $"reduce max %0 [1] : f32{row}; view %1 [i0] : f32{shape}; sub %0, %2 : f32{shape}; exp %3 : f32{shape}; "
            + $"reduce sum %4 [1] : f32{row}; view %5 [i0] : f32{shape}; div %4, %6 : f32{shape}; reduce argmax %7 [1] : i64{row}";
        var random = new Random(m);
        var values = Enumerable.Range(0, m * n).Select(_ => random.NextDouble() * 4).ToArray();
        foreach (var (i, special) in ((double[])[double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e30, -1e30]).Index())
        {
            values[(i % m * n) + random.Next(n)] = special;
            values[((i + 2) % m * n) + random.Next(n)] = special;
        }

        var note = Check($"f32{shape}", lines, "%7 %1 %5 %8", F32([m, n], values));
        Assert.Equal(n < 5000, note.Contains("neighbouring rows", StringComparison.Ordinal));
    }

    /// <summary>Large sums read memory in its order: several rows, or lines of several columns, at a time; with a rest of each.</summary>
    [Fact]
    public void Large_sums()
    {
        var tall = Random(ElementType.F32, 1, 41, 4200);
        Assert.Contains("lines of", Check("f32[41, 4200]", "mul %0, %0 : f32[41, 4200]; reduce sum %1 [0] : f32[4200]; reduce max %0 [0] : f32[4200]", "%2 %3", tall));
        Assert.Contains("lines of", Check("f32[2, 33, 4096]", "reduce min %0 [1] : f32[2, 4096]; exp %1 : f32[2, 4096]", "%2 %1", Random(ElementType.F32, 2, 2, 33, 4096)));
        Assert.Contains("side by side", Check("f32[7, 4100]", "reduce max %0 [1] : f32[7]; neg %1 : f32[7]", "%2 %1", Random(ElementType.F32, 3, 7, 4100)));
        Check("f16[9, 3000]", "reduce sum %0 [1] : f16[9]", "%1", Random(ElementType.F16, 3, 9, 3000));
    }

    [Fact]
    public void A_long_row_is_fetched_while_the_one_before_is_computed_with()
    {
        var lines = "%1 = reduce sum %0 [1] : f32[40]\n%2 = view %1 [i0] : f32[40, 6000]\n%3 = sub %0, %2 : f32[40, 6000]\noutput y = %3";
        var graph = GraphText.Parse($"graph g() {{\n%0 = input argument x : f32[40, 6000]\n{lines}\n}}\n");
        var kernel = Assert.Single(KernelLowering.Run(OneGroup(graph, KernelStrategy.Rowwise)).Kernels);
        Assert.Contains("prefetch far b1[", LoopText.Print(kernel));
    }

    [Theory]
    [InlineData(3, 8)]
    [InlineData(2, 67)]
    [InlineData(1, 300)]
    public void Layer_norm(int m, int n)
    {
        var shape = $"[{{M={m}}}, {{N={n}}}]";
        var row = $"[{{M={m}}}]";
        var lines = $"reduce sum %0 [1] : f32{row}; splat {n} : f32{row}; div %3, %4 : f32{row}; view %5 [i0] : f32{shape}; sub %0, %6 : f32{shape}; "
            + $"mul %7, %7 : f32{shape}; reduce sum %8 [1] : f32{row}; div %9, %4 : f32{row}; splat 1e-5 : f32{row}; add %10, %11 : f32{row}; rsqrt %12 : f32{row}; "
            + $"view %13 [i0] : f32{shape}; mul %7, %14 : f32{shape}; view %1 [i1] : f32{shape}; mul %15, %16 : f32{shape}; view %2 [i1] : f32{shape}; add %17, %18 : f32{shape}";
        var values = new[] { Random(ElementType.F32, 1, m, n), Random(ElementType.F32, 2, n), Random(ElementType.F32, 3, n) };
        var note = CheckSizes(KernelStrategy.Rowwise, $"f32{shape}; f32[{{N={n}}}]; f32[{{N={n}}}]", lines, "%19 %5", values, 1e-4);
        Assert.Contains("3 passes", note);
    }

    /// <summary>
    /// A result as large as a last-level cache goes past it, and what its memory would keep between the passes lies on the stack; a smaller one
    /// keeps it, and so does one whose rows are not whole vectors.
    /// </summary>
    [Theory]
    [InlineData(64, 256, true)]
    [InlineData(64, 1, false)]
    [InlineData(67, 256, false)]
    public void Large_results_pass_by_the_caches(int columns, int miniature, bool streams)
    {
        const int Rows = 259;
        var (row, shape) = ($"f32[{Rows}]", $"f32[{Rows}, {columns}]");
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : {{shape}}
              %1 = reduce max %0 [1] : {{row}}
              %2 = view %1 [i0] : {{shape}}
              %3 = sub %0, %2 : {{shape}}
              %4 = exp %3 : {{shape}}
              %5 = reduce sum %4 [1] : {{row}}
              %6 = view %5 [i0] : {{shape}}
              %7 = div %4, %6 : {{shape}}
              output y = %7
            }
            """);
        var module = KernelHarness.Check(
            OneGroup(graph, KernelStrategy.Rowwise), [Random(ElementType.F32, columns, Rows, columns)], options: new KernelOptions { Miniature = miniature });
        var text = LoopText.Print(module);
        Assert.Equal(streams, text.Contains("stream b", StringComparison.Ordinal));
        Assert.Equal(streams, text.Contains("local", StringComparison.Ordinal));
        Assert.Contains("3 passes over neighbouring rows at once", text);
    }

    [Fact]
    public void Axes_in_any_place()
    {
        var x = Random(ElementType.F32, 5, 3, 4, 5, 6);
        foreach (var (axes, kept) in ((string, string)[])
            [("0", "4, 5, 6"), ("1", "3, 5, 6"), ("3", "3, 4, 5"), ("1, 2", "3, 6"), ("0, 3", "4, 5"), ("0, 2, 3", "4"), ("2, 3", "3, 4"), ("0, 1, 2, 3", "")])
        {
            Check("f32[{A=3}, {B=4}, {C=5}, {D=6}]", $"exp %0 : f32[{{A=3}}, {{B=4}}, {{C=5}}, {{D=6}}]; reduce sum %1 [{axes}] : f32"
                + Kept("sum"), "%2", x);
            Check("f32[{A=3}, {B=4}, {C=5}, {D=6}]", $"reduce argmax %0 [{axes}] : i64" + Kept("arg"), "%1", x);

            string Kept(string _) => kept.Length == 0 ? "" : $"[{kept.Replace("3", "{A=3}").Replace("4", "{B=4}").Replace("5", "{C=5}").Replace("6", "{D=6}")}]";
        }
    }

    [Fact]
    public void Long_rows_in_pieces()
    {
        var x = Random(ElementType.F32, 6, 70001);
        var note = Check("f32[{N=70001}]", "mul %0, %0 : f32[{N=70001}]; reduce sum %1 [0] : f32; sqrt %2 : f32; reduce max %0 [0] : f32", "%3 %4", x);
        Assert.Contains("pieces", note);
        Check("f32[{N=70001}]", "reduce argmin %0 [0] : i64", "%1", x);

        // Softmax of one long row: the exponentials are kept in the result's memory.
        Check("f32[{N=70001}]", "reduce max %0 [0] : f32; view %1 [] : f32[{N=70001}]; sub %0, %2 : f32[{N=70001}]; exp %3 : f32[{N=70001}]; "
            + "reduce sum %4 [0] : f32; view %5 [] : f32[{N=70001}]; div %4, %6 : f32[{N=70001}]", "%7", x);
        Check("f32[{N=35000}, 2]", "reduce sum %0 [0] : f32[2]; reduce max %0 [0] : f32[2]", "%1 %2", Random(ElementType.F32, 7, 35000, 2));
        Check("f32[{N=1000}, 70]", "reduce sum %0 [0] : f32[70]; reduce argmax %0 [0] : i64[70]", "%1 %2", Random(ElementType.F32, 7, 1000, 70));
    }

    [Fact]
    public void Views_below_and_above()
    {
        // Reduced along a transposed view, results broadcast, shifted, transposed.
        Check("f32[{N=20}, {M=35}]", "view %0 [i1, i0] : f32[{M=35}, {N=20}]; reduce sum %1 [1] : f32[{M=35}]", "%2", Random(ElementType.F32, 8, 20, 35));
        Check("f32[20, 35]", "reduce sum %0 [1] : f32[20]; view %1 [i1] : f32[35, 20]; view %0 [i1, i0] : f32[35, 20]; div %3, %2 : f32[35, 20]", "%4",
            Random(ElementType.F32, 8, 20, 35));
        Check("f32[20, 35]", "reduce sum %0 [1] : f32[20]; reshape %1 : f32[4, 5]; reduce max %0 [0] : f32[35]; view %1 [i0] : f32[20, 35]; sub %0, %4 : f32[20, 35]",
            "%2 %3 %5", Random(ElementType.F32, 8, 20, 35));
        Check("f32[{B=2}, 8, 10]", "view %0 [i0, 2*i1 + i3, 2*i2 + i4] : f32[{B=2}, 4, 5, 2, 2]; reduce max %1 [3, 4] : f32[{B=2}, 4, 5]", "%2", Random(ElementType.F32, 9, 2, 8, 10));
        Check("f32[6, 40]", "reshape %0 : f32[6, 4, 10]; reduce sum %1 [2] : f32[6, 4]; reshape %2 : f32[24]; reduce sum %1 [2] : f32[6, 4]", "%3 %4", Random(ElementType.F32, 9, 6, 40));
        Check("f32[6, 40]", "view %0 [i0, i1 - 1 else fill] fill 0 : f32[6, 42]; reduce sum %1 [1] : f32[6]; reduce sum %1 [0] : f32[42]", "%2 %3", Random(ElementType.F32, 9, 6, 40));
    }
}
