using Lepton.Abi;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Runtime;
using Lepton.Tests.Emulation;
using Lepton.Tests.Support;

namespace Lepton.Tests.Cases;

/// <summary>Runs one case file on every device; answers what is wrong, at most one line for each run and device.</summary>
/// <param name="device">On this one alone; null: as the environment says.</param>
internal sealed class CaseCheck(Compilation compilation, CaseFile file, CodeDevice? device = null)
{
    /// <summary>A run with its numbers; Expected is null when it must fail.</summary>
    private sealed record Bound(
        string Name, CaseEntry Entry, CaseRun Run, Graph Graph, IReadOnlyDictionary<string, long> Sizes, IReadOnlyList<TensorValue> Inputs, IReadOnlyList<TensorValue>? Expected)
    {
        /// <summary>Whether the failing run fails on its data, not on its sizes.</summary>
        public bool FailsOnData { get; init; }
    }

    private readonly List<string> _problems = [];

    /// <summary>How kernels are made, of what the target has usually.</summary>
    public Func<KernelOptions, KernelOptions> Choices { get; init; } = usual => usual;

    /// <summary>Set: takes the modules, by how sizes are given, with their runs that reach machine code, instead of this machine's targets.</summary>
    public Action<string, Func<CpuTarget, KernelModule>, IReadOnlyList<ExportRun>>? Export { get; init; }

    public IReadOnlyList<string> Run()
    {
        var entries = file.Entries.Select(e => (Entry: e, Name: e.Name ?? compilation.Entries[0])).ToList();
        var runs = entries.Select(e => (e.Name, Runs: e.Entry.Runs.Select(r => Interpret(e.Entry, e.Name, r)).ToList())).ToList();

        // Constant sizes are those of the entry's first run.
        var symbolic = entries.Select(e => compilation.Fuse(e.Name)).ToList();
        var constant = runs.Select(r => compilation.Fuse(r.Name, r.Runs[0].Sizes)).ToList();
        for (var i = 0; i < runs.Count; i++)
        {
            runs[i].Runs.ForEach(r => Optimized(r, symbolic[i].Graph));
            Count(entries[i].Entry, runs[i].Name, constant[i]);
        }

        Native("symbolic", t => KernelLowering.Run("case", symbolic, Choices(NativeRunner.OptionsFor(t, device))), runs.SelectMany(r => r.Runs).ToList());
        if (compilation.Entries.Any(e => compilation.Graph(e).Dims.Count > 0))
        {
            Native("constant", t => KernelLowering.Run("case", constant, Choices(NativeRunner.OptionsFor(t, device))), runs.SelectMany(r => r.Runs.Where(x => SameSizes(x, r.Runs[0]))).ToList());
        }

        return _problems;
    }

    private static bool SameSizes(Bound a, Bound b) =>
        (a.Expected is not null || a.FailsOnData) && a.Sizes.Count == b.Sizes.Count && a.Sizes.All(s => b.Sizes[s.Key] == s.Value);

    private Bound Interpret(CaseEntry entry, string name, CaseRun run)
    {
        var graph = compilation.Graph(name);
        var nodes = graph.Inputs.Select(i => (InputNode)graph[i]).ToList();
        var missing = nodes.Select(n => n.Label).Except(run.Inputs.Keys).Concat(run.Inputs.Keys.Except(nodes.Select(n => n.Label))).ToList();
        if (missing.Count > 0)
        {
            throw new FormatException($"line {run.Line}: inputs {string.Join(", ", missing)}");
        }

        // Lists tell their shapes, from which sizes follow; words are filled in afterwards.
        var sizes = Sizes(graph, nodes, run);
        var inputs = nodes.Select(n => CaseValue.Parse(run.Inputs[n.Label], n.Type.Element, () => Shape(n.Type, sizes))).ToList();
        var bound = new Bound(name, entry, run, graph, sizes, inputs, null);
        try
        {
            var found = Interpreter.Run(graph, inputs, s => sizes[s]);
            if (run.Fails is not null)
            {
                Problem(bound, "interpreter", "it does not fail");
                return bound with { Expected = found };
            }

            var expected = graph.Outputs.Select((o, i) => Result(bound, o, found[i])).ToList();
            Compare(bound, "interpreter", expected, found);
            return bound with { Expected = expected };
        }
        catch (GraphRunException e)
        {
            if (run.Fails is null || !e.Message.Contains(run.Fails, StringComparison.Ordinal))
            {
                Problem(bound, "interpreter", e.Message);
            }

            return bound with { FailsOnData = e.Error == GraphRunError.IndexOutOfRange };
        }
    }

