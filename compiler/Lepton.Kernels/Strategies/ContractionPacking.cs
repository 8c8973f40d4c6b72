using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The kernels that pack a whole side of a product before it: in panels, one behind the other, each as deep as k is long. A side that depends
/// on an outer label is packed for each of its values.
/// </summary>
internal static class ContractionPacking
{
    // Panels, and k, of one chunk of packing.
    private const int ChunkPanels = 16;
    private const int ChunkDepth = 256;

    /// <summary>Rows of the panels of A.</summary>
    public static SizeExpr Rows(ContractionPlan plan, ContractionSchedule schedule) =>
        schedule.EvenRows ? plan.MSize : SizeExpr.CeilDiv(plan.MSize, schedule.Rows) * schedule.Rows;

    /// <summary>Columns of the panels of B.</summary>
    public static SizeExpr Columns(ContractionPlan plan, ContractionSchedule schedule) =>
        SizeExpr.CeilDiv(plan.NSize, schedule.Columns) * schedule.Columns;

    /// <summary>Where a side's panels start for these outer indices, in steps.</summary>
    public static LoopExpr Start(KernelBuilder kernel, ContractionPlan plan, ContractionSide side, IReadOnlyDictionary<int, IndexForm> index, SizeExpr padded)
    {
        var labels = plan.OuterOf(side);
        var number = ValueEmitter.RowMajor(labels.Select(l => index[l]).ToValueList(), labels.Select(l => plan.Sizes[l]).ToValueList());
        return kernel.Space.ToScalar(number * (padded * plan.Steps));
    }

    /// <summary>The indices of outer labels from their row-major number.</summary>
    public static Dictionary<int, IndexForm> Outer(KernelBuilder kernel, ContractionPlan plan, LoopExpr number, ValueList<int> labels)
    {
        var index = new Dictionary<int, IndexForm>();
        plan.Unravel(kernel.Space, kernel.Space.Counter(number, plan.SizeOf(labels)), labels, index);
        return index;
    }

    /// <summary>The panels of A: packed once when it depends on parameters alone, else here.</summary>
    public static BufferRef A(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule) => context.Once(
        plan.FactorsOf(plan.A),
        plan.LeftElement,
        plan.SizeOf(plan.OuterOf(plan.A)) * Rows(plan, schedule) * plan.Steps * plan.KPerStep,
        place => PackA(group, context, plan, schedule, place));

    /// <summary>The panels of B: packed once when it depends on parameters alone, else here.</summary>
    public static BufferRef B(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule) => context.Once(
        plan.FactorsOf(plan.B),
        plan.RightElement,
        plan.SizeOf(plan.OuterOf(plan.B)) * Columns(plan, schedule) * plan.Steps * plan.KPerStep,
        place => PackB(group, context, plan, schedule, place));

    private static void PackA(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule, BufferRef place)
    {
        var (outer, all) = (plan.OuterOf(plan.A), Rows(plan, schedule));
        var (kernel, buffer) = PackKernel(group, context, plan, "a", plan.LeftElement, place);
        var (body, depth) = (kernel.Body, BodyMath.Index(plan.Steps));
        var chunkDepth = ChunkDepthOf(context, schedule);
        var panels = SizeExpr.CeilDiv(plan.MSize, schedule.Rows);
        var (blocks, depthBlocks) = (SizeExpr.CeilDiv(panels, ChunkPanels), SizeExpr.CeilDiv(plan.Steps, chunkDepth));
        var above = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(depthBlocks));
        var index = Outer(kernel, plan, body.FloorDiv(above, BodyMath.Index(blocks)), outer);
        var (kFrom, kTo) = BlockOfK(body, depthBlocks, chunkDepth, depth);
        var first = body.Mul(body.Rem(above, BodyMath.Index(blocks)), BodyMath.Index(ChunkPanels));
        var end = body.Min(body.Add(first, BodyMath.Index(ChunkPanels)), BodyMath.Index(panels));
        var start = Start(kernel, plan, plan.A, index, all);
        var pack = new ContractionPanels(kernel, plan, schedule);
        if (schedule.EvenRows && plan.MSize.AsConstant is { } rows && rows % schedule.Rows != 0)
        {
            // The last panels have one row less.
            var whole = rows - ((rows + schedule.Rows - 1) / schedule.Rows * (schedule.Rows - 1));
            var middle = body.Max(first, body.Min(end, BodyMath.Index(whole)));
            Panels(first, middle, schedule.Rows, BodyMath.Index(0));
            Panels(middle, end, schedule.Rows - 1, BodyMath.Index(whole));
        }
        else
        {
            Panels(first, end, schedule.Rows, BodyMath.Index(0));
        }

