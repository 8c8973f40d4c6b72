using System.Globalization;
using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Tests.House;
using Lepton.Tests.Kernels;
using Lepton.Tests.Support;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// The programs of sweep.lep for sizes from 0 to 67, between pages that may not be touched: with N as a variable for every size; with N as a number
/// for some of the sizes, others for each program (by hand, LEPTON_GUARD_ALL=1: for all of them and all choices).
/// </summary>
public sealed class GuardSweep
{
    private const int MostN = 67;
    private const int OneIn = 8;
    private const double Tolerance = 1e-3;

    // As it is, and what ForcedChoices draws from.
    private static readonly Func<KernelOptions, KernelOptions>[] Choices =
    [
        o => o,
        o => o with { Miniature = 1 << 16, ChunkElements = 64, Eager = true, SparseShare = 100, ByteDots = !o.ByteDots },
        o => o with { Miniature = 128, ChunkElements = 256, Registers = 32, RegisterBytes = 64, Eager = true },
        o => o with { Miniature = 1024, Registers = 8, RegisterBytes = 16, VectorBytes = 32 },
    ];

    private static readonly Compilation Programs = Compilation.Of(
        new SourceText("sweep.lep", File.ReadAllText(Repository.PathOf("tests", "Lepton.Tests", "Fuzz", "sweep.lep"))));

    public static IEnumerable<object[]> Entries() => Programs.Entries.Select((e, i) => new object[] { e, i });

    [Theory]
    [MemberData(nameof(Entries))]
    public void No_size_reaches_outside_of_a_buffer(string entry, int number)
    {
        if (!GuardedPages.IsSupported)
        {
            return;
        }

        var all = Environment.GetEnvironmentVariable("LEPTON_GUARD_ALL") == "1";
        foreach (var choice in Enumerable.Range(0, Choices.Length).Where(c => all || c == number % Choices.Length))
        {
            Check(entry, null, choice, [.. Enumerable.Range(0, MostN + 1)]);
        }

        for (var n = 0; n <= MostN; n++)
        {
            foreach (var choice in Enumerable.Range(0, Choices.Length).Where(c => all || (n % OneIn == number % OneIn && c == n / OneIn % Choices.Length)))
            {
                Check(entry, n, choice, [n]);
            }
        }
    }

    // constant: N as a number; null: as a variable.
    private static void Check(string entry, int? constant, int choice, int[] sizes)
    {
        var (name, cpu) = NativeRunner.Targets.ElementAt((choice + (constant ?? 0)) % NativeRunner.Targets.Count);
        var dims = new Dictionary<string, long>();
        if (constant is { } n)
        {
            dims["N"] = n;
        }

        var graph = Programs.Graph(entry);
        var kernels = KernelLowering.Run(Programs.Fuse(entry, dims), Choices[choice](Compilation.OptionsFor(cpu)) with { Apart = true });
        using var run = new GuardedRun(kernels, cpu);
        foreach (var size in sizes)
        {
            var what = string.Create(CultureInfo.InvariantCulture, $"{entry}, N = {size}{(constant is null ? " as a variable" : "")}, choice {choice}, {name}");
            FuzzLog.Running(what);
            var sizeOf = new Dictionary<string, long> { ["N"] = size };
            var inputs = graph.Inputs.Select((id, i) => (Node: (InputNode)graph[id], Value: Input(graph[id].Type, i, size))).ToArray();
            var expected = Interpreter.Run(graph, [.. inputs.Select(i => i.Value)], d => sizeOf[d]);
            TensorValue[] given = [.. inputs.OrderBy(i => i.Node.Kind).Select(i => i.Value)];
            foreach (var (atEnd, threads) in ((bool, int)[])[(false, 1), (true, 2)])
            {
                var (results, error) = run.Run(given, sizeOf, atEnd, threads);
                Assert.True(error == NativeError.None, what);
                for (var i = 0; i < expected.Count; i++)
                {
                    var wrong = KernelHarness.Difference(expected[i], results[i], Tolerance);
                    Assert.True(wrong is null, $"{what}, {graph.Outputs[i].Name}: {wrong}");
                }
            }

            FuzzLog.Running(null);
        }
    }

    private static TensorValue Input(TensorType type, int seed, int n) =>
        KernelHarness.Random(type.Element, seed, [.. type.Shape.Select(s => s.Evaluate(_ => n))]);
}
