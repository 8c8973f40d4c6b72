using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Reductions and what belongs to their rows, in one kernel if it can be: rows are cut into chunks; few long rows are cut into pieces first
/// (see <see cref="RowwisePieces"/>).
/// </summary>
public sealed class RowwiseStrategy : IStrategy
{
    // Windows up to this many elements (pooling) are written out inside a map over the results.
    private const long WindowLimit = 16;

    // What a chunk may keep of a row on its stack.
    private const long LocalBytes = 64 * 1024;

    public void Lower(FusionGroup group, LoweringContext context)
    {
        var plan = RowwisePlan.Make(context.Graph, group);
        if (plan?.Rows == SizeExpr.Zero)
        {
            return;
        }

        if (plan is null)
        {
            RowwiseSplit.Lower(group, context);
        }
        else
        {
            Lower(group, context, plan);
        }
    }

    /// <summary>A group whose passes are known.</summary>
    internal static void Lower(FusionGroup group, LoweringContext context, RowwisePlan plan)
    {
        if (plan.Reductions is [var only] && plan.Stores.All(s => s.PerRow) && WindowReduction.TryLower(group, context, only.Id))
        {
            return;
        }

        var layout = RowwiseLayout.Of(context, group, plan);
        plan = layout is null ? plan : plan with { Kept = plan.Kept.Where(k => k.Output is not null || KeepsLocally(context, plan, layout, k)).ToValueList() };
        if (layout is null)
        {
            RowwiseSplit.Lower(group, context);
        }
        else if (plan.RowLength.AsConstant <= WindowLimit && plan.Passes == 1 && plan.Stores.All(s => s.PerRow) && !(layout.AlongRow && plan.Rows == SizeExpr.One))
        {
            new MapStrategy().Lower(group, context);
        }
        else if (RowwisePieces.Suits(plan, layout, RowwiseWidth.Of(context, group, plan, layout), context.Options))
        {
            RowwisePieces.Lower(group, context, plan, layout);
        }
        else
        {
            WholeRows(group, context, plan, layout);
        }
    }

    private static bool KeepsLocally(LoweringContext context, RowwisePlan plan, RowwiseLayout layout, RowwiseKept kept) =>
        layout.AlongRow && plan.RowLength.AsConstant * context.Graph[kept.Id].Type.Element.ComputeType().ByteSize() * plan.Kept.Count <= context.Options.Limit(LocalBytes);

    // What the next pass alone wants, and a result that passes by the caches would keep, is kept on the stack.
    private static RowwiseKept Kept(LoweringContext context, RowwisePlan plan, RowwiseLayout layout, RowwiseKept kept) =>
        kept.Output is { } home && kept.First == plan.Passes - 2 && layout.PassesCaches(context, plan, home) && KeepsLocally(context, plan, layout, kept)
            ? kept with { Output = null } : kept;

    private static void WholeRows(FusionGroup group, LoweringContext context, RowwisePlan plan, RowwiseLayout layout)
    {
        plan = plan with { Kept = plan.Kept.Select(k => Kept(context, plan, layout, k)).ToValueList() };
        var width = RowwiseWidth.Of(context, group, plan, layout);
        var isAcross = RowwiseAcross.Suits(plan, layout, width, context.Options);
        var space = new RowwiseSpace(context, group, plan, layout, width);
        var use = isAcross || space.Count is not >= 1 ? null : context.Schedule(group, space);
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group) { Use = use };
        foreach (var store in plan.Stores)
        {
            kernel.Write(store.Id);
        }

        kernel.AssumePositive(plan.Rows);
        var units = new RowwiseUnits(kernel, plan, layout, width);
        var (perChunk, order) = use is { IsPlanned: true } ? (use.Chosen.Number(RowwiseSpace.Chunk), RowwiseSpace.OrderOf(use.Chosen)) : (space.ModelChunk, space.ModelOrder);
        var isPipeline = order == RowwiseOrder.Pipeline;
        var loops = new RowwiseLoops(kernel, plan, layout, width.Lanes, width.Chains, fetchAhead: !isPipeline);
        var from = kernel.Body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var to = kernel.Body.Min(kernel.Body.Add(from, BodyMath.Index(perChunk)), BodyMath.Index(units.Count));
        var outer = new RowwiseRange(BodyMath.Index(0), BodyMath.Index(layout.ReducedCount(plan)));
        var inner = new RowwiseRange(BodyMath.Index(0), BodyMath.Index(layout.Length(plan)));
        var note = $"{width.Describe(plan, layout)}, {plan.Passes} pass{(plan.Passes == 1 ? "" : "es")}";
        var chunks = SizeExpr.CeilDiv(units.Count, perChunk);
        if (isAcross)
        {
            RowwiseAcross.Lower(kernel, plan, layout, loops, units, width, note);
            return;
        }

        if (isPipeline)
        {
            RowwisePipeline.Emit(kernel, plan, loops, units, inner, from, to);
            kernel.Launch(chunks, note + " over neighbouring rows at once");
            return;
        }

        void Whole(IReadOnlyList<RowwiseRows> rows)
        {
            for (var pass = 0; pass < plan.Passes; pass++)
            {
                var states = loops.Pass(pass, rows, outer, inner);
                RowwiseUnits.Know(plan, pass, rows, states);
            }

            loops.StoreRows(rows);
        }

        var isStreamed = order == RowwiseOrder.Beside;
        var rest = from;
        if (isStreamed)
        {
            rest = kernel.Body.Sub(to, kernel.Body.Rem(kernel.Body.Sub(to, from), BodyMath.Index(RowwiseSpace.Streams)));
            kernel.Body.For(from, rest, RowwiseSpace.Streams, mayBeEmpty: true, row =>
            {
                loops.Forget();
                Whole([.. Enumerable.Range(0, RowwiseSpace.Streams).Select(k => units.Row(loops, kernel.Body.Add(row, BodyMath.Index(k))))]);
            });
        }

        units.ForEach(loops, rest, to, (_, rows) => Whole(rows));
        kernel.Launch(chunks, note + (isStreamed ? $", {RowwiseSpace.Streams} rows side by side" : ""));
    }
}
