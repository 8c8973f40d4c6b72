using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Kernels;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>What keeps the order of numbers moves behind a maximum, and no number changes.</summary>
public class ReduceFirstTests
{
    private static readonly double[] Special = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, -0.0, 0.0, 3e38, -3e38, 1e-40];

    [Fact]
    public void Random_chains_before_a_pool()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            T Pick<T>(params T[] choices) => choices[random.Next(choices.Length)];
            var (lines, last) = (new List<string>(), 0);
            int Add(string line)
            {
                lines.Add(line);
                return lines.Count - 1;
            }

            const string Shape = "f32[2, 3, 8]";
            Add($"input argument x : {Shape}");
            var parameter = Add("input parameter b : f32[3]");
            for (var k = random.Next(1, 5); k > 0; k--)
            {
                var other = random.Next(2) == 0 ? Add($"view %{parameter} [i1] : {Shape}") : Add($"splat {Pick("0", "1.5", "-2", "1e38", "-inf")} : {Shape}");
                last = Add($"{Pick("add", "sub", "max", "min")} %{last}, %{other} : {Shape}");
            }

            last = Add($"view %{last} [i0, i1, 2*i2 + i3] : f32[2, 3, 4, 2]");
            last = Add($"reduce {Pick("max", "min")} %{last} [3] : f32[2, 3, 4]");
            var graph = GraphText.Parse($"graph g() {{\n{string.Join('\n', lines.Select((l, i) => $"%{i} = {l}"))}\noutput y = %{last}\n}}\n");
            var x = TensorValue.Of(ElementType.F32, [2, 3, 8], [.. Enumerable.Range(0, 48).Select(_ => random.Next(4) == 0 ? Pick(Special) : (random.NextDouble() * 4) - 2)]);
            var inputs = new[] { x, KernelHarness.Random(ElementType.F32, seed, 3) };
            foreach (var exact in (bool[])[false, true])
            {
                var moved = RemoveDead.Run(ReduceFirst.Run(graph, exact));
                GraphVerifier.Verify(moved);
                var wrong = KernelHarness.Difference(Interpreter.Run(graph, inputs)[0], Interpreter.Run(moved, inputs)[0], 0);
                Assert.True(wrong is null, $"seed {seed}: {wrong}\n{GraphText.Print(graph)}\n{GraphText.Print(moved)}");
            }
        }
    }

    [Theory]
    [InlineData("i0, 2*i1 + i2", "add %0, %2", 0, false)]
    [InlineData("i0, 2*i1 + i2", "add %0, %2", 1, true)]
    [InlineData("i0, 2*i1 + i2 else fill] fill -inf", "max %0, %3", 0, false)]
    [InlineData("i0, 2*i1 + i2", "max %0, %3", 1, false)]
    [InlineData("i0, 2*i1 + i2", "mul %0, %3", 0, false)]
    public void Moves_only_what_it_may(string access, string operation, int behind, bool alongRows)
    {
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : f32[3, 8]
              %1 = input parameter b : f32[{{(alongRows ? 3 : 8)}}]
              %2 = view %1 [{{(alongRows ? "i0" : "i1")}}] : f32[3, 8]
              %3 = splat 2 : f32[3, 8]
              %4 = {{operation}} : f32[3, 8]
              %5 = view %4 [{{(access.Contains(']', StringComparison.Ordinal) ? access : access + "]")}} : f32[3, 4, 2]
              %6 = reduce max %5 [2] : f32[3, 4]
              output y = %6
            }
            """);
        var moved = RemoveDead.Run(ReduceFirst.Run(graph, exact: false));
        Assert.Equal(behind, moved.Nodes.SkipWhile(n => n is not ReduceNode).Count(n => n is MapNode));
    }
}