    private static TensorValue Result(Bound run, GraphOutput output, TensorValue found)
    {
        if (!run.Run.Results.TryGetValue(output.Name, out var text))
        {
            throw new FormatException($"line {run.Run.Line}: no line '// out: {output.Name} = …'");
        }

        var type = run.Graph[output.Node].Type;
        return text == "same" ? found : CaseValue.Parse(text, type.Element, () => Shape(type, run.Sizes));
    }

    private static Dictionary<string, long> Sizes(Graph graph, List<InputNode> nodes, CaseRun run)
    {
        var sizes = new Dictionary<string, long>(run.Dims.Where(d => graph.Dims.Contains(d.Key)));
        if (sizes.Count == graph.Dims.Count)
        {
            return sizes;
        }

        var lists = nodes.TakeWhile(n => CaseValue.ShapeOf(run.Inputs[n.Label]) is not null)
            .Select(n => CaseValue.Parse(run.Inputs[n.Label], n.Type.Element, () => []))
            .ToList();
        var infer = SizeBinding.Infer(graph, lists, sizes);
        return graph.Dims.ToDictionary(d => d, infer);
    }

    private static long[] Shape(TensorType type, IReadOnlyDictionary<string, long> sizes) => [.. type.Shape.Select(s => s.Evaluate(n => sizes[n]))];

    private void Optimized(Bound run, Graph graph)
    {
        try
        {
            var found = Interpreter.Run(graph, run.Inputs, s => run.Sizes[s]);
            if (run.Expected is null)
            {
                Problem(run, "optimized graph", "it does not fail");
                return;
            }

            Compare(run, "optimized graph", run.Expected, found);
        }
        catch (GraphRunException e) when (run.Expected is null || e.Message.Length > 0)
        {
            if (run.Expected is not null)
            {
                Problem(run, "optimized graph", e.Message);
            }
        }
    }

    private void Native(string mode, Func<CpuTarget, KernelModule> kernels, List<Bound> runs)
    {
        if (Export is not null)
        {
            var reaching = runs.Where(r => r.Expected is not null || r.FailsOnData);
            Export(mode, kernels, [.. reaching.Select(r => new ExportRun($"{r.Name}, run of line {r.Run.Line}", r.Name, r.Sizes, r.Inputs))]);
            return;
        }

        foreach (var (title, target, where) in Devices(mode))
        {
            using var module = NativeRunner.Load(kernels(target), target, device: where);
            foreach (var run in runs)
            {
                var place = $"{title}, {mode} sizes";
                if (One(run, module, place, 1) is { } one && One(run, module, place, 2) is { } two)
                {
                    if (Enumerable.Range(0, one.Count).FirstOrDefault(i => !one[i].ToBytes().AsSpan().SequenceEqual(two[i].ToBytes()), -1) is >= 0 and var i)
                    {
                        Problem(run, place, $"{run.Graph.Outputs[i].Name} depends on the number of threads");
                    }
                }
            }
        }
    }

    // Constant sizes are what a user's programs have on clr; by hand, LEPTON_TEST_DEVICE=clr runs everything there. Drivers of OpenCL take their time to
    // compile: one width of vectors.
    private IEnumerable<(string Name, CpuTarget Target, CodeDevice? Device)> Devices(string mode)
    {
        if ((device ?? NativeRunner.Device) == CodeDevice.OpenCl)
        {
            return [("opencl", CpuTarget.Avx2, CodeDevice.OpenCl)];
        }

        if ((device ?? NativeRunner.Device) == CodeDevice.Ilgpu)
        {
            return [("ilgpu", CpuTarget.Sse2, CodeDevice.Ilgpu)];
        }

        var isLast = mode == "constant" || compilation.Entries.All(e => compilation.Graph(e).Dims.Count == 0);
        return NativeRunner.Targets.Select(t => (t.Key, t.Value, (CodeDevice?)null))
            .Concat(isLast ? [("clr", ClrModule.Target, CodeDevice.Clr)] : Array.Empty<(string, CpuTarget, CodeDevice?)>());
    }

