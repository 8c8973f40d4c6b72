using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels;

/// <summary>
/// The tensors that are one stretch of a concatenation in memory: their groups store them there, and nothing is copied.
/// <code>
/// concat(a, b) along the first axis that is not 1:   │ a ………… │ b ………… │
/// </code>
/// </summary>
public static class ConcatStretches
{
    /// <summary>Each such part: in which concatenation, and at which of its elements it starts. A part that stands in several lies in the first.</summary>
    public static IReadOnlyDictionary<NodeId, (NodeId Whole, SizeExpr Start)> Of(FusedGraph fused)
    {
        var (graph, stretches) = (fused.Graph, new Dictionary<NodeId, (NodeId Whole, SizeExpr Start)>());
        var results = graph.Outputs.Select(o => o.Node).ToHashSet();
        foreach (var group in fused.Groups.Where(g => g.Strategy == KernelStrategy.Concat && g.Outputs.Count == 1))
        {
            var whole = group.Outputs[0];
            if (graph[whole] is not ConcatNode concat || SizeExpr.Product(concat.Type.Shape.Take(concat.Axis)) != SizeExpr.One)
            {
                continue;
            }

            var start = SizeExpr.Zero;
            foreach (var part in concat.Parts)
            {
                // A whole that is a part itself stays where it is, and so do inputs, results, and the final states of loops.
                if (!group.Members.Contains(part) && graph[part] is not (InputNode or ConcatNode or ResultNode) && !results.Contains(part))
                {
                    stretches.TryAdd(part, (whole, start));
                }

                start += graph[part].Type.Count;
            }
        }

        return stretches;
    }
}
