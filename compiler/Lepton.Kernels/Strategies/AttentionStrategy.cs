using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// softmax(q · k) · v without the matrix of scores: keys go by in blocks, and what a row has summed so far is scaled when a block brings a larger
/// maximum (Milakov and Gimelshein 2018, Dao et al. 2022).
/// <code>
/// m' = max(m, max logits)    e = exp(logits - m')    l = l·exp(m - m') + Σ e    sums = sums·exp(m - m') + e · v    result = sums / l
/// </code>
/// Dividing last, a sum may overflow where v is close to the largest number. Nan and infinities go where they go in the softmax as it is
/// written: a row of -inf alone, or with +inf or nan, is nan.
/// </summary>
public sealed class AttentionStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        var graph = context.Graph;
        var result = group.Members.Last(m => graph[m] is ContractNode);
        var apart = group.Outputs.Where(o => graph[o].Type.Shape != graph[result].Type.Shape).ToValueList();
        if (apart.Count == 0)
        {
            AttentionLoops.Lower(group, context, AttentionForm.Of(graph, result)!);
            return;
        }

        // Outputs over another shape: the result is stored, and a map loads it.
        if (context.PlaceOf(result) is null)
        {
            context.SetPlace(result, new BufferPlace(context.Allocate(graph[result].Type.Element, graph[result].Type.Count)));
        }

        var same = group.Outputs.Except(apart).Append(result).Distinct().ToValueList();
        AttentionLoops.Lower(group with { Outputs = same }, context, AttentionForm.Of(graph, result)!);
        new MapStrategy().Lower(group with { Members = group.Members.Where(m => !same.Contains(m)).ToValueList(), Outputs = apart }, context);
    }
}