    private IReadOnlyList<TensorValue>? One(Bound run, Module module, string place, int threads)
    {
        place = $"{place}, {threads} threads";
        try
        {
            var entry = module.Entries.First(e => e.Manifest.Name == run.Name);
            var found = NativeRunner.Run(entry, run.Inputs, run.Sizes, threads);
            if (run.Expected is null)
            {
                Problem(run, place, "it does not fail");
                return null;
            }

            return Compare(run, place, run.Expected, found) ? found : null;
        }
        catch (Exception e) when (e is LeptonException || (e is ArgumentException && run.Expected is null))
        {
            // A tensor in blocks that do not divide it cannot be made.
            if (run.Expected is not null || !e.Message.Contains(run.Run.Fails!, StringComparison.Ordinal))
            {
                Problem(run, place, e.Message);
            }

            return null;
        }
    }

    /// <summary>Whether all results are as expected; says the first element that is not.</summary>
    private bool Compare(Bound run, string device, IReadOnlyList<TensorValue> expected, IReadOnlyList<TensorValue> found)
    {
        for (var r = 0; r < expected.Count; r++)
        {
            var (e, f, name) = (expected[r], found[r], run.Graph.Outputs[r].Name);
            if (e.Element != f.Element || !e.Dims.SequenceEqual(f.Dims))
            {
                Problem(run, device, $"{name} is {f}, not {e}");
                return false;
            }

            for (var i = 0; i < e.Count; i++)
            {
                if (!Close(e[i], f[i], run.Entry.Tolerance))
                {
                    Problem(run, device, $"{name} [{string.Join(", ", Position(i, e.Dims))}] is {f[i]}, not {e[i]}; all: {f}");
                    return false;
                }
            }
        }

        return true;
    }

    private static long[] Position(long element, IReadOnlyList<long> shape)
    {
        var position = new long[shape.Count];
        for (var axis = position.Length - 1; axis >= 0; axis--)
        {
            (element, position[axis]) = Math.DivRem(element, shape[axis]);
        }

        return position;
    }

    private static bool Close(Scalar expected, Scalar found, double tolerance)
    {
        if (!expected.Type.IsFloat())
        {
            return expected == found;
        }

        var (e, f) = (expected.AsDouble, found.AsDouble);
        return e.Equals(f) || e == f || Math.Abs(e - f) <= tolerance * (1 + Math.Abs(e));
    }

    private void Count(CaseEntry entry, string name, FusedGraph fused)
    {
        foreach (var (what, expected) in entry.Counts)
        {
            var found = what switch
            {
                "kernels" => Launches(KernelLowering.Run(fused).Entries[0].Body),
                "prepared" => Launches(KernelLowering.Run(fused).Entries[0].Prepare),
                _ => Nodes(fused.Graph, what),
            };
            if (found != expected)
            {
                _problems.Add($"{name}: {found} {what}, not {expected}:\n{GraphText.Print(fused.Graph)}");
            }
        }
    }

    private static long Nodes(Graph graph, string name) => graph.Nodes.Sum(n => (n.Name == name ? 1 : 0) + n switch
    {
        ScanNode scan => Nodes(scan.Body, name),
        IterateNode iterate => Nodes(iterate.Body, name),
        _ => 0,
    });

    private static long Launches(ValueList<HostStatement> body) => body.Sum(s => s is Launch ? 1 : s is HostLoop loop ? Launches(loop.Body) : 0);

    private void Problem(Bound run, string device, string text) => _problems.Add($"{run.Name}, run of line {run.Run.Line}, {device}: {text}");
}
