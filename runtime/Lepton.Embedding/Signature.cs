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
        return new EntryManifest(
            graph.Name,
            $"lep_{graph.Name}",
            graph.Dims,
            Inputs(InputKind.Argument),
            Inputs(InputKind.Parameter),
            graph.Outputs.Select(o => Tensor(o.Name, graph[o.Node])).ToValueList(),
            graph.Constraints,
            graph.Sites);

        ValueList<TensorManifest> Inputs(InputKind kind) => graph.Inputs
            .Select(i => (InputNode)graph[i])
            .Where(i => i.Kind == kind)
            .Select(i => Tensor(i.Label, i) with { Initializer = i.Initializer })
            .ToValueList();
    }

    private static TensorManifest Tensor(string name, Node node) => new(name, node.Type.Element, node.Type.Shape);
}
