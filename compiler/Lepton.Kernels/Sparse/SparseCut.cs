using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// How the first loop of a sparse kernel is cut into chunks. Rows with a compressed level below are cut where rows and entries together
/// are shared equally: chunk k of n starts at the first row r with pos[r] + r ≥ k · (entries + rows) / n.
/// </summary>
/// <param name="Range">Of the first loop, in this chunk; null: all of it, in the one chunk that there is.</param>
internal sealed record SparseCut((LoopExpr From, LoopExpr To)? Range, SizeExpr Chunks, string Note)
{
    // Work on an entry is worth that on so many elements of an elementwise kernel.
    private const long EntryWork = 4;

    /// <param name="exactly">So many chunks, if it can be cut.</param>
    public static SparseCut Of(KernelOptions options, BodyBuilder body, CoIteration loops, SparsePlan plan, long? mostChunks = null, SizeExpr? exactly = null)
    {
        var size = plan.Loops[0].Size;
        var inner = plan.Free.Where(v => plan.Loops.All(l => l.Variable != v)).Aggregate(SizeExpr.One, (n, v) => n * plan.Sizes[v]);
        if (loops.Cut() is not { } cut || cut.Driver?.IsUniqueAt(0) == false)
        {
            return new SparseCut(null, SizeExpr.One, "in order");
        }

        var block = SizeExpr.Constant(Math.Max(1, options.ChunkElements / EntryWork));
        if (cut.Driver is { } driver)
        {
            var count = driver.Access.Storage.Count(0);
            var pieces = AtMost(SizeExpr.Min(count, SizeExpr.CeilDiv(driver.Access.Storage.Stored * inner, block)));
            return new SparseCut(Equal(body, count, pieces), pieces, $"{pieces} chunks of entries");
        }

        // The operand with a row's entries right below the rows.
        var rows = plan.Accesses.FirstOrDefault(a => a.Loops[0] == 0 && a.Storage.Format.Levels is [{ Kind: LevelKind.Dense }, { Kind: LevelKind.Compressed }, ..]);
        if (rows is null)
        {
            // A sum over nothing has a result too.
            var work = plan.Loops.Aggregate(inner, (n, l) => n * (l.IsFree ? l.Size : SizeExpr.Max(l.Size, SizeExpr.One)));
            var pieces = AtMost(SizeExpr.Min(size, SizeExpr.CeilDiv(work, block * 16)));
            return new SparseCut(Equal(body, size, pieces), pieces, $"{pieces} chunks of rows");
        }

        var stored = rows.Storage.Count(1);
        var chunks = AtMost(SizeExpr.Min(size, SizeExpr.CeilDiv((stored + size) * inner, block)));
        var positions = loops.LevelsOf(rows);
        var total = BodyMath.Index(stored + size);
        var from = Bound(BodyBuilder.Chunk);
        return new SparseCut((from, Bound(body.Add(BodyBuilder.Chunk, BodyMath.Index(1)))), chunks, "rows in chunks of equal entries");

        SizeExpr AtMost(SizeExpr wanted) => exactly ?? (mostChunks is { } most ? SizeExpr.Min(wanted, most) : wanted);

        LoopExpr Bound(LoopExpr chunk)
        {
            var wanted = body.FloorDiv(body.Mul(chunk, total), BodyMath.Index(SizeExpr.Max(chunks, SizeExpr.One)));
            var (low, high) = (body.Declare(BodyMath.Index(0)), body.Declare(BodyMath.Index(size)));
            body.While(() => body.Less(body.Read(low), body.Read(high)), () =>
            {
                var (l, h) = (body.Read(low), body.Read(high));
                var middle = body.FloorDiv(body.Add(l, h), BodyMath.Index(2));
                var before = body.Less(body.Add(positions.Start(1, middle), middle), wanted);
                body.Assign(low, body.Select(before, body.Add(middle, BodyMath.Index(1)), l));
                body.Assign(high, body.Select(before, h, middle));
            });
            return body.Read(low);
        }
    }

    /// <summary>Pieces of a count, as equal as can be: that of this chunk.</summary>
    public static (LoopExpr From, LoopExpr To) Equal(BodyBuilder body, SizeExpr count, SizeExpr pieces)
    {
        var parts = BodyMath.Index(SizeExpr.Max(pieces, SizeExpr.One));
        return (Part(BodyBuilder.Chunk), Part(body.Add(BodyBuilder.Chunk, BodyMath.Index(1))));

        LoopExpr Part(LoopExpr number) => body.FloorDiv(body.Mul(number, BodyMath.Index(count)), parts);
    }
}
