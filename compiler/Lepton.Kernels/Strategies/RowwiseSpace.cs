using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>In what order the rows of a chunk are done.</summary>
internal enum RowwiseOrder
{
    /// <summary>One after the other.</summary>
    Single,

    /// <summary>The passes over neighbouring rows in one loop.</summary>
    Pipeline,

    /// <summary>Several rows side by side, when a row is read once.</summary>
    Beside,
}

/// <summary>The schedules of a kernel over rows: how many rows (or tiles of rows) a chunk has, and in what order they are done.</summary>
internal sealed class RowwiseSpace(LoweringContext context, FusionGroup group, RowwisePlan plan, RowwiseLayout layout, RowwiseWidth width) : ScheduleSpace
{
    public const string Chunk = "chunk";
    public const string Order = "order";

    /// <summary>Rows that are read once come faster from memory several at a time, if each is some pages long.</summary>
    public const int Streams = 4;
    private const long StreamedRow = 1024;

    public override string Name =>
        $"rows {context.Graph[plan.Reductions[0].Factors[0].Node].Type.Element.Name()}[{string.Join(", ", plan.Shape)}] over {string.Join(", ", plan.Axes)}";

    public override Choice Model => Of(ModelChunk.AsConstant!.Value, ModelOrder);

    /// <summary>Rows, or tiles of rows, that there are.</summary>
    public long? Count => layout.AlongRow ? plan.Rows.AsConstant : (layout.KeptCount(plan) * SizeExpr.CeilDiv(layout.Length(plan), width.Tile)).AsConstant;

    /// <summary>Rows of a chunk.</summary>
    public SizeExpr ModelChunk { get; } = SizeExpr.Max(
        SizeExpr.One,
        SizeExpr.FloorDiv(context.Options.ChunkElements, SizeExpr.Max(SizeExpr.One, plan.RowLength * (layout.AlongRow ? 1 : width.Tile))));

    public RowwiseOrder ModelOrder =>
        context.Options.Pipelines && RowwisePipeline.Suits(group, plan, layout, ModelChunk) ? RowwiseOrder.Pipeline
        : IsReadOnce && width.Chains > 2 && ModelChunk.AsConstant >= Streams && plan.RowLength.AsConstant >= context.Options.Limit(StreamedRow) ? RowwiseOrder.Beside
        : RowwiseOrder.Single;

    private bool IsReadOnce =>
        plan.Passes == 1 && layout.AlongRow && layout.OuterReduced.Count == 0 && plan.Reductions is [{ Fold.HasPosition: false }];

    public static RowwiseOrder OrderOf(Choice choice) => Enum.Parse<RowwiseOrder>(choice[Order]!, ignoreCase: true);

    public override IEnumerable<Choice> Near(Choice choice)
    {
        var now = choice.Number(Chunk);
        foreach (var order in Enum.GetValues<RowwiseOrder>())
        {
            yield return Of(now, order);
        }

        foreach (var next in (long[])[now * 2, now / 2, now * 4, now / 4, now * 8, now / 8])
        {
            if (next >= 1 && Math.Min(next, now) < Count)
            {
                yield return Of(next, OrderOf(choice));
            }
        }
    }

    protected override ValueList<Knob> Knobs(Choice choice) => [new Knob(Chunk), new Knob(Order, ["single", "pipeline", "beside"])];

    protected override string? Illegal(Choice choice) => OrderOf(choice) switch
    {
        RowwiseOrder.Pipeline when !RowwisePipeline.Suits(group, plan, layout, choice.Number(Chunk)) =>
            $"order=pipeline: only for several passes over at least {RowwisePipeline.LeastRows} rows in a chunk; expected single",
        RowwiseOrder.Beside when !IsReadOnce || choice.Number(Chunk) < Streams =>
            $"order=beside: only for one pass over at least {Streams} rows in a chunk; expected single",
        _ => null,
    };

    private static Choice Of(long chunk, RowwiseOrder order) => new([new Setting(Chunk, chunk), new Setting(Order, order.ToString().ToLowerInvariant())]);
}
