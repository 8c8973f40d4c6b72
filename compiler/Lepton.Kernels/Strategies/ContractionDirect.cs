using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Small or flat products: register tiles straight from the factors' memory, nothing is packed. Tiles are numbered with m fastest, so that
/// neighbours share a panel of B; a chunk is a run of tiles.
/// </summary>
internal static class ContractionDirect
{
    // Multiplications of one chunk, about.
    private const long ChunkWork = 1 << 18;

    // Up to here packing costs more than it saves: few rows (B is used a few times only), one or two panels of columns (so is A), or all small.
    private const long FewRows = 32;
    private const long SmallWork = 96 * 96 * 96;

    public static bool Suits(ContractionPlan plan, ContractionShape shape) =>
        plan.BIsContiguous && !plan.Prologue
        && (plan.MSize.AsConstant <= FewRows || plan.NSize.AsConstant <= 2 * shape.Columns || (plan.MSize * plan.NSize * plan.KSize).AsConstant <= SmallWork);

    public static void Lower(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionShape shape)
    {
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        foreach (var output in group.Outputs)
        {
            kernel.Write(output);
        }

        var (body, space) = (kernel.Body, kernel.Space);
        kernel.AssumePositive(plan.OuterSize * plan.MSize * plan.NSize);
        var (rowTiles, panels) = (SizeExpr.CeilDiv(plan.MSize, shape.Rows), SizeExpr.CeilDiv(plan.NSize, shape.Columns));
        var tiles = plan.OuterSize * panels * rowTiles;
        var perChunk = SizeExpr.Max(
            SizeExpr.One, SizeExpr.FloorDiv(ChunkWork / (shape.Rows * shape.Columns), SizeExpr.Max(SizeExpr.One, plan.KSize)));
        var first = body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var end = body.Min(body.Add(first, BodyMath.Index(perChunk)), BodyMath.Index(tiles));
        var scratch = kernel.Local("tile", plan.Element, shape.Rows * shape.Columns);
        var tile = new ContractionTile(kernel, plan, shape);
        body.For(first, end, 1, mayBeEmpty: false, number =>
        {
            var m = body.Mul(body.Rem(number, BodyMath.Index(rowTiles)), BodyMath.Index(shape.Rows));
            var above = body.FloorDiv(number, BodyMath.Index(rowTiles));
            var n = body.Mul(body.Rem(above, BodyMath.Index(panels)), BodyMath.Index(shape.Columns));
            var outer = plan.OuterSize == SizeExpr.One ? BodyMath.Index(0) : body.FloorDiv(above, BodyMath.Index(panels));
            tile.EdgeOrNot(n, masked => Rows(m, rows => tile.Sum(
                rows,
                scratch,
                BodyMath.Index(0),
                BodyMath.Index(0),
                BodyMath.Index(plan.KSize),
                null,
                (k, i) => plan.Side(kernel, plan.Left, Index(outer, k, Body(m, i), plan.MSize, plan.M, false), 1, null),
                (k, v) =>
                {
                    var column = body.Add(n, BodyMath.Index(v * shape.Lanes));
                    return plan.Side(
                        kernel, plan.Right, Index(outer, k, column, plan.NSize, plan.N, shape.Lanes > 1), shape.Lanes, masked ? tile.Mask(column) : null);
                })));
            tile.Finish(shape.Rows, scratch, BodyMath.Index(0), outer, m, BodyMath.Index(plan.MSize), n);
        });

        kernel.Launch(
            SizeExpr.CeilDiv(tiles, perChunk),
            $"direct: {plan.MSize} x {plan.NSize} x {plan.KSize} in register tiles of {shape.Rows} x {shape.Columns}, nothing packed");

        // Rows behind the last one repeat it; they are not stored.
        LoopExpr Body(LoopExpr m, int i)
        {
            var row = body.Add(m, BodyMath.Index(i));
            return SizeExpr.Mod(plan.MSize, shape.Rows) == SizeExpr.Zero ? row : body.Min(row, BodyMath.Index(plan.MSize - SizeExpr.One));
        }

        // When the number of rows is known, the last tile has the rows that are left; else it has all of them.
        void Rows(LoopExpr m, Action<int> emit)
        {
            if (plan.MSize.AsConstant is { } size && size % shape.Rows is > 0 and var left)
            {
                if (size < shape.Rows)
                {
                    emit((int)left);
                }
                else
                {
                    body.If(body.Less(m, BodyMath.Index(size - left)), () => emit(shape.Rows), () => emit((int)left));
                }
            }
            else
            {
                emit(shape.Rows);
            }
        }

        Dictionary<int, IndexForm> Index(LoopExpr outer, LoopExpr k, LoopExpr other, SizeExpr size, ValueList<int> labels, bool vectorised)
        {
            var index = new Dictionary<int, IndexForm>();
            plan.Unravel(space, space.Counter(outer, plan.OuterSize), plan.Outer, index);
            plan.Unravel(space, space.Counter(k, plan.KSize), plan.K, index);
            plan.Unravel(space, space.Counter(other, SizeExpr.Zero, size, vectorised), labels, index);
            return index;
        }
    }
}
