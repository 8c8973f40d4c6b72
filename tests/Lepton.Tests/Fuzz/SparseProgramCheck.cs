using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// One random program with formats through everything: what the interpreter says for dense tensors, the optimized graph must say too, and so must
/// machine code over arguments in their formats, with the same bits for one, two and four threads. One in four is also compiled without any
/// formats. Arrays of arguments lie between pages that may not be touched.
/// </summary>
internal static class SparseProgramCheck
{
    private static readonly string[] TargetNames = [.. NativeRunner.Targets.Keys.Order(StringComparer.Ordinal)];

    // Threads and end of the pages.
    private static readonly (int Threads, bool AtEnd)[] Ways = [(1, false), (1, true), (2, true), (4, false)];

    // LLVM's own passes take most of the time.
    private const int OptimizedOneIn = 16;

    /// <summary>Null when all agree, else what differs.</summary>
    public static string? Run(RandomCase made, StrategyCount? count = null)
    {
        try
        {
            return Compiled(made, made.Graph, count) ?? (made.Seed % 4 == 0 ? Compiled(made, WithoutFormats(made.Graph), null) : null);
        }
        catch (Exception e)
        {
            return $"seed {made.Seed}: {e.GetType().Name}: {e.Message.Split('\n')[0]}\n{e.StackTrace}";
        }
    }

    /// <summary>The same program over dense tensors.</summary>
    public static Graph WithoutFormats(Graph graph, Func<Node, bool>? which = null)
    {
        var target = GraphAssembler.Like(graph);
        var moved = new NodeId[graph.Nodes.Count];
        for (var i = 0; i < moved.Length; i++)
        {
            var node = graph.Nodes[i].WithOperands([.. graph.Nodes[i].Operands.Select(o => moved[o.Value])]);
            var isAsked = which?.Invoke(graph.Nodes[i]) ?? true;
            moved[i] = isAsked && node is FormatNode stored ? stored.Source
                : target.Add(isAsked && node is InputNode { Format: not null } input ? input with { Format = null } : node);
        }

        foreach (var output in graph.Outputs)
        {
            target.Output(output.Name, moved[output.Node.Value]);
        }

        return target.ToGraph();
    }

    private static string? Compiled(RandomCase made, Graph graph, StrategyCount? count)
    {
        var expected = made.Run();
        var dims = made.Seed / 7 % 3 == 0 ? new Dictionary<string, long>(made.Sizes) : [];
        HashSet<string> skip = made.Seed % 5 == 1 ? [GraphPasses.Names[made.Seed / 5 % GraphPasses.Names.Count]] : [];
        var what = $"{(graph == made.Graph ? "" : "dense, ")}{(skip.Count == 0 ? "all passes" : "without " + skip.Single())}, {(dims.Count == 0 ? "symbolic" : "constant")} sizes";
        var fused = GraphPasses.Run(graph, new PassOptions { Verify = true, Dims = dims, Skip = skip });
        if (made.Difference(expected, made.Run(fused.Graph)) is { } wrong)
        {
            return $"{what}: optimized graph: {wrong}";
        }

        var target = TargetNames[made.Seed / 3 % TargetNames.Length];
        var options = Compilation.OptionsFor(NativeRunner.Targets[target]);
        var kernels = KernelLowering.Run(fused, made.Seed % 2 == 0 ? options : ForcedChoices.Of(options, made.Seed, allowsWinograd: false) with { Apart = false });
        count?.Add(kernels, made.Sizes);
        using var module = NativeRunner.Load(kernels, NativeRunner.Targets[target], quick: made.Seed % OptimizedOneIn != 0);
        byte[][]? first = null;
        foreach (var way in Ways)
        {
            using var results = Run(module.Entries.First(), made, way.Threads, way.AtEnd, out var pages);
            using (pages)
            {
                byte[][] bytes = [.. results.SelectMany(r => r.IsSparse ? r.Sparse.Arrays.Select(a => a.AsBytes().ToArray()) : [r.Dense.AsBytes().ToArray()])];
                if (first is not null)
                {
                    if (Enumerable.Range(0, bytes.Length).Any(i => !bytes[i].AsSpan().SequenceEqual(first[i])))
                    {
                        return $"seed {made.Seed}: {what}, {target}: other bits with {way}";
                    }

                    continue;
                }

                first = bytes;
                if (made.Difference(expected, [.. results.Select(Dense)]) is { } difference)
                {
                    return $"{what}, {target}: {difference}";
                }
            }
        }

        return null;
    }

    private static TensorValue Dense(EntryResult result)
    {
        if (result.IsSparse)
        {
            result.Sparse.Validate();
        }

        using var dense = result.ToDense();
        return TensorValue.FromBytes(dense.Element, dense.Shape, dense.AsBytes());
    }

    private static unsafe EntryResults Run(Entry entry, RandomCase made, int threads, bool atEnd, out GuardedPages pages)
    {
        var sizes = made.Sizes.Where(d => entry.Manifest.Dims.Contains(d.Key)).ToDictionary(d => d.Key, d => d.Value);
        var stored = new List<IReadOnlyList<Tensor>>();
        for (var i = 0; i < made.Inputs.Count; i++)
        {
            // The owners live on until the copies are made.
            stored.Add(entry.Manifest.Arguments[i].Format is { } format
                ? SparsePatterns.Store(made.Inputs[i], format, made.Seed % 3 == 0 ? made.Seed + i : null).Arrays
                : [NativeRunner.Tensor(made.Inputs[i])]);
        }

        pages = new GuardedPages([.. stored.SelectMany(s => s).Select(t => GuardedPages.Rounded(t.ByteLength))]);
        var arguments = new TensorRef[stored.Count];
        var range = 0;
        for (var i = 0; i < arguments.Length; i++)
        {
            var arrays = new Tensor[stored[i].Count];
            for (var a = 0; a < arrays.Length; a++)
            {
                var from = stored[i][a];
                var place = pages.Place(range++, from.ByteLength, atEnd);
                from.AsBytes().CopyTo(new Span<byte>(place, (int)from.ByteLength));
                arrays[a] = Tensor.FromPointer(place, from.Element, from.Shape);
                (from as OwnedTensor)?.Dispose();
            }

            arguments[i] = entry.Manifest.Arguments[i].Format is { } format ? SparseTensor.Over(format, [.. made.Inputs[i].Dims], arrays) : arrays[0];
        }

        return entry.Evaluate(arguments, new RunOptions { Threads = threads, Sizes = sizes });
    }
}
