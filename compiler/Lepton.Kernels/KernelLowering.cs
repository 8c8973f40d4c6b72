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
        var context = new LoweringContext(fused, program, options)
        {
            Parameters = arguments.Length..(arguments.Length + parameters.Length),
            HasPrepare = true,
        };
        var tensors = 0;
        foreach (var (id, _) in arguments.Concat(parameters))
        {
            context.SetPlace(id, Tensor(tensors++));
        }

        GraphLowering.Run(context, graph.Outputs.Select(_ => Tensor(tensors++)).ToList());
        var manifest = new EntryManifest(
            graph.Name,
            $"lep_{graph.Name}",
            graph.Dims,
            arguments.Select(i => new TensorManifest(i.Node.Label, i.Node.Type.Element, i.Node.Type.Shape)).ToValueList(),
            parameters.Select(i => new TensorManifest(i.Node.Label, i.Node.Type.Element, i.Node.Type.Shape, i.Node.Initializer)).ToValueList(),
            graph.Outputs.Select(o => new TensorManifest(o.Name, graph[o.Node].Type.Element, graph[o.Node].Type.Shape)).ToValueList(),
            graph.Constraints,
            graph.Sites);
        return ArenaPlanner.Run(
            new EntryProgram(manifest, program.Buffers.ToValueList(), program.Pointers, program.Statements())
            {
                Prepare = program.PrepareStatements(),
                Prepared = program.Prepared.ToValueList(),
            },
            options.Apart);

        static BufferPlace Tensor(int number) => new(new BufferRef(BufferKind.Tensor, number, SizeExpr.Zero));
    }
}
