using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Runtime;
using Lepton.Tests.Support;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// One random graph through everything: the interpreter is the oracle; the optimizer must keep what it says, and machine code must give it too,
/// with the same bits for one, two and four threads. The graph is compiled twice: as a user has it, with all passes; and with forced choices
/// (<see cref="ForcedChoices"/>), half of the time without one pass, run between forbidden pages. Which pass is left out, the target, whether
/// sizes are constants or symbols, and how many of the last inputs are parameters, follow from the seed.
/// </summary>
internal static class DifferentialCheck
{
    private static readonly string[] TargetNames = [.. NativeRunner.Targets.Keys.Order(StringComparer.Ordinal)];

    // LLVM's own passes take nine tenths of the time, and are not what is tested: one compilation in so many has them all.
    private const int OptimizedOneIn = 8;

    // Threads and end of the pages.
    private static readonly (int Threads, bool AtEnd)[] Guarded = [(1, false), (1, true), (2, true), (4, false)];

    /// <summary>Null when all agree, else what differs.</summary>
    /// <param name="count">Hears of what was compiled.</param>
    /// <param name="forced">The forced choices; null: as the seed says.</param>
    /// <param name="device">On this device instead of as machine code.</param>
    public static string? Run(RandomCase made, bool withCode = true, StrategyCount? count = null, Func<KernelOptions, KernelOptions>? forced = null, CodeDevice? device = null)
    {
        IReadOnlyList<TensorValue>? expected = null;
        GraphRunException? failure = null;
        try
        {
            expected = made.Run();
        }
        catch (GraphRunException e)
        {
            failure = e;
        }

        var check = new Check(made, expected, failure, count, device);
        var skipped = GraphPasses.Names[made.Seed % GraphPasses.Names.Count];
        forced ??= usual => ForcedChoices.Of(usual, made.Seed, made.AllowsWinograd);
        return check.Run([], withCode, null) ?? check.Run(made.Seed % 2 == 0 ? [] : [skipped], withCode, GuardedPages.IsSupported ? forced : null);
    }

    // Work on parameters alone is done once; that must not be seen.
    private static Graph WithParameters(Graph graph, int choice)
    {
        var first = graph.Inputs.Count - (choice % (graph.Inputs.Count + 1));
        var target = GraphAssembler.Like(graph);
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var at = graph.Inputs.Span.IndexOf(new NodeId(i));
            target.Add(at >= first ? (InputNode)graph.Nodes[i] with { Kind = InputKind.Parameter } : graph.Nodes[i]);
        }

        foreach (var output in graph.Outputs)
        {
            target.Output(output.Name, output.Node);
        }

