using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Language.Text;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>What is compiled in two ways, of which the counts of a run choose one: each way is right, and taken where it should be.</summary>
public sealed class SparsePathsTests
{
    private const string Csr = "in csr [dense 0, compressed 1] i32";
    private const string Csc = "in csc [dense 1, compressed 0] i32";
    private static readonly KernelOptions SmallChunks = new() { ChunkElements = 64 };

    [Theory]
    [InlineData(1.0, 4)]
    [InlineData(0.1, 0)]
    public void Sums_over_columns_are_cut_into_pieces_where_enough_is_stored(double density, long pieces)
    {
        var graph = Graph($"%0 = input argument a {Csc} : f32[N, M]; %1 = input argument x : f32[M]; %2 = contract %0[0, 1], %1[1] -> [0] : f32[N]", "y = %2");
        TensorValue[] inputs = [Random(3, 40, density), Dense(1, 40)];
        var module = SparseHarness.Check(graph, inputs, options: SmallChunks);
        Assert.Equal(pieces, Chunks(module, "_parts", inputs));
        Assert.Equal(pieces == 0 ? 1 : 0, Chunks(module, "sparse_0", inputs));
    }

    /// <summary>Rows have results though there is nothing to reduce in them.</summary>
    [Fact]
    public void A_reduction_over_nothing_has_a_chunk()
    {
        const string Text = """
            fn f(x: i32[N, 3, M] in coo) -> (y: i32[N, 3]) {
              y[i, j] = x[N - 1, j, 0 else 2] * prod[k] x[i, j, k]
            }
            """;
        var module = Compilation.Of(new SourceText("nothing.lep", Text)).Lower(["f"]);
        var product = Assert.Single(module.Kernels, k => k.Note.EndsWith("chunks of rows", StringComparison.Ordinal));
        Assert.Equal((1, 0), (product.Chunks.Evaluate(n => n == "N" ? 4 : 0), product.Chunks.Evaluate(n => n == "N" ? 0 : 5)));
    }

    /// <summary>What several kernels want is computed by one, of the two in which it may be.</summary>
    [Fact]
    public void A_product_that_lies_in_memory_is_not_computed_again()
    {
        const string Text = """
            fn f(x: f32[B, D], w: f32[D, C] in csc, b: f32[C] in coo) -> (p: f32[B, C]) {
              z       = x @ w + b
              m[i]    = max[c] z[i, c]
              e[i, c] = exp(z[i, c] - m[i])
              p[i, c] = e[i, c] / sum[d: C] e[i, d]
            }
            """;
        var fused = Compilation.Of(new SourceText("shared.lep", Text)).Fuse("f");
        Assert.Single(fused.Groups, g => g.Members.Any(m => fused.Graph[m] is ContractNode));
    }

    /// <summary>Also in what runs once for a set of parameters, where pieces have no memory unless they are wanted.</summary>
    [Fact]
    public void Sums_of_parameters_are_cut_into_pieces_only_where_enough_is_stored()
    {
        const string Text = """
            format rows[i, j] = i: compressed, j: compressed
            param w: f64[3, 7] in rows ~ zeros
            fn f(x: f64[3]) -> (z: f64[3, 7]) {
              y[j]    = prod[k] (2.0 + w[k, j])
              z[i, j] = x[i] * y[j]
            }
            """;
        var module = Compilation.Of(new SourceText("pieces.lep", Text)).Lower(["f"]);
        var parts = Assert.Single(module.Kernels, k => k.Name.EndsWith("_parts", StringComparison.Ordinal));
        Assert.Contains(module.Entries[0].Prepare, s => s is Launch launch && module.Kernels[launch.Kernel] == parts);
        Assert.Equal((0, 4), (parts.Chunks.Evaluate(_ => 21), parts.Chunks.Evaluate(_ => 4 * 8220)));
    }

