using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// One result element per iteration: y[i…] = f(loads at i…). Everything inside (views, reshapes, gathers, small reductions) is computed per
/// element. Outputs of the same shape share one kernel, and what they have in common is computed once.
/// </summary>
public sealed class MapStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        InPlace.Take(group, context);
        foreach (var outputs in group.Outputs.GroupBy(o => context.Graph[o].Type.Shape))
        {
            var element = context.Graph[outputs.First()].Type.Element;
            var use = context.Schedule(group with { Outputs = outputs.ToValueList() }, new MapSpace(element, outputs.Key, context.Options));
            MapNest.Emit(context, group.Name, group, outputs.Key, outputs.Select(o => NestStore.Of(context, o)).ToList(), use: use);
        }
    }
}
