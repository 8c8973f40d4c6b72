using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>A pool over a contraction in one kernel; where the sizes do not suit, the contraction is stored, and the rest is a kernel behind it.</summary>
public sealed class WindowStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        var graph = context.Graph;
        var reduce = group.Members.Single(m => graph[m] is ReduceNode);
        if (WindowReduction.TryLower(group, context, reduce))
        {
            return;
        }

        var inner = group.Members.Single(m => graph[m] is ContractNode);
        context.SetPlace(inner, new BufferPlace(context.Allocate(graph[inner].Type.Element, graph[inner].Type.Count)));
        new ContractionStrategy().Lower(group with { Name = group.Name + "_inner", Members = RowwiseSplit.Below(graph, group, [inner]).ToValueList(), Outputs = [inner] }, context);
        var rest = group with { Members = group.Members.Where(m => m != inner).ToValueList() };
        new RowwiseStrategy().Lower(rest with { Members = RowwiseSplit.Below(graph, rest, [.. group.Outputs, reduce]).ToValueList() }, context);
    }
}
