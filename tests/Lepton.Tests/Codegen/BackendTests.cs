using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;

namespace Lepton.Tests.Codegen;

/// <summary>Whole graphs through kernels and machine code, compared with the interpreter.</summary>
public class BackendTests
{
    public static TheoryData<string, int> TargetsAndThreads()
    {
        var data = new TheoryData<string, int>();
        foreach (var target in NativeRunner.Targets.Keys)
        {
            data.Add(target, 1);
            data.Add(target, 2);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(TargetsAndThreads))]
    public void An_elementwise_chain_runs_natively_as_interpreted(string target, int threads)
    {
        var graph = GraphText.Parse("""
            graph wave(N) {
              %0 = input argument x : f32[N]
              %1 = sin %0 : f32[N]
              %2 = mul %0, %0 : f32[N]
              %3 = cos %2 : f32[N]
              %4 = add %1, %3 : f32[N]
              %5 = exp %0 : f32[N]
              %6 = add %4, %5 : f32[N]
              output y = %6
            }
            """);
        var group = new FusionGroup("map_0", KernelStrategy.Map, Enumerable.Range(1, 6).Select(i => new NodeId(i)).ToValueList(), [new NodeId(6)]);
        var kernels = KernelLowering.Run(new FusedGraph(graph, [group], [], new Dictionary<NodeId, FusedGraph>()));
        foreach (var n in new[] { 0, 1, 3, 15, 16, 17, 1000, 100_003 })
        {
            var x = TensorValue.OfFloats(ElementType.F32, [n], [.. Enumerable.Range(0, n).Select(i => (double)(float)((i % 97 * 0.1) - 4))]);
            var expected = Interpreter.Run(graph, [x])[0];
            var actual = NativeRunner.Run(kernels, [x], new Dictionary<string, long>(), NativeRunner.Targets[target], threads)[0];
            for (var i = 0; i < n; i++)
            {
                var e = expected.AsFloats[i];
                Assert.True(Math.Abs(actual.AsFloats[i] - e) <= 1e-6 * (1 + Math.Abs(e)), $"{target}, n = {n}, element {i}: {actual.AsFloats[i]}, not {e}");
            }
        }
    }
}