        return target.ToGraph();
    }

    private sealed class Check(RandomCase made, IReadOnlyList<TensorValue>? expected, GraphRunException? failure, StrategyCount? count, CodeDevice? device)
    {
        private readonly Graph _graph = WithParameters(made.Graph, made.Seed / 5);
        private readonly string _target = TargetNames[made.Seed / 3 % TargetNames.Length];

        public string? Run(HashSet<string> skip, bool withCode, Func<KernelOptions, KernelOptions>? forced)
        {
            var dims = made.Seed / 7 % 3 == 0 ? new Dictionary<string, long>() : new Dictionary<string, long>(made.Sizes);
            var what = $"{(skip.Count == 0 ? "all passes" : "without " + skip.Single())}, {(dims.Count == 0 ? "symbolic" : "constant")} sizes{(forced is null ? "" : ", forced")}";
            try
            {
                var passes = new PassOptions { Verify = true, Dims = dims, Skip = skip, Trace = Passed };
                var fused = GraphPasses.Run(_graph, passes);
                var problem = Interpreted(fused.Graph) ?? (!withCode ? null : forced is null ? Native(fused) : Guard(fused, forced));
                return problem is null ? null : $"{what}: {problem}";
            }
            catch (Exception e) when (e is not GraphRunException)
            {
                return $"seed {made.Seed}, {what}: {e.GetType().Name}: {e.Message.Split('\n')[0]}\n{e.StackTrace}";
            }
        }

        private void Passed(string pass, Graph before, Graph after, TimeSpan time)
        {
            if (!ReferenceEquals(before, after))
            {
                count?.Add($"pass {pass}");
            }
        }

        private string? Interpreted(Graph optimized)
        {
            try
            {
                var actual = made.Run(optimized);
                return expected is null ? $"seed {made.Seed}: optimized, it does not fail any more"
                    : made.Difference(expected, actual) is { } d ? "optimized graph: " + d : null;
            }
            catch (GraphRunException e)
            {
                return failure is null ? $"seed {made.Seed}: optimized, it fails: {e.Message}" : null;
            }
        }

        private string? Native(FusedGraph fused)
        {
            var cpu = NativeRunner.Targets[_target];
            var kernels = KernelLowering.Run(fused, NativeRunner.OptionsFor(cpu));
            count?.Add(kernels, made.Sizes);
            using var module = NativeRunner.Load(kernels, cpu, quick: IsQuick(kernels, 0), device);
            return Compared([1, 2, 4], threads => Tried(module, threads));
        }

        private IReadOnlyList<TensorValue>? Tried(Module module, int threads)
        {
            try
            {
                return NativeRunner.Run(module.Entries.First(), made.Inputs, made.Sizes, threads);
            }
            catch (LeptonRunException)
            {
                return null;
            }
        }

        private string? Guard(FusedGraph fused, Func<KernelOptions, KernelOptions> forced)
        {
            var cpu = NativeRunner.Targets[_target];
            var options = forced(NativeRunner.OptionsFor(cpu));
            var kernels = ForcedChoices.Lower(fused, options, made.Seed);
            count?.Add(kernels, made.Sizes);
            var isApart = (device ?? NativeRunner.Device) is CodeDevice.OpenCl or CodeDevice.Ilgpu; // its memory is its own
            if (isApart || _graph.Nodes.Any(n => n is FormatNode or InputNode { Format: not null }))
            {
                using var module = NativeRunner.Load(kernels, cpu, quick: IsQuick(kernels, 1), device);
                return Compared([1, 2, 4], threads => Tried(module, threads));
            }

            using var run = new GuardedRun(kernels, cpu, quick: IsQuick(kernels, 1), device);
            var problem = Compared(Guarded, how => run.Run(made.Inputs, made.Sizes, how.AtEnd, how.Threads) is { Error: NativeError.None, Results: var results } ? results : null);
            return problem is null ? null : $"{problem}\n{options}";
        }

        // Without its passes, LLVM 22 reads the wrong elements of f16 vectors of which only the upper halves are used, as squares turned over do.
        private bool IsQuick(KernelModule kernels, int seed) => made.Seed % OptimizedOneIn != seed
            && !kernels.Kernels.Any(k => k.Note.Contains("square blocks", StringComparison.Ordinal) && k.Buffers.Any(b => b.Element == ElementType.F16));

        // Results of several runs, which must all be the same; null: the run failed, as then it must.
        private string? Compared<T>(T[] ways, Func<T, IReadOnlyList<TensorValue>?> run)
        {
            byte[][]? first = null;
            foreach (var way in ways)
            {
                if (run(way) is not { } results)
                {
                    if (failure is null)
                    {
                        return $"seed {made.Seed}: {_target}, {way}: it fails";
                    }

                    continue;
                }

                if (expected is null)
                {
                    return $"seed {made.Seed}: {_target}, {way}: it does not fail";
                }

                byte[][] bytes = [.. results.Select(r => r.ToBytes())];
                if (first is null)
                {
                    first = bytes;
                    if (made.Difference(expected, results) is { } difference)
                    {
                        return $"{_target}: {difference}";
                    }
                }
                else if (Enumerable.Range(0, bytes.Length).Where(i => !bytes[i].AsSpan().SequenceEqual(first[i])).ToList() is [var wrong, ..])
                {
                    return $"seed {made.Seed}: {_target}: result {wrong} differs with {way}";
                }
            }

            return null;
        }
    }
}