        kernel.Launch(NonEmpty(plan, plan.SizeOf(outer) * blocks * depthBlocks), $"packs {plan.MSize} x {plan.KSize} in panels of {schedule.Rows} rows");

        void Panels(LoopExpr from, LoopExpr to, int height, LoopExpr extra) => body.For(from, to, 1, mayBeEmpty: true, panel =>
        {
            var m = body.Add(body.Mul(panel, BodyMath.Index(height)), extra);
            var origin = body.Add(body.Add(start, body.Mul(m, depth)), body.Mul(kFrom, BodyMath.Index(height)));
            pack.PackA(buffer, origin, height, index, m, kFrom, kTo);
        });
    }

    private static void PackB(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule, BufferRef place)
    {
        var (outer, all) = (plan.OuterOf(plan.B), Columns(plan, schedule));
        var (kernel, buffer) = PackKernel(group, context, plan, "b", plan.RightElement, place);
        var body = kernel.Body;
        var chunkDepth = ChunkDepthOf(context, schedule);
        SizeExpr columns = ChunkPanels * schedule.Columns;
        var (columnBlocks, depthBlocks) = (SizeExpr.CeilDiv(all, columns), SizeExpr.CeilDiv(plan.Steps, chunkDepth));
        var above = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(depthBlocks));
        var index = Outer(kernel, plan, body.FloorDiv(above, BodyMath.Index(columnBlocks)), outer);
        var from = body.Mul(body.Rem(above, BodyMath.Index(columnBlocks)), BodyMath.Index(columns));
        var to = body.Min(body.Add(from, BodyMath.Index(columns)), BodyMath.Index(all));
        var depth = BodyMath.Index(plan.Steps);
        var (kFrom, kTo) = BlockOfK(body, depthBlocks, chunkDepth, depth);
        var start = body.Add(Start(kernel, plan, plan.B, index, all), body.Mul(kFrom, BodyMath.Index(schedule.Columns)));
        var (pack, edges) = (new ContractionPanels(kernel, plan, schedule), new ContractionEdges(body, plan, schedule));
        body.For(from, to, schedule.Columns, mayBeEmpty: false, n => edges.EdgeOrNot(n, masked =>
            pack.PackB(buffer, body.Add(start, body.Mul(n, depth)), index, n, masked, kFrom, kTo)));
        kernel.Launch(
            NonEmpty(plan, plan.SizeOf(outer) * columnBlocks * depthBlocks), $"packs {plan.KSize} x {plan.NSize} in panels of {schedule.Columns} columns");
    }

    private static long ChunkDepthOf(LoweringContext context, ContractionSchedule schedule) =>
        schedule.KAligned ? schedule.Depth : context.Options.Limit(ChunkDepth);

    // Which steps of k a chunk packs: its number counts blocks of k innermost.
    private static (LoopExpr From, LoopExpr To) BlockOfK(BodyBuilder body, SizeExpr blocks, long length, LoopExpr depth)
    {
        var from = body.Mul(body.Rem(BodyBuilder.Chunk, BodyMath.Index(blocks)), BodyMath.Index(length));
        return (from, body.Min(body.Add(from, BodyMath.Index(length)), depth));
    }

    private static (KernelBuilder Kernel, int Buffer) PackKernel(
        FusionGroup group, LoweringContext context, ContractionPlan plan, string side, ElementType element, BufferRef place)
    {
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}_pack_{side}", new FusionGroup(group.Name, group.Strategy, plan.Below, []));
        kernel.AssumePositive(plan.OuterSize * plan.MSize * plan.NSize * plan.KSize);
        return (kernel, kernel.Buffer($"packed_{side}", element, BufferAccess.Write, place));
    }

    // Where the result is empty nothing is packed: panels of what is not there could not be filled.
    private static SizeExpr NonEmpty(ContractionPlan plan, SizeExpr chunks)
    {
        var all = plan.OuterSize * plan.MSize * plan.NSize * plan.KSize;
        return all.LowerBound() >= 1 ? chunks : chunks * SizeExpr.Min(SizeExpr.One, all);
    }
}
