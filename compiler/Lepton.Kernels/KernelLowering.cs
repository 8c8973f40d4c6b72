using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Strategies;

namespace Lepton.Kernels;

/// <summary>Fused graphs to a module: places for all values, kernels by strategy, the host program, the arena plan.</summary>
public static class KernelLowering
{
    /// <summary>A module of one entry.</summary>
    public static KernelModule Run(FusedGraph fused, KernelOptions? options = null) => Run(fused.Graph.Name, [fused], options);

    /// <summary>A module of several entries, which share constants.</summary>
    public static KernelModule Run(string name, IReadOnlyList<FusedGraph> entries, KernelOptions? options = null)
    {
        var program = new ProgramBuilder();
        var lowered = entries.Select(e => Entry(e, program, options ?? KernelOptions.Default)).ToValueList();
        var module = new KernelModule(name, program.Kernels.ToValueList(), program.Constants.ToValueList(), lowered) { Uses = program.Uses.ToValueList() };
        KernelVerifier.Check(module);
        return module;
    }

    private static EntryProgram Entry(FusedGraph fused, ProgramBuilder program, KernelOptions options)
    {
        program.StartEntry();
        var graph = fused.Graph;
        var inputs = graph.Inputs.Select(i => (Id: i, Node: (InputNode)graph[i])).ToArray();
        var arguments = inputs.Where(i => i.Node.Kind == InputKind.Argument).ToArray();
        var parameters = inputs.Where(i => i.Node.Kind == InputKind.Parameter).ToArray();
        var manifest = EntrySignature.Of(graph);
        var firstParameter = manifest.Arguments.Sum(a => a.NativeArrays.Count);
        var context = new LoweringContext(fused, program, options)
        {
            Parameters = firstParameter..(firstParameter + manifest.Parameters.Sum(p => p.NativeArrays.Count)),
            HasPrepare = true,
        };
        var tensors = 0;
        foreach (var (id, node) in arguments.Concat(parameters))
        {
            if (node.Format is { } format)
            {
                context.SetStorage(id, new SparseStorage(node.Label, node.Type, format, Arrays(format, node.Label, node.Type)));
            }
            else
            {
                context.SetPlace(id, Tensor(tensors++));
            }
        }

        var wanted = new List<BufferPlace?>();
        foreach (var output in graph.Outputs)
        {
            if (graph[output.Node] is FormatNode stored)
            {
                wanted.Add(null);
                context.SetStorage(output.Node, new SparseStorage(output.Name, stored.Type, stored.Format, Arrays(stored.Format, output.Name, stored.Type)));
            }
            else
            {
                wanted.Add(Tensor(tensors++));
            }
        }

        GraphLowering.Run(context, wanted);
        var entry = new EntryProgram(manifest, program.Buffers.ToValueList(), program.Pointers, program.Statements())
        {
            Prepare = program.PrepareStatements(),
            Prepared = program.Prepared.ToValueList(),
            NotNegative = SizeFacts.AxisSizes(graph).Where(s => !s.IsProvablyNonNegative()).Order().ToValueList(),
        };
        WriteProof.Check(entry, program.Kernels);
        return ArenaPlanner.Run(entry, options.Apart);

        ValueList<BufferRef> Arrays(TensorFormat format, string name, TensorType type) =>
            format.Arrays(name, type.Element, type.Shape).Select(_ => Tensor(tensors++).Ref).ToValueList();

        static BufferPlace Tensor(int number) => new(new BufferRef(BufferKind.Tensor, number, SizeExpr.Zero));
    }
}
