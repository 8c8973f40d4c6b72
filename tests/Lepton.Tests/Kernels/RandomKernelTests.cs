using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Optimizer;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Random graphs of every operation: loops run statement by statement against the interpreter of graphs.</summary>
public sealed class RandomKernelTests
{
    // By hand: LEPTON_FUZZ_KERNELS=first-last.
    private static (int First, int Last) Seeds(int count) =>
        Environment.GetEnvironmentVariable("LEPTON_FUZZ_KERNELS")?.Split('-') is [var first, var last] ? (int.Parse(first), int.Parse(last)) : (0, count - 1);

    /// <summary>How a graph is cut into groups.</summary>
    public enum Cut
    {
        OnePerNode,
        Inlined,
        Optimized,
    }

    [Theory]
    [InlineData(Cut.OnePerNode, false)]
    [InlineData(Cut.Inlined, false)]
    [InlineData(Cut.Optimized, false)]
    [InlineData(Cut.Optimized, true)]
    public void Kernels_give_what_the_graph_means(Cut cut, bool native)
    {
        var (first, last) = Seeds(native ? 60 : 150);
        var wrong = new List<string>();
        for (var seed = first; seed <= last && wrong.Count < 8; seed++)
        {
            var made = RandomGraphs.Make(seed, new RandomGraphOptions(MaxElements: 600));
            var module = default(KernelModule);
            try
            {
                var fused = cut == Cut.Optimized ? GraphPasses.Run(made.Graph) : TrivialFusion.Run(made.Graph, cut == Cut.Inlined);
                module = KernelLowering.Run(fused);
                var (actual, failure) = native
                    ? ([.. NativeRunner.Run(module, made.Inputs, made.Sizes, NativeRunner.Targets.Values.Last())], null)
                    : KernelHarness.Run(module, made.Graph, made.Inputs, made.SizeOf);
                var difference = failure is null ? made.Difference(made.Run(), actual) : $"seed {seed}: {failure}";
                if (difference is not null)
                {
                    wrong.Add(difference);
                }
            }
            catch (Exception e) when (e is not GraphRunException)
            {
                wrong.Add($"seed {seed}: {e.Message.Split('\n')[0]} {e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("at Lepton.", StringComparison.Ordinal))}");
            }

            if (wrong.Count == 1 && first == last)
            {
                wrong.Add($"{made}\n{(module is null ? "" : LoopText.Print(module))}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void Loops_fail_where_the_graph_fails()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var made = RandomGraphs.Make(seed, new RandomGraphOptions(MaxElements: 600, Failing: true));
            var (_, failure) = KernelHarness.Run(KernelLowering.Run(TrivialFusion.Run(made.Graph, inline: false)), made.Graph, made.Inputs, made.SizeOf);
            LoopFailure? expected = null;
            try
            {
                made.Run();
            }
            catch (GraphRunException e)
            {
                expected = new LoopFailure(e.Site, e.Element, e.Index, e.Bound);
            }

            Assert.True(expected == failure, $"seed {seed}: {failure}, not {expected}");
        }
    }
}
