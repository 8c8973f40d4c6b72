using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Row-wise kernels and contractions in machine code for every target of this machine, one and two threads.</summary>
public sealed class NativeReductionTests
{
    private const string Matmul = "contract %0[0, 1], %1[1, 2] -> [0, 2] : {t}[M, N]";

    private const string Softmax =
        "reduce max %0 [1] : f32[M]; view %2 [i0] : f32[M, N]; sub %0, %3 : f32[M, N]; exp %4 : f32[M, N]; reduce sum %5 [1] : f32[M]; "
        + "view %6 [i0] : f32[M, N]; div %5, %7 : f32[M, N]";

    public static TheoryData<string> Targets() => [.. NativeRunner.Targets.Keys];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Products(string target)
    {
        foreach (var element in (ElementType[])[ElementType.F32, ElementType.F64, ElementType.F16, ElementType.I32, ElementType.I8])
        {
            Check(target, KernelStrategy.Contraction, element, Matmul, (7, 19, 21), (1, 1, 1), (70, 33, 330), (13, 0, 4), (13, 5, 0), (1, 64, 100));
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Rows(string target)
    {
        Check(target, KernelStrategy.Rowwise, ElementType.F32, Softmax, (5, 1, 1), (4, 10, 1), (70, 70, 1), (4, 20000, 1), (3, 16, 1), (3, 1000, 1), (0, 4, 1), (150, 333, 1));
        foreach (var axes in (string[])["0", "1", "0, 1"])
        {
            var kept = axes switch { "0" => "[N]", "1" => "[M]", _ => "" };
            Check(target, KernelStrategy.Rowwise, ElementType.F32, $"reduce sum %0 [{axes}] : f32{kept}", (5, 1, 1), (37, 71, 1), (3, 40001, 1), (7000, 11, 1), (37, 4200, 1));
            Check(target, KernelStrategy.Rowwise, ElementType.F32, $"reduce argmax %0 [{axes}] : i64{kept}", (5, 1, 1), (37, 71, 1), (7000, 11, 1));
            Check(target, KernelStrategy.Rowwise, ElementType.I16, $"reduce max %0 [{axes}] : i16{kept}", (37, 71, 1));
        }
    }

    // Sizes as variables; one module for all of them, and for the last also one with the sizes as constants.
    private static void Check(string target, KernelStrategy strategy, ElementType element, string lines, params (int M, int N, int K)[] all)
    {
        var graph = Graph(lines, element, n => n);
        var (cpu, options) = (NativeRunner.Targets[target], Compilation.OptionsFor(NativeRunner.Targets[target]));
        using var native = NativeRunner.Load(KernelLowering.Run(RowwiseTests.OneGroup(graph, strategy), options), cpu);
        foreach (var sizes in all)
        {
            Compare(native.Entries.First(), graph, sizes);
        }

        var last = all[^1];
        var constant = Graph(lines, element, n => (n == "M" ? last.M : n == "N" ? last.N : last.K).ToString());
        using var special = NativeRunner.Load(KernelLowering.Run(RowwiseTests.OneGroup(constant, strategy), options), cpu);
        Compare(special.Entries.First(), constant, last);

        void Compare(Lepton.Runtime.Entry entry, Graph meaning, (int M, int N, int K) sizes)
        {
            var isProduct = strategy == KernelStrategy.Contraction;
            TensorValue[] inputs =
            [
                KernelHarness.Random(element, sizes.M, sizes.M, isProduct ? sizes.K : sizes.N),
                KernelHarness.Random(element, sizes.N, isProduct ? sizes.K : 1, isProduct ? sizes.N : 1),
            ];
            var expected = Interpreter.Run(meaning, inputs)[0];
            var one = NativeRunner.Run(entry, inputs, new Dictionary<string, long>())[0];
            var two = NativeRunner.Run(entry, inputs, new Dictionary<string, long>(), threads: 2)[0];
            Assert.Equal(one.ToBytes(), two.ToBytes());
            var wrong = KernelHarness.Difference(expected, one, 1e-4);
            Assert.True(wrong is null, $"{target} {element} {sizes}: {wrong}\n{lines}");
        }

        Graph Graph(string text, ElementType type, Func<string, string> size)
        {
            string Sizes(string s) => System.Text.RegularExpressions.Regex.Replace(s, @"\b[MNK]\b", m => size(m.Value));
            var (first, second) = strategy == KernelStrategy.Contraction ? ("[M, K]", "[K, N]") : ("[M, N]", "[1, 1]");
            var body = text.Replace("{t}", type.Name()).Split(';', StringSplitOptions.TrimEntries).Select((line, i) => $"%{i + 2} = {line}").ToArray();
            var dims = size("M") != "M" ? "" : strategy == KernelStrategy.Contraction ? "M, N, K" : "M, N";
            var graph = GraphText.Parse(
                $"graph g({dims}) {{\n%0 = input argument x : {type.Name()}{Sizes(first)}\n%1 = input argument y : {type.Name()}{Sizes(second)}\n"
                + $"{Sizes(string.Join('\n', body))}\noutput z = %{body.Length + 1}\n}}\n");
            GraphVerifier.Verify(graph);
            return graph;
        }
    }
}
