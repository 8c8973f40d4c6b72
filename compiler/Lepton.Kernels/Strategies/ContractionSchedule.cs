using Lepton.Abi;

namespace Lepton.Kernels.Strategies;

/// <summary>From where the register tile reads one side of a product.</summary>
internal enum PanelSource
{
    /// <summary>Straight from the factor.</summary>
    Memory,

    /// <summary>From panels on the chunk's stack, which it packs block after block.</summary>
    Chunk,

    /// <summary>From panels of the whole side, packed by a kernel of their own.</summary>
    Kernel,
}

/// <summary>
/// How a product is cut. A register tile is Rows × Columns; a chunk makes BlockRows × BlockColumns of the result, in blocks of Depth along k, so
/// that a panel of B lies in the first-level cache and a block of A in the second. Chosen from sizes and registers alone.
/// </summary>
/// <param name="EvenRows">The block of rows is the whole of m, in tiles of Rows and of Rows - 1 that leave none over.</param>
/// <param name="Lanes">Of one vector; Columns = Vectors · Lanes.</param>
/// <param name="Depth">In steps: <see cref="ContractionPlan.KPerStep"/> values of k each.</param>
/// <param name="KAligned">Depth is a multiple of all labels of k but the first: a block of k is a loop nest without divisions.</param>
/// <param name="OutersPerChunk">How many products of matrices one chunk makes; more than one only when the block is the whole product.</param>
/// <param name="BIsOnce">B is made of parameters alone, or is the same in all steps of a loop: its panels are packed once, and read again and again.</param>
/// <param name="AStreams">A passes by once, and is more than the second-level cache holds: its packed panels are asked for ahead.</param>
/// <param name="BStreams">B is more than the second-level cache holds: while a block of its packed panels is used, the next one is asked for.</param>
internal sealed record ContractionSchedule(
    int Rows,
    bool EvenRows,
    int Vectors,
    int Lanes,
    long BlockRows,
    long BlockColumns,
    int Depth,
    bool KAligned,
    PanelSource A,
    PanelSource B,
    long OutersPerChunk,
    bool BIsOnce,
    bool AStreams,
    bool BStreams)
{
    // Of what a chunk may have on its stack: partial sums, and panels of B and A.
    private const long SumBytes = 96 * 1024;
    private const long PanelBytes = 64 * 1024;

    // A block of A that stays in the second-level cache beside panels of B.
    private const long ABytes = 192 * 1024;

    // k is cut into equal blocks of about this length.
    private const long GoodDepth = 320;

    // Multiplications that are worth a chunk of their own, and how many chunks are enough; the first few, which let a second thread take its half,
    // are worth it sooner.
    private const long ChunkWork = 1 << 19;
    private const long GoodChunks = 16;
    private const long FirstWork = 1 << 17;
    private const long FirstChunks = 4;
    private const long SmallWork = 1 << 18;

    // So many chunks that share no part of B keep threads busy: blocks of rows, which would pack it once more each, are not needed as well.
    private const long EnoughColumnBlocks = 8;

    // Rows of A that pass by once are better read in order, if there are more of them than the second-level cache holds.
    private const long StreamBytes = 512 * 1024;
    private const long FewPanels = 4;

    // A side up to this many bytes stays in the first-level cache as it is.
    private const long SmallSide = 16 * 1024;

    private const long CacheLine = 64;
    private const long CacheSets = 64;
    private const long CacheWays = 8;

    // Blocks that are worth packing both sides for.
    private const long GoodRows = 96;

    // So many blocks of rows may each pack the same part of B again.
    private const long FewBlocks = 2;
    private const long GoodPanels = 4;
    private const long ManyRows = 1024;
    private const int SymbolicBlockRows = 60;

    public int Columns => Vectors * Lanes;

    /// <summary>What the model chooses.</summary>
    public static ContractionSchedule Of(ContractionPlan plan, KernelOptions options, bool aIsOnce, bool bIsOnce)
    {
        var width = Math.Max(plan.Element.ByteSize(), 4);
        var lanes = Math.Max(1, options.RegisterBytes / width);
        const int vectors = 2;
        long columns = vectors * lanes;
        // Sums of B's columns, where the left side has an offset, take registers too.
        long rows = Math.Max(1, ((options.Registers - 4) / vectors) - (plan.Narrow is { LeftOffset: not 0 } ? 1 : 0));
        var (m, n, k) = (plan.MSize.AsConstant, plan.NSize.AsConstant, plan.Steps.AsConstant);
        var (goodDepth, smallSide) = (options.Limit(GoodDepth), options.Limit(SmallSide));
        var aPlain = plan.Narrow is null && plan.A.IsPlain && plan.A.KMerges && (plan.A.IsContiguous || m * k * width <= smallSide);
        var aStreams = aIsOnce && plan.SizeOf(plan.OuterOf(plan.A)).AsConstant * m * k * width > options.Limit(StreamBytes) && n <= FewPanels * columns;
        if (aPlain && !aStreams)
        {
            // A line of each row of the tile stays in the first-level cache until its last element is used.
            rows = Math.Min(rows, LinesThatStay(plan.A.RowStride * width));
        }

        if (m is { } someRows)
        {
            rows = Math.Max(1, CeilDiv(someRows, CeilDiv(someRows, rows)));
        }

        var inner = plan.SizeOf(plan.K.Skip(1).ToValueList()).AsConstant;
        var depth = k is { } all ? Math.Max(1, CeilDiv(all, Math.Max(1, CeilDiv(all, goodDepth)))) : goodDepth;
        var aligned = plan.Narrow is null && inner >= 1 && inner <= goodDepth && (k is not null || inner == 1);
        depth = aligned ? CeilDiv(depth, inner!.Value) * inner.Value : depth;

        var bPlain = plan.Narrow is null && plan.B.IsPlain && plan.B.KMerges && plan.B.IsContiguous && plan.N == plan.NInner;
        var rowTiles = m is { } given ? CeilDiv(given, rows) : long.MaxValue;
        var bFromMemory = bPlain && (n * k * width <= smallSide || (!bIsOnce && (rowTiles <= 2 || PanelStays(plan.B.RowStride * width, Math.Min(depth, k ?? depth)))));

        // Whole tiles, so that no two chunks store one row.
        var symbolicRows = Math.Max(1, SymbolicBlockRows / rows) * rows;
        var (blockRows, blockColumns, outers) = m is { } mm && n is { } nn && k is { } kk
            ? Blocks(mm, nn, kk, plan.OuterSize.AsConstant, new Tile(rows, columns, depth, width), aPlain, IsCheap(plan), options)
            : (m <= symbolicRows ? m.Value : symbolicRows, Math.Max(1, options.Limit(SumBytes) / width / symbolicRows / columns) * columns, 1);
        var (oneRowBlock, oneColumnBlock) = (m <= blockRows, n <= blockColumns);

        // An outer label that A does not have uses the same A again.
        var aOnce = oneColumnBlock && plan.OuterOf(plan.A) == plan.Outer;
        var a = aPlain && !aStreams ? PanelSource.Memory
            : aStreams ? PanelSource.Kernel
            : aOnce && blockRows * depth * width <= options.Limit(PanelBytes) ? PanelSource.Chunk : PanelSource.Kernel;
        var b = bFromMemory ? PanelSource.Memory : bIsOnce ? PanelSource.Kernel : oneRowBlock || (m <= FewBlocks * blockRows && blockRows >= options.Limit(GoodRows)) ? PanelSource.Chunk : PanelSource.Kernel;
        return new ContractionSchedule(
            (int)rows, oneRowBlock && m is not null, vectors, lanes, blockRows, blockColumns, (int)depth, aligned, a, b, outers, bIsOnce,
            aStreams, plan.SizeOf(plan.OuterOf(plan.B)).AsConstant * n * k * width > options.Limit(StreamBytes));
    }

    // Packing B costs about as much as loading it: whole vectors, and nothing computed. Else no row block but a large one may repeat it.
    private static bool IsCheap(ContractionPlan plan) => plan.N == plan.NInner && plan.B.IsContiguous && plan.B.Guarded.Count == 0 && !plan.Prologue;

    // A panel of B as it lies in memory, one line or two of every row, stays in the first-level cache.
    private static bool PanelStays(long? rowBytes, long depth) => rowBytes is { } bytes && depth * 2 <= LinesThatStay(bytes);

    // How many lines, one of each row, the first-level cache (64 sets of 8 lines) holds: rows whose distance is a multiple of many lines fall into few sets.
    private static long LinesThatStay(long? rowBytes)
    {
        var lines = rowBytes is { } bytes && bytes % CacheLine == 0 ? bytes / CacheLine : 1;
        return CacheSets / Math.Clamp(lines & -lines, 1, CacheSets) * CacheWays;
    }

    private static (long Rows, long Columns, long Outers) Blocks(long m, long n, long k, long? outer, Tile tile, bool aFromMemory, bool bIsCheap, KernelOptions options)
    {
        var (work, smallWork, sumBytes, firstWork) = (m * n * k, options.Limit(SmallWork), options.Limit(SumBytes), options.Limit(FirstWork));
        if (work <= smallWork && (work < 2 * firstWork || outer >= FirstChunks)
            && (k <= tile.Depth || RoundUp(m, tile.Rows) * RoundUp(n, tile.Columns) * tile.Width <= sumBytes))
        {
            var together = outer is { } many ? Math.Clamp(many, 1, Math.Max(1, smallWork / Math.Max(1, work))) : 1;
            return (m, RoundUp(n, tile.Columns), together);
        }

        // As many chunks as threads can share, as long as each is worth its start: columns first, they share nothing but A.
        var chunks = Math.Max(Math.Clamp(work / options.Limit(ChunkWork), 1, GoodChunks), Math.Min(work / firstWork, FirstChunks));
        chunks = CeilDiv(chunks, Math.Clamp(outer ?? 1, 1, chunks));
        var panels = CeilDiv(n, tile.Columns);
        var columnBlocks = Math.Max(1, Math.Min(chunks, panels / (bIsCheap && !aFromMemory ? GoodPanels : 1)));
        var rowBlocks = columnBlocks >= EnoughColumnBlocks ? 1 : Math.Max(1, Math.Min(CeilDiv(chunks, columnBlocks), m / options.Limit(bIsCheap ? GoodRows : ManyRows / 4)));

        // A's block lies in the second-level cache, unless B is dear, or the chunk has one panel of it: then A passes by, and only sums are kept.
        var maxRows = columnBlocks == panels ? (k <= tile.Depth ? m : Math.Max(tile.Rows, sumBytes / tile.Width / tile.Columns / tile.Rows * tile.Rows))
            : bIsCheap ? Math.Max(tile.Rows, options.Limit(ABytes) / tile.Width / tile.Depth / tile.Rows * tile.Rows) : options.Limit(ManyRows, tile.Rows);
        rowBlocks = Math.Max(rowBlocks, CeilDiv(m, maxRows));
        if (!aFromMemory && columnBlocks == 1)
        {
            rowBlocks = Math.Max(rowBlocks, CeilDiv(m, Math.Max(tile.Rows, options.Limit(PanelBytes) / tile.Width / tile.Depth / tile.Rows * tile.Rows)));
        }

        var blockRows = rowBlocks == 1 ? m : RoundUp(CeilDiv(m, rowBlocks), tile.Rows);
        if (k > tile.Depth)
        {
            var most = Math.Max(1, sumBytes / tile.Width / RoundUp(blockRows, tile.Rows) / tile.Columns);
            columnBlocks = Math.Max(columnBlocks, CeilDiv(panels, most));
        }

        return (blockRows, CeilDiv(panels, columnBlocks) * tile.Columns, 1);
    }

    private static long CeilDiv(long a, long b) => (a + b - 1) / b;

    private static long RoundUp(long a, long b) => CeilDiv(a, b) * b;

    private sealed record Tile(long Rows, long Columns, long Depth, long Width);
}
