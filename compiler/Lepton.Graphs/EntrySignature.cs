using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>What callers and native code see of an entry.</summary>
public static class EntrySignature
{
    /// <summary>From the entry's graph. Behind its sizes stand the counts of what sparse tensors store, which no shape says.</summary>
    public static EntryManifest Of(Graph graph)
    {
        var (arguments, parameters) = (Inputs(InputKind.Argument), Inputs(InputKind.Parameter));
        var results = graph.Outputs
            .Select(o => new TensorManifest(o.Name, graph[o.Node].Type.Element, graph[o.Node].Type.Shape) { Format = (graph[o.Node] as FormatNode)?.Format })
            .ToValueList();
        var counts = arguments.Concat(parameters).Concat(results).SelectMany(t => t.StoredNames);
        return new EntryManifest(
            graph.Name, $"lep_{graph.Name}", [.. graph.Dims, .. counts], arguments, parameters, results, graph.Constraints, graph.Sites);

        ValueList<TensorManifest> Inputs(InputKind kind) => graph.Inputs
            .Select(i => (InputNode)graph[i])
            .Where(i => i.Kind == kind)
            .Select(i => new TensorManifest(i.Label, i.Type.Element, i.Type.Shape, i.Initializer) { Format = i.Format, Given = i.Given })
            .ToValueList();
    }
}
