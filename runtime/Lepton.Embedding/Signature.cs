using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;

namespace Lepton.Embedding;

/// <summary>What callers see of an entry, before any code exists: from its unoptimized graph.</summary>
internal static class Signature
{
    public static ModuleManifest Module(Compilation compilation, IEnumerable<EntryManifest> entries) =>
        new(ModuleManifest.CurrentFormat, Path.GetFileNameWithoutExtension(compilation.Source.Path), "jit", entries.ToValueList());

    public static EntryManifest Of(Graph graph)
    {
        var (arguments, parameters) = (Inputs(InputKind.Argument), Inputs(InputKind.Parameter));
        var results = graph.Outputs.Select(o => Tensor(o.Name, graph[o.Node], (graph[o.Node] as FormatNode)?.Format)).ToValueList();
        return new EntryManifest(
            graph.Name,
            $"lep_{graph.Name}",
            [.. graph.Dims, .. new[] { arguments, parameters, results }.SelectMany(l => l).SelectMany(t => t.StoredNames)],
            arguments,
            parameters,
            results,
            graph.Constraints,
            graph.Sites);

        ValueList<TensorManifest> Inputs(InputKind kind) => graph.Inputs
            .Select(i => (InputNode)graph[i])
            .Where(i => i.Kind == kind)
            .Select(i => Tensor(i.Label, i, i.Format) with { Initializer = i.Initializer })
            .ToValueList();
    }

    private static TensorManifest Tensor(string name, Node node, TensorFormat? format) => new(name, node.Type.Element, node.Type.Shape) { Format = format };
}
