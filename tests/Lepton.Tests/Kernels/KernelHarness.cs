using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Runs graphs through the lowering and compares with the interpreter of graphs.</summary>
internal static class KernelHarness
{
    /// <summary>Which seeds to try: first-last, as an environment variable says it for a run by hand, else 0 … last.</summary>
    public static IEnumerable<int> Seeds(string variable, int last)
    {
        var (from, to) = Environment.GetEnvironmentVariable(variable)?.Split('-') is [var first, var end] ? (int.Parse(first), int.Parse(end)) : (0, last);
        return Enumerable.Range(from, to - from + 1);
    }

    /// <summary>A graph from lines separated by ';' (inputs stand in front as %0 …); the last line's value is the result.</summary>
    public static Graph Parse(string lines, params TensorValue[] inputs)
    {
        var list = lines.Split(';', StringSplitOptions.TrimEntries);
        var heads = inputs.Select((v, i) => $"%{i} = input argument x{i} : {v.Element.Name()}[{string.Join(", ", v.Dims)}]".Replace("[]", ""));
        var body = list.Select((line, i) => line.StartsWith("site", StringComparison.Ordinal) ? line : $"%{inputs.Length + i} = {line}");
        var last = inputs.Length + list.Count(l => !l.StartsWith("site", StringComparison.Ordinal)) - 1;
        var graph = GraphText.Parse($"graph g() {{\n{string.Join('\n', heads.Concat(body))}\noutput y = %{last}\n}}\n");
        GraphVerifier.Verify(graph);
        return graph;
    }

    /// <summary>Lowers with both trivial fusions, runs the loops, and compares every output; sizes as constants and as variables of the graph.</summary>
    public static void Check(Graph graph, TensorValue[] inputs, double tolerance = 1e-5)
    {
        foreach (var inline in (bool[])[false, true])
        {
            Check(TrivialFusion.Run(graph, inline), inputs, tolerance);
        }
    }

    public static void Check(string lines, params TensorValue[] inputs) => Check(Parse(lines, inputs), inputs);

    public static KernelModule Check(FusedGraph fused, TensorValue[] inputs, double tolerance = 1e-5, KernelOptions? options = null)
    {
        var graph = fused.Graph;
        var module = KernelLowering.Run(fused, options);
        var (actual, failure) = Run(module, graph, inputs);
        IReadOnlyList<TensorValue> expected;
        try
        {
            expected = Interpreter.Run(graph, inputs);
        }
        catch (GraphRunException e) when (e.Error == GraphRunError.IndexOutOfRange)
        {
            Assert.Equal(new LoopFailure(e.Site, e.Element, e.Index, e.Bound), failure);
            return module;
        }

        Assert.Null(failure);
        for (var i = 0; i < expected.Count; i++)
        {
            var wrong = Difference(expected[i], actual[i], tolerance);
            Assert.True(wrong is null, $"{graph.Outputs[i].Name}: {wrong}\n{GraphText.Print(graph)}\n{LoopText.Print(module)}");
        }

        return module;
    }

    public static (TensorValue[] Results, LoopFailure? Failure) Run(KernelModule module, Graph graph, TensorValue[] inputs) =>
        Run(module, graph, inputs, SizeBinding.Infer(graph, inputs));

    public static (TensorValue[] Results, LoopFailure? Failure) Run(
        KernelModule module, Graph graph, IReadOnlyList<TensorValue> inputs, Func<string, long> sizeOf)
    {
        var entry = module.Entries.Single(e => e.Manifest.Name == graph.Name).Manifest;
        var dims = entry.Dims.ToDictionary(d => d, d => sizeOf(d));
        long[] Shape(TensorManifest t) => t.Shape.Select(s => s.Evaluate(sizeOf)).ToArray();
        var results = entry.Results.Select(r => new byte[Shape(r).Aggregate(1L, (a, b) => a * b) * r.Element.ByteSize()]).ToArray();
        foreach (var result in results)
        {
            Array.Fill(result, (byte)0xC3);
        }

        // Arguments stand before parameters in the manifest; in the graph they may be mixed.
        var order = graph.Inputs.Select((id, i) => (((InputNode)graph[id]).Kind, i)).OrderBy(p => p.Kind).Select(p => inputs[p.i].ToBytes());
        var failure = LoopInterpreter.Run(module, graph.Name, [.. order, .. results], dims);
        return (failure is null ? entry.Results.Select((r, i) => TensorValue.FromBytes(r.Element, Shape(r), results[i])).ToArray() : [], failure);
    }

    /// <summary>Where two tensors differ by more than the tolerance (relative, and absolute below 1), in words.</summary>
    public static string? Difference(TensorValue expected, TensorValue actual, double tolerance)
    {
        tolerance = expected.Element switch
        {
            ElementType.F16 => 4e-3,
            ElementType.BF16 => 3e-2,
            _ => tolerance,
        };
        for (var i = 0; i < expected.Count; i++)
        {
            var (e, a) = (expected[i], actual[i]);
            var same = e.Bits == a.Bits || (e.Type.IsFloat()
                && (e.AsDouble.Equals(a.AsDouble) || e.AsDouble == a.AsDouble || Math.Abs(e.AsDouble - a.AsDouble) <= tolerance * Math.Max(1, Math.Abs(e.AsDouble))));
            if (!same)
            {
                return $"element {i} is {a}, not {e}";
            }
        }

        return null;
    }

    public static TensorValue F32(long[] shape, params double[] values) => TensorValue.Of(ElementType.F32, shape, values);

    public static TensorValue I64(long[] shape, params double[] values) => TensorValue.Of(ElementType.I64, shape, values);

    /// <summary>Reproducible numbers: floats in -2 … 2, integers in 0 … 9.</summary>
    public static TensorValue Random(ElementType element, int seed, params long[] shape)
    {
        var random = new Random(seed);
        var count = shape.Aggregate(1L, (a, b) => a * b);
        var values = Enumerable.Range(0, (int)count).Select(_ => element.IsFloat() ? (random.NextDouble() * 4) - 2 : random.Next(element == ElementType.Bool ? 2 : 10));
        return TensorValue.Of(element, shape, values.ToArray());
    }
}