    [Fact]
    public void Whole_sums_products_and_maxima_are_cut_into_pieces()
    {
        var graph = Graph(
            $"%0 = input argument a {Csr} : f32[N, M]; %1 = reduce sum %0 [0, 1] : f32; %2 = reduce max %0 [0, 1] : f32; %3 = mul %0, %0 : f32[N, M]; %4 = reduce sum %3 [0, 1] : f32; %5 = sqrt %4 : f32",
            "sum = %1; max = %2; norm = %5");
        foreach (var (n, m, density) in ((int, int, double)[])[(30, 40, 1), (30, 40, 0.2), (1, 900, 1), (900, 1, 1), (0, 4, 1), (5, 5, 0)])
        {
            SparseHarness.Check(graph, [Random(n, m, density)], options: SmallChunks, tolerance: 1e-4);
        }
    }

    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(1 << 22, 0, 1)]
    public void Products_are_summed_to_memory_for_their_bound_or_counted_first(int miniature, int staged, int counted)
    {
        var graph = Graph(
            $"%0 = input argument a {Csr} : f32[N, M]; %1 = input argument b {Csr} : f32[M, K]; %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, K]; %3 = format %2 {Csr} : f32[N, K]",
            "y = %3");
        foreach (var (n, m, k, density) in ((int, int, int, double)[])[(9, 20, 150, 0.2), (5, 3, 2, 1), (4, 6, 300, 0.02), (3, 0, 4, 1), (2, 3, 4, 0)])
        {
            var module = SparseHarness.Check(graph, [Random(n, m, density), Random(m, k, density)], options: new KernelOptions { Miniature = miniature });
            var sizes = new Dictionary<string, long> { ["N"] = n, ["M"] = m, ["K"] = k, ["a.1"] = 7, ["b.1"] = 7 };
            long Of(string name) => module.Kernels.Single(c => c.Name.EndsWith(name, StringComparison.Ordinal)).Chunks.Evaluate(d => sizes.TryGetValue(d, out var size) ? size : 1000);
            Assert.Equal((staged, counted), (Of("_staged"), Of("_count")));
        }
    }

    [Theory]
    [InlineData(Csr, Csr)]
    [InlineData(Csr, Csc)]
    [InlineData(Csc, Csr)]
    [InlineData(Csc, Csc)]
    public void Operands_of_products_are_stored_in_orders_that_go_together(string left, string right)
    {
        var operands = $"%0 = input argument a {left} : f32[N, M]; %1 = input argument b {right} : f32[M, K]; %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, K]";
        TensorValue[] inputs = [Random(9, 20, 0.2), Random(20, 15, 0.3)];
        foreach (var result in (string[])[Csr, Csc])
        {
            var module = SparseHarness.Check(Graph(operands + $"; %3 = format %2 {result} : f32[N, K]", "y = %3"), inputs);
            Assert.Contains(module.Kernels, k => k.Name.EndsWith("_staged", StringComparison.Ordinal));
        }

        SparseHarness.Check(Graph(operands, "y = %2"), inputs);

        // Sampled: only what a third one stores is wanted.
        var sampled = $"; %3 = input argument s {Csr} : f32[N, K]; %4 = mul %2, %3 : f32[N, K]; %5 = format %4 {Csr} : f32[N, K]";
        SparseHarness.Check(Graph(operands + sampled, "y = %5"), [.. inputs, Random(9, 15, 0.3)]);
    }

    [Fact]
    public void Operands_of_elementwise_work_are_stored_in_one_order()
    {
        var operands = $"%0 = input argument a {Csr} : f32[N, M]; %1 = input argument b {Csc} : f32[N, M]; %2 = input argument c {Csc} : f32[N, M]; %3 = add %0, %1 : f32[N, M]; %4 = mul %3, %2 : f32[N, M]";
        TensorValue[] inputs = [Random(9, 20, 0.2), Random(9, 20, 0.3), Random(9, 20, 0.6)];
        foreach (var result in (string[])[Csr, Csc])
        {
            var module = SparseHarness.Check(Graph(operands + $"; %5 = format %4 {result} : f32[N, M]", "y = %5"), inputs);
            Assert.DoesNotContain(module.Kernels, k => k.Name.Contains("densify"));
        }

        SparseHarness.Check(Graph(operands + "; %5 = reduce sum %4 [0] : f32[M]", "y = %5"), inputs);
        var (square, other) = (Random(11, 11, 0.3), Random(11, 11, 0.4));
        SparseHarness.Check(Graph($"%0 = input argument a {Csr} : f32[N, N]; %1 = view %0 [i1, i0] : f32[N, N]; %2 = add %0, %1 : f32[N, N]; %3 = format %2 {Csr} : f32[N, N]", "y = %3", "N"), [square]);
        foreach (var right in (string[])[Csr, Csc])
        {
            var sum = $"%0 = input argument a {Csr} : f32[N, N]; %1 = input argument b {right} : f32[N, N]; %2 = contract %0[0, 1], %1[1, 0] -> [0] : f32[N]; %3 = contract %0[0, 1], %1[0, 1] -> [] : f32";
            SparseHarness.Check(Graph(sum, "y = %2; z = %3", "N"), [square, other]);
        }
    }

    [Theory]
    [InlineData(1.0, true)]
    [InlineData(0.3, false)]
    public void An_operand_that_is_full_is_multiplied_densely(double density, bool isDense)
    {
        var graph = Graph(
            $"%0 = input argument a {Csr} : f32[N, M]; %1 = input argument x : f32[M, K]; %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, K]; %3 = neg %2 : f32[N, K]", "y = %3");
        TensorValue[] inputs = [Random(20, 30, density), Dense(1, 30, 19)];
        var module = SparseHarness.Check(graph, inputs);
        Assert.Equal((isDense, !isDense), (Chunks(module, "_dense", inputs) > 0, Chunks(module, "sparse_0", inputs) > 0));
        var memory = module.Entries[0].Arena.Sum(b => b.Evaluate(Sizes(inputs)));
        Assert.Equal(isDense, memory > 0);
    }

    [Fact]
    public void Vectors_are_never_worth_a_dense_matrix()
    {
        var graph = Graph($"%0 = input argument a {Csr} : f32[N, M]; %1 = input argument x : f32[M]; %2 = contract %0[0, 1], %1[1] -> [0] : f32[N]", "y = %2");
        Assert.DoesNotContain(SparseHarness.Check(graph, [Random(20, 30, 1), Dense(1, 30)]).Kernels, k => k.Name.EndsWith("_dense", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_stored_alike_is_met_as_one_in_lanes()
    {
        var graph = Graph(
            $"%0 = input argument a {Csr} : f32[N, M]; %1 = mul %0, %0 : f32[N, M]; %2 = format %1 {Csr} : f32[N, M]; %3 = reduce sum %2 [0] : f32[M]; %4 = mul %2, %0 : f32[N, M]; %5 = format %4 {Csr} : f32[N, M]",
            "s = %3; y = %5");
        var module = SparseHarness.Check(graph, [Random(7, 60, 0.5)]);
        var text = LoopText.Print(module);
        Assert.Contains("mul.f32x8", text);
        Assert.DoesNotContain("equal.bool", text);
    }

    [Fact]
    public void Tensors_that_happen_to_store_alike_are_merged_in_lanes()
    {
        var graph = Graph(
            $"%0 = input argument a {Csr} : f32[N, M]; %1 = input argument b {Csr} : f32[N, M]; %2 = add %0, %1 : f32[N, M]; %3 = format %2 {Csr} : f32[N, M]", "y = %3");
        var (a, b) = (Random(7, 60, 0.5), Random(7, 60, 0.3));
        Assert.Contains("add.f32x8", LoopText.Print(SparseHarness.Check(graph, [a, a])));
        SparseHarness.Check(graph, [a, b]);
        SparseHarness.Check(graph, [Dense(7, 60), Dense(7, 60)]);

        // Alike at the start of each row, and not behind it.
        var other = TensorValue.Of(Abi.ElementType.F32, [7, 60], [.. Enumerable.Range(0, 420).Select(e => e % 60 < 40 ? a[e].AsDouble : b[e].AsDouble)]);
        SparseHarness.Check(graph, [a, other]);
    }

    private static long Chunks(KernelModule module, string name, TensorValue[] inputs) =>
        module.Kernels.Single(k => k.Name.EndsWith(name, StringComparison.Ordinal)).Chunks.Evaluate(Sizes(inputs));

    private static Func<string, long> Sizes(TensorValue[] inputs) => name => name switch
    {
        "N" => inputs[0].Dims[0],
        "M" => inputs[0].Dims[1],
        "K" => inputs[1].Dims[1],
        "a.1" => Enumerable.Range(0, (int)inputs[0].Count).Count(e => inputs[0][e].AsDouble != 0),
        _ => throw new ArgumentException(name),
    };

    private static Graph Graph(string nodes, string outputs, string? dims = null) =>
        SparseTests.Graph(nodes, outputs, dims ?? (nodes.Contains('K') ? "N, M, K" : "N, M"));

    private static TensorValue Random(int n, int m, double density)
    {
        var random = new Random((n * 1000) + m);
        return TensorValue.Of(
            Abi.ElementType.F32, [n, m], [.. Enumerable.Range(0, n * m).Select(_ => random.NextDouble() < density ? 1 + random.NextDouble() : 0)]);
    }

    private static TensorValue Dense(params int[] shape)
    {
        var (random, dims) = (new Random(5), shape is [1, .. var rest] ? rest : shape);
        return TensorValue.Of(Abi.ElementType.F32, [.. dims.Select(d => (long)d)], [.. Enumerable.Range(0, dims.Aggregate(1, (a, b) => a * b)).Select(_ => 1 + random.NextDouble())]);
    }
}
