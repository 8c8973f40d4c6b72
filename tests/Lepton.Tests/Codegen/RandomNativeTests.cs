using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Runtime;
using Lepton.Tests.Kernels;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Codegen;

/// <summary>Random graphs through all passes, kernels and machine code, one and two threads, against the interpreter.</summary>
public class RandomNativeTests
{
    private static readonly int First = int.TryParse(Environment.GetEnvironmentVariable("LEPTON_TEST_SEED"), out var seed) ? seed : 0;
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("LEPTON_TEST_COUNT"), out var count) ? count : 60;

    public static TheoryData<string> Targets() => [.. NativeRunner.Targets.Keys];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Random_graphs_run_natively_as_interpreted(string target)
    {
        var (cpu, wrong) = (NativeRunner.Targets[target], new List<string>());
        for (var seed = First; seed < First + Count; seed++)
        {
            var made = RandomGraphs.Make(seed);
            try
            {
                var kernels = KernelLowering.Run(GraphPasses.Run(made.Graph), Compilation.OptionsFor(cpu));
                KernelVerifier.Check(kernels);
                using var module = NativeRunner.Load(kernels, cpu);
                var expected = made.Run();
                foreach (var threads in (int[])[1, 2])
                {
                    if (made.Difference(expected, NativeRunner.Run(module.Entries.First(), made.Inputs, made.Sizes, threads)) is { } difference)
                    {
                        wrong.Add($"{threads} threads: {difference}");
                        break;
                    }
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                wrong.Add($"seed {seed}: {e.GetType().Name}: {e.Message}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_failing_run_names_the_first_failing_element(string target)
    {
        var (cpu, failures) = (NativeRunner.Targets[target], 0);
        for (var seed = First; seed < First + (Count * 2 / 3); seed++)
        {
            var made = RandomGraphs.Make(seed, new RandomGraphOptions(MaxElements: 600, Failing: true));
            GraphRunException? expected = null;
            try
            {
                made.Run();
            }
            catch (GraphRunException e)
            {
                expected = e;
            }

            using var module = NativeRunner.Load(KernelLowering.Run(TrivialFusion.Run(made.Graph, inline: false), Compilation.OptionsFor(cpu)), cpu);
            foreach (var threads in (int[])[1, 2])
            {
                LeptonRunException? actual = null;
                try
                {
                    NativeRunner.Run(module.Entries.First(), made.Inputs, made.Sizes, threads);
                }
                catch (LeptonRunException e)
                {
                    actual = e;
                }

                Assert.True((expected?.Index, expected?.Bound) == (actual?.Index, actual?.Bound), $"seed {seed}: {actual?.Message}, not {expected?.Message}");
            }

            failures += expected is null ? 0 : 1;
        }

        Assert.True(failures > 0 || Count < 60, "nothing failed");
    }
}
