using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Kernels;

public sealed class SparseTests
{
    private const string Csr = "in csr [dense 0, compressed 1] i32";

    public static TheoryData<string, string> Formats => new()
    {
        { "csr", "[dense 0, compressed 1] i32" },
        { "csc", "[dense 1, compressed 0] i32" },
        { "dcsr", "[compressed 0, compressed 1] i64" },
        { "dcsc", "[compressed 1, compressed 0] i32" },
        { "coo", "[compressed 0 repeated, singleton 1] i32" },
        { "bsr", "[dense 0 / 2, compressed 1 / 3, dense 0 % 2, dense 1 % 3] i32" },
        { "half", "[compressed 0, dense 1] i32" },
        { "all", "[dense 0, dense 1] i32" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void An_argument_in_any_format_is_the_dense_tensor(string name, string levels)
    {
        var graph = Graph($"%0 = input argument a in {name} {levels} : f32[N, M]; %1 = neg %0 : f32[N, M]", "y = %1");
        foreach (var (n, m) in ((int, int)[])[(4, 6), (2, 3), (6, 3), (0, 3), (4, 0)])
        {
            SparseHarness.Check(graph, [Sparse(n, m, 0.3, n + m)]);
            SparseHarness.Check(graph, [Sparse(n, m, 0, 1)], stored: true);
            SparseHarness.Check(graph, [Sparse(n, m, 1, 2)]);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_result_in_any_format_is_the_dense_tensor(string name, string levels)
    {
        var graph = Graph($"%0 = input argument a : f32[N, M]; %1 = mul %0, %0 : f32[N, M]; %2 = format %1 in {name} {levels} : f32[N, M]", "y = %2");
        foreach (var (n, m) in ((int, int)[])[(4, 6), (2, 3), (6, 3), (0, 3), (4, 0)])
        {
            SparseHarness.Check(graph, [Sparse(n, m, 0.3, n + m)]);
            SparseHarness.Check(graph, [Sparse(n, m, 0, 1)]);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Sums_over_a_matrix_are_those_of_the_dense_one(string name, string levels)
    {
        var a = $"%0 = input argument a in {name} {levels} : f32[N, M]; ";
        Graph[] graphs =
        [
            Graph(a + "%1 = input argument x : f32[M]; %2 = contract %0[0, 1], %1[1] -> [0] : f32[N]", "y = %2"),
            Graph(a + "%1 = input argument x : f32[N]; %2 = contract %0[0, 1], %1[0] -> [1] : f32[M]", "y = %2"),
            Graph(a + "%1 = input argument x : f32[M, 19]; %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, 19]; %3 = neg %2 : f32[N, 19]", "y = %3"),
            Graph(a + "%1 = input argument x : f32[7, M]; %2 = contract %1[2, 1], %0[0, 1] -> [2, 0] : f32[7, N]", "y = %2"),
            Graph(a + "%1 = reduce sum %0 [1] : f32[N]; %2 = reduce sum %0 [0] : f32[M]; %3 = reduce sum %0 [0, 1] : f32; %4 = reduce max %0 [1] : f32[N]", "y = %1; z = %2; w = %3; m = %4"),
            Graph(a + "%1 = input argument q : f32[N, 11]; %2 = input argument k : f32[M, 11]; %3 = contract %0[0, 1], %1[0, 2], %2[1, 2] -> [0, 1] : f32[N, M]", "y = %3"),
            Graph(a + $"%1 = input argument q : f32[N, 11]; %2 = input argument k : f32[M, 11]; %3 = contract %0[0, 1], %1[0, 2], %2[1, 2] -> [0, 1] : f32[N, M]; %4 = format %3 in {name} {levels} : f32[N, M]", "y = %4"),
        ];
        foreach (var (n, m) in ((int, int)[])[(4, 6), (2, 3), (6, 21), (0, 3), (4, 0)])
        {
            foreach (var density in (double[])[0, 0.3, 1])
            {
                TensorValue[][] inputs =
                [
                    [Random(n + m, m)],
                    [Random(n + m, n)],
                    [Random(n + m, m, 19)],
                    [Random(n + m, 7, m)],
                    [],
                    [Random(n, n, 11), Random(m, m, 11)],
                    [Random(n, n, 11), Random(m, m, 11)],
                ];
                for (var g = 0; g < graphs.Length; g++)
                {
                    SparseHarness.Check(graphs[g], [Sparse(n, m, density, n + m), .. inputs[g]], stored: density == 0.3);
                }
            }
        }
    }

    [Fact]
    public void Entries_of_the_pattern_that_no_iteration_reaches_are_filled()
    {
        var graph = Graph(
            "%0 = input argument a in dcsr [compressed 0, compressed 1] i32 : f32[N, M]; %1 = input argument x in coo [compressed 0] i32 : f32[N]; "
            + "%2 = view %1 [i0] : f32[N, M]; %3 = mul %2, %0 : f32[N, M]; %4 = reduce sum %3 [1] : f32[N]; %5 = format %4 in coo [compressed 0] i32 : f32[N]",
            "y = %5");
        SparseHarness.Check(graph, [KernelHarness.F32([3, 2], 0, 0, 1, 2, 0, 0), KernelHarness.F32([3], 4, 0, 5)]);
        SparseHarness.Check(graph, [KernelHarness.F32([3, 2], 0, 0, 1, 2, 0, 0), KernelHarness.F32([3], 4, 6, 5)]);
    }

    public static TheoryData<string, string, string, string> Pairs()
    {
        var pairs = new TheoryData<string, string, string, string>();
        foreach (var (a, i) in Formats.Select((f, i) => (f, i)))
        {
            foreach (var (b, j) in Formats.Select((f, j) => (f, j)))
            {
                if ((i + j) % 3 == 0)
                {
                    pairs.Add((string)a[0], (string)a[1], (string)b[0], (string)b[1]);
                }
            }
        }

        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Two_matrices_meet_in_any_formats(string left, string levels, string right, string others)
    {
        var a = $"%0 = input argument a in {left} {levels} : f32[N, M]; %1 = input argument b in {right} {others} : f32[N, M]; ";
        var c = $"%0 = input argument a in {left} {levels} : f32[N, M]; %1 = input argument b in {right} {others} : f32[M, K]; ";
        foreach (var (n, m) in ((int, int)[])[(4, 6), (2, 3), (6, 9), (0, 3), (4, 0)])
        {
            foreach (var density in (double[])[0, 0.3, 1])
            {
                TensorValue[] inputs = [Sparse(n, m, density, n + m), Sparse(n, m, 0.4, n)];
                foreach (var op in (string[])["add", "mul", "max"])
                {
                    Check(a + $"%2 = {op} %0, %1 : f32[N, M]", "y = %2", inputs);
                    Check(a + $"%2 = {op} %0, %1 : f32[N, M]; %3 = format %2 in {left} {levels} : f32[N, M]", "y = %3", inputs);
                    Check(a + $"%2 = {op} %0, %1 : f32[N, M]; %3 = reduce sum %2 [0] : f32[M]", "y = %3", inputs);
                }

                TensorValue[] factors = [Sparse(n, m, density, n + m), Sparse(m, 6, 0.4, n)];
                Check(c + "%2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, K]", "y = %2", factors, "N, M, K");
                Check(c + $"%2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[N, K]; %3 = format %2 in {right} {others} : f32[N, K]", "y = %3", factors, "N, M, K");
            }
        }

        void Check(string lines, string output, TensorValue[] inputs, string dims = "N, M")
        {
            // Blocks divide their axes.
            if (!(left + right).Contains("bsr") || inputs.All(t => t.Dims[0] % 2 == 0 && t.Dims[1] % 3 == 0 && t.Dims[0] % 3 == 0) || inputs is [{ Dims: [4, 6] }, ..] && dims == "N, M")
            {
                SparseHarness.Check(Graph(lines, output, dims), inputs, stored: true);
            }
        }
    }

    private static TensorValue Random(int seed, params long[] shape) => KernelHarness.Random(ElementType.F32, seed, shape);

    internal static Graph Graph(string lines, string output, string dims = "N, M")
    {
        var list = lines.Split(';', StringSplitOptions.TrimEntries);
        return GraphText.Parse($"graph g({dims}) {{\n{string.Join('\n', list)}\n{string.Join('\n', output.Split(';').Select(o => "output " + o.Trim()))}\n}}\n");
    }

    internal static TensorValue Sparse(int n, int m, double density, int seed)
    {
        var random = new Random(seed);
        var values = Enumerable.Range(0, n * m).Select(_ => random.NextDouble() < density ? Math.Round((random.NextDouble() * 4) - 2, 3) : 0);
        return TensorValue.Of(ElementType.F32, [n, m], values.ToArray());
    }
}
