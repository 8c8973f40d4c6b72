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
