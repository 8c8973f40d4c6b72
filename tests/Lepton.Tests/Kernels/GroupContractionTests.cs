using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Products of matrices by groups of chunks that share memory, as graphics processors get them, against the interpreter of graphs.</summary>
public sealed class GroupContractionTests
{
    // Four chunks make a tile of 8 x 16.
    private static readonly KernelOptions Options = new(VectorBytes: 16, ChunkElements: 4, RegisterBytes: 16, GroupChunks: 4);

    [Theory]
    [InlineData(8, 16, 16)]
    [InlineData(16, 32, 32)]
    [InlineData(7, 15, 17)]
    [InlineData(9, 17, 4)]
    [InlineData(2, 33, 40)]
    [InlineData(20, 3, 5)]
    public void Matrices_of_sizes_around_the_tile(int m, int n, int k)
    {
        foreach (var sizes in (string[])[$"{m} {n} {k}", "M N K"])
        {
            var s = sizes.Split(' ');
            var dims = s[0] == "M" ? "M, N, K" : "";
            var graph = GraphText.Parse(
                $"graph g({dims}) {{\n%0 = input argument a : f32[{s[0]}, {s[2]}]\n%1 = input argument b : f32[{s[2]}, {s[1]}]\n%2 = input argument c : f32[{s[0]}, {s[1]}]\n"
                + $"%3 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[{s[0]}, {s[1]}]\n%4 = add %3, %2 : f32[{s[0]}, {s[1]}]\noutput y = %4\n}}\n");
            GraphVerifier.Verify(graph);
            TensorValue[] inputs = [KernelHarness.Random(ElementType.F32, 1, m, k), KernelHarness.Random(ElementType.F32, 2, k, n), KernelHarness.Random(ElementType.F32, 3, m, n)];
            var module = KernelHarness.Check(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), inputs, 1e-4, Options);
            Assert.Equal(4, Assert.Single(module.Kernels).Group);
        }
    }

    [Fact]
    public void Random_products_and_convolutions()
    {
        var grouped = 0;
        foreach (var seed in KernelHarness.Seeds("LEPTON_GROUPS", 5))
        {
            var (graph, strategy) = RandomProduct.Make(new Random(seed));
            if (strategy != KernelStrategy.Contraction)
            {
                continue;
            }

            var inputs = graph.Inputs.Select((id, i) => KernelHarness.Random(graph[id].Type.Element, seed + i, [.. graph[id].Type.Shape.Select(s => s.AsConstant!.Value)])).ToArray();
            var module = KernelHarness.Check(RowwiseTests.OneGroup(graph, strategy), inputs, 1e-3, Options);
            grouped += module.Kernels.Count(k => k.Group > 1);
        }

        Assert.InRange(grouped, 2, int.MaxValue);
    }

    [Fact]
    public void Chunks_that_are_alone_have_no_barriers()
    {
        var kernel = new Kernel("k", KernelStrategy.Map, [], [], 1, [new BarrierStatement()], 1, 0, 0, "");
        Assert.Contains("barrier", Assert.Throws<CompilerBugException>(() => KernelVerifier.Check(new KernelModule("m", [kernel], [], []))).Message);
    }
}
