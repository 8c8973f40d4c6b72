using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Runtime;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// One random graph through everything: the interpreter is the oracle; the optimizer with all passes, and without one of them, must keep what
/// the interpreter says; machine code must give it too, with the same bits for one and two threads. Which pass is left out, the target, and
/// whether sizes are constants or symbols, and how many of the last inputs are parameters, follow from the seed.
/// </summary>
internal static class DifferentialCheck
{
    private static readonly string[] TargetNames = [.. NativeRunner.Targets.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Null when all agree, else what differs.</summary>
    public static string? Run(RandomCase made, bool withCode = true)
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

        var skipped = GraphPasses.Names[made.Seed % GraphPasses.Names.Count];
        var dims = made.Seed % 3 == 0 ? new Dictionary<string, long>() : new Dictionary<string, long>(made.Sizes);
        var graph = WithParameters(made.Graph, made.Seed / 5);
        foreach (var skip in new HashSet<string>[] { [], [skipped] })
        {
            var what = skip.Count == 0 ? "all passes" : "without " + skipped;
            try
            {
                var fused = GraphPasses.Run(graph, new PassOptions { Verify = true, Dims = dims, Skip = skip });
                var problem = Interpreted(made, fused.Graph, expected, failure) ?? (withCode ? Native(made, fused, expected, failure) : null);
                if (problem is not null)
                {
                    return $"{what}, {(dims.Count == 0 ? "symbolic" : "constant")} sizes: {problem}";
                }
            }
            catch (Exception e) when (e is not GraphRunException)
            {
                return $"seed {made.Seed}, {what}: {e.GetType().Name}: {e.Message.Split('\n')[0]}\n{e.StackTrace}";
            }
        }

        return null;
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

    private static string? Interpreted(RandomCase made, Graph optimized, IReadOnlyList<TensorValue>? expected, GraphRunException? failure)
    {
        try
        {
            var actual = made.Run(optimized);
            return expected is null ? $"seed {made.Seed}: optimized, it does not fail any more" : made.Difference(expected, actual) is { } d ? "optimized graph: " + d : null;
        }
        catch (GraphRunException e)
        {
            return failure is null ? $"seed {made.Seed}: optimized, it fails: {e.Message}" : null;
        }
    }

    private static string? Native(RandomCase made, FusedGraph fused, IReadOnlyList<TensorValue>? expected, GraphRunException? failure)
    {
        var target = TargetNames[made.Seed / 3 % TargetNames.Length];
        var cpu = NativeRunner.Targets[target];
        using var module = NativeRunner.Load(KernelLowering.Run(fused, Compilation.OptionsFor(cpu)), cpu);
        var results = new List<IReadOnlyList<TensorValue>>();
        foreach (var threads in new[] { 1, 2 })
        {
            try
            {
                results.Add(NativeRunner.Run(module.Entries.First(), made.Inputs, made.Sizes, threads));
            }
            catch (LeptonRunException e)
            {
                return failure is null ? $"seed {made.Seed}: {target}, {threads} threads: it fails: {e.Message}" : null;
            }
        }

        if (expected is null)
        {
            return $"seed {made.Seed}: {target}: it does not fail";
        }

        for (var i = 0; i < results[0].Count; i++)
        {
            if (!results[0][i].ToBytes().AsSpan().SequenceEqual(results[1][i].ToBytes()))
            {
                return $"seed {made.Seed}: {target}: result {i} depends on the number of threads";
            }
        }

        return made.Difference(expected, results[0]) is { } difference ? $"{target}: {difference}" : null;
    }
}
