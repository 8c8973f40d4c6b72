using System.Diagnostics;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Xunit;
using Xunit.Abstractions;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>What lowering promises besides right numbers: linear time, shared memory, nothing copied, nothing computed twice.</summary>
public sealed class LoweringTests(ITestOutputHelper output)
{
    private static Graph Chain(int length)
    {
        var graph = new GraphAssembler("chain", ["N"]);
        var type = new TensorType(ElementType.F32, [SizeExpr.Variable("N")]);
        var x = graph.Input("x", type);
        var last = x;
        for (var i = 0; i < length; i++)
        {
            last = graph.Map(i % 2 == 0 ? MapOp.Add : MapOp.Mul, last, x);
        }

        graph.Output("y", last);
        return graph.ToGraph();
    }

    [Fact]
    public void A_chain_of_100000_operations_becomes_one_flat_kernel()
    {
        foreach (var length in (int[])[1000, 10_000, 100_000])
        {
            var clock = Stopwatch.StartNew();
            var module = KernelLowering.Run(TrivialFusion.Run(Chain(length), inline: true));
            output.WriteLine($"{length}: {clock.ElapsedMilliseconds} ms");
            Assert.Equal("flat loop over N, 16 lanes", Assert.Single(module.Kernels).Note);
        }
    }

    [Fact]
    public void Ten_thousand_kernels()
    {
        var clock = Stopwatch.StartNew();
        var module = KernelLowering.Run(TrivialFusion.Run(Chain(10_000), inline: false));
        output.WriteLine($"{clock.ElapsedMilliseconds} ms");
        Assert.Equal(10_000, Assert.Single(module.Entries).Body.Count);
        Assert.Single(Assert.Single(module.Entries).Arena); // each result over its operand
    }
}
