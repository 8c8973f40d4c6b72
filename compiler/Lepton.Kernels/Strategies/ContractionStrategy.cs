using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A contract and the elementwise work behind it. In this order: convolutions for which that pays go by Winograd; products of matrices are one
/// kernel, with packed sides where that pays; what is no product of matrices (dot products, a matrix times a vector, one label in all factors) is summed row by row; the rest is computed
/// element by element.
/// </summary>
public sealed class ContractionStrategy : IStrategy
{
    // Shorter sums are not worth a tile.
    private const long ShortSum = 3;

    public void Lower(FusionGroup group, LoweringContext context)
    {
        var graph = context.Graph;
        var contracts = group.Members.Where(m => graph[m] is ContractNode).ToArray();
        if (group.Outputs.All(o => graph[o].Type.Count == SizeExpr.Zero))
        {
            return;
        }

        if (contracts.Length != 1)
        {
            new MapStrategy().Lower(group, context);
            return;
        }

        var id = contracts[0];
        if (GatedContraction.TryLower(group, context, id))
        {
            return;
        }

        var trial = new ContractionTrial(context, group, id);
        if (!trial.Fits)
        {
            Apart(group, context, id);
            return;
        }

        if (PrunedPlan.Of(context, id) is { } pruned)
        {
            PrunedProduct.Lower(group, context, pruned, () => Dense(group, context, id, trial));
        }
        else
        {
            Dense(group, context, id, trial);
        }
    }

    private static void Dense(FusionGroup group, LoweringContext context, NodeId id, ContractionTrial trial)
    {
        var plan = ContractionPlan.Make(group, id, trial, context.Options);
        if (plan is not null && !(plan.KSize.AsConstant <= ShortSum))
        {
            if (context.Options.GroupChunks > 1)
            {
                InPlace.Take(group, context);
                GroupContraction.Lower(group, context, plan);
                return;
            }

            Product(group, context, plan, TransposedPlan.Of(plan, trial, context), WinogradPlan.Of(plan, trial, context));
            return;
        }

        if (WindowReduction.TryLower(group, context, id))
        {
            return;
        }

        var rows = RowwisePlan.Make(context.Graph, group, id);
        if (rows is null || rows.RowLength.AsConstant <= ShortSum)
        {
            new MapStrategy().Lower(group, context);
        }
        else
        {
            RowwiseStrategy.Lower(group, context, rows);
        }
    }

    private static void Product(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionPlan? transposed, WinogradPlan? winograd)
    {
        var prefersWinograd = !context.Options.Exact && winograd is not null && winograd.Pays(context.Options.Eager);
        var (direct, other) = (Tiling(plan), transposed is null ? null : Tiling(transposed));
        var prefersTransposed = other is not null && TransposedPlan.Pays(direct.Plan, direct.Model, other.Model);
        var preferred = prefersWinograd ? ContractionSpace.Winograd : prefersTransposed ? ContractionSpace.Transposed : ContractionSpace.Tiles;
        var isKnown = (plan.OuterSize * plan.MSize * plan.NSize * plan.KSize).AsConstant >= 1;
        var space = new ContractionSpace(direct, other, context.Options, winograd is not null, preferred);
        var use = isKnown ? context.Schedule(group, space) : null;
        if (use is null ? prefersWinograd : ContractionSpace.IsWinograd(use.Chosen))
        {
            WinogradConvolution.Lower(group, context, winograd!, use);
        }
        else
        {
            InPlace.Take(group, context);
            var tiling = use is { IsPlanned: true } ? space.Of(use.Chosen) : space.Preferred;
            ContractionKernel.Lower(group, context, tiling.Plan, tiling.Model, use);
        }

        ContractionTiling Tiling(ContractionPlan side) => new(side, ContractionSchedule.Of(
            side, context.Options, side.FactorsOf(side.A).All(context.IsOnce), side.FactorsOf(side.B).All(context.IsOnce)));
    }

    // The contract's result is wanted at other places than its own: it is stored, and a map loads it.
    private static void Apart(FusionGroup group, LoweringContext context, NodeId id)
    {
        if (context.PlaceOf(id) is null)
        {
            context.SetPlace(id, new BufferPlace(context.Allocate(context.Graph[id].Type.Element, context.Graph[id].Type.Count)));
        }

        new ContractionStrategy().Lower(group with { Outputs = [id] }, context);
        var outputs = group.Outputs.Where(o => o != id).ToValueList();
        if (outputs.Count > 0)
        {
            new MapStrategy().Lower(group with { Members = group.Members.Where(m => m != id).ToValueList(), Outputs = outputs }, context);
        }
    }
}
