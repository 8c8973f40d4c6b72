using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Reductions whose lanes lie across many long rows, sums of columns: memory is read in the order in which it lies. A chunk has a strip of
/// columns, whose states are kept in the first cache while some lines of the strip go by:
/// <code>
/// for each block of lines:  for each tile of the strip:  states → registers;  for each line: fold;  registers → states
/// </code>
/// Each column is folded in the order of the lines, as it is without blocks.
/// </summary>
internal static class RowwiseAcross
{
    private const int Lines = 4;

    // Wide enough for memory to run ahead in a line, narrow enough to give every thread a strip.
    private const int Strip = 2048;

    // What fits into the second cache is fast in any order.
    private const long LeastBytes = 512 * 1024;

    public static bool Suits(RowwisePlan plan, RowwiseLayout layout, RowwiseWidth width, KernelOptions options) =>
        !layout.AlongRow && plan.Passes == 1 && plan.Stores.All(s => s.PerRow) && plan.Reductions.All(r => !r.Fold.HasPosition)
        && StripOf(width, options) is var strip && layout.Length(plan).AsConstant >= 2 * strip && layout.ReducedCount(plan).AsConstant >= 4 * Lines && strip % width.Tile == 0
        && plan.RowLength.AsConstant * plan.Rows.AsConstant * plan.Reductions[0].Fold.Parts[0].ByteSize() >= options.Limit(LeastBytes);

    private static int StripOf(RowwiseWidth width, KernelOptions options) => (int)options.Limit(Strip, width.Tile);

    public static void Lower(KernelBuilder kernel, RowwisePlan plan, RowwiseLayout layout, RowwiseLoops loops, RowwiseUnits units, RowwiseWidth width, string note)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        var strip = StripOf(width, kernel.Context.Options);
        var (across, perStrip) = (layout.Length(plan), SizeExpr.Constant(strip / width.Tile));
        var tiles = SizeExpr.CeilDiv(across, width.Tile);
        var strips = SizeExpr.CeilDiv(across, strip);
        var locals = plan.Reductions.Select(r => r.Fold.Parts.Select(p => kernel.Local("state", p, strip)).ToArray()).ToArray();
        var row = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(strips));
        var number = body.Rem(BodyBuilder.Chunk, BodyMath.Index(strips));
        var first = body.Mul(number, BodyMath.Index(perStrip));
        var last = body.Min(body.Add(first, BodyMath.Index(perStrip)), BodyMath.Index(tiles));
        var start = body.Add(body.Mul(row, BodyMath.Index(across)), body.Mul(number, BodyMath.Index(strip)));
        var count = BodyMath.Index(layout.ReducedCount(plan));
        Tiles((rows, at) => Store(rows, at, [.. rows.Select(r => plan.Reductions.Select(f => f.Fold.Neutral(r.Lanes)).ToArray())]));
        body.For(BodyMath.Index(0), count, Lines, mayBeEmpty: false, line => Tiles((rows, at) =>
        {
            var range = new RowwiseRange(line, body.Min(body.Add(line, BodyMath.Index(Lines)), count));
            Store(rows, at, loops.Continue(rows, range, Load(rows, at)));
        }));
        Tiles((rows, at) =>
        {
            RowwiseUnits.Know(plan, 0, rows, Load(rows, at));
            loops.StoreRows(rows);
        });
        kernel.Launch(layout.KeptCount(plan) * strips, $"{note}, {Lines} lines of {strip} columns at a time");

        // The rows of each tile, and where their states lie.
        void Tiles(Action<IReadOnlyList<RowwiseRows>, IndexForm[]> emit) => body.For(first, last, 1, mayBeEmpty: false, tile =>
            units.Unit(loops, body.Add(body.Mul(row, BodyMath.Index(tiles)), tile), (numbers, rows) =>
                emit(rows, [.. numbers.Select(n => n - space.FormOf(start))])));

        LoopExpr[][][] Load(IReadOnlyList<RowwiseRows> rows, IndexForm[] at) => [.. rows.Select((r, n) => locals.Select((parts, f) =>
            parts.Select((local, p) => kernel.Values.Load(local, plan.Reductions[f].Fold.Parts[p], at[n], loops.At(r))).ToArray()).ToArray())];

        void Store(IReadOnlyList<RowwiseRows> rows, IndexForm[] at, LoopExpr[][][] states)
        {
            foreach (var (n, r) in rows.Index())
            {
                foreach (var (f, parts) in locals.Index())
                {
                    foreach (var (p, local) in parts.Index())
                    {
                        kernel.Values.Store(local, at[n], states[n][f][p], loops.At(r));
                    }
                }
            }
        }
    }
}
