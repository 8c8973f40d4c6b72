using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Kernels;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>Reductions in which an equality leaves one index become accesses, bit for bit.</summary>
public class PinIndicesTests
{
    private static readonly (string Kind, string Element, string Neutral)[] Kinds =
    [
        ("sum", "f32", "0"), ("sum", "f64", "-0.0"), ("sum", "i32", "0"), ("prod", "f32", "1"), ("max", "f32", "-inf"), ("min", "f64", "inf"),
        ("max", "i32", "-2147483648"), ("any", "bool", "false"), ("all", "bool", "true"),
    ];

    [Fact]
    public void Random_equalities_of_indices_and_data()
    {
        var pinned = 0;
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed * 7919);
            var (kind, element, neutral) = Kinds[seed % Kinds.Length];
            var (n, m) = (random.Next(0, 6), random.Next(1, 6));
            var (lines, last) = (new List<string>(), 0);
            int Add(string line)
            {
                lines.Add(line);
                return lines.Count - 1;
            }

            string plane = $"[{n}, {m}]", space = $"[{n}, {m}, 2]";
            var x = Add($"input argument x : {element}{space}");
            var t = Add($"input argument t : i64[{n}]");
            var b = Add($"input argument b : bool{space}");

            // i ± j + c = 0, or data that is an index of the axis or lies outside.
            var (i, j) = (Add($"iota 0 : i64{plane}"), Add($"iota 1 : i64{plane}"));
            var isData = random.Next(2) == 0;
            var side = isData ? Add($"view %{t} [i0] : i64{plane}") : Add($"add %{i}, %{Add($"splat {random.Next(-2, 4)} : i64{plane}")} : i64{plane}");
            side = !isData && random.Next(3) == 0 ? Add($"neg %{side} : i64{plane}") : side;
            var isEqual = random.Next(2) == 0;
            var (left, right) = random.Next(2) == 0 ? (side, j) : (j, side);
            last = Add($"view %{Add($"{(isEqual ? "equal" : "notequal")} %{left}, %{right} : bool{plane}")} [i0, i1] : bool{space}");
            var isNarrow = random.Next(3) == 0;
            last = isNarrow ? Add($"{(isEqual ? "and" : "or")} %{last}, %{b} : bool{space}") : last;
            var rest = Add($"splat {neutral} : {element}{space}");
            last = Add($"select %{last}, %{(isEqual ? x : rest)}, %{(isEqual ? rest : x)} : {element}{space}");

            // Sums over more are exact in another order for small numbers.
            var isMore = random.Next(3) == 0;
            last = Add($"reduce {kind} %{last} [{(isMore ? "1, 2" : "1")}] : {element}[{n}{(isMore ? "" : ", 2")}]");
            var graph = GraphText.Parse($"graph g() {{\n{string.Join('\n', lines.Select((l, k) => $"%{k} = {l}"))}\noutput y = %{last}\n}}\n");
            var moved = RemoveDead.Run(PinIndices.Run(graph));
            pinned += moved.Nodes.Any(node => node is ReduceNode) && !isMore ? 0 : 1;
            OptimizerSupport.SameMeaning(graph, moved, random, _ => 0, small: isMore);
            var type = graph[new NodeId(x)].Type.Element;
            var inputs = new[]
            {
                OptimizerSupport.SmallValues(random, type, n, m, 2),
                TensorValue.OfIntegers(ElementType.I64, [n], [.. Enumerable.Range(0, n).Select(_ => (long)random.Next(-1, m + 1))]),
                OptimizerSupport.SmallValues(random, ElementType.Bool, n, m, 2),
            };
            Assert.True(Interpreter.Run(graph, inputs)[0].Same(Interpreter.Run(moved, inputs)[0]), $"seed {seed}\n{GraphText.Print(graph)}\n{GraphText.Print(moved)}");
        }

        Assert.Equal(400, pinned);
    }

    [Theory]
    [InlineData("i32", false, 0)]
    [InlineData("f32", false, 1)]
    [InlineData("f32", true, 0)]
    public void A_product_with_zero_is_left_out_where_it_is_zero(string element, bool fastMath, int reductions)
    {
        var graph = GraphText.Parse($$"""
            graph g(N, K) {
              %0 = input argument t : i64[N]
              %1 = input argument w : {{element}}[K]
              %2 = view %0 [i0] : i64[N, K]
              %3 = iota 1 : i64[N, K]
              %4 = equal %2, %3 : bool[N, K]
              %5 = cast %4 : {{element}}[N, K]
              %6 = view %1 [i1] : {{element}}[N, K]
              %7 = mul %5, %6 : {{element}}[N, K]
              %8 = reduce sum %7 [1] : {{element}}[N]
              output y = %8
            }
            """);
        var moved = RemoveDead.Run(PinIndices.Run(graph, fastMath));
        Assert.Equal(reductions, moved.Nodes.Count(n => n is ReduceNode));
        var inputs = new[]
        {
            TensorValue.OfIntegers(ElementType.I64, [5], [0, 2, -1, 3, 1]), KernelHarness.Random(graph[new NodeId(1)].Type.Element, 1, 3),
        };
        Assert.Null(KernelHarness.Difference(Interpreter.Run(graph, inputs)[0], Interpreter.Run(moved, inputs)[0], 0));
    }
}
