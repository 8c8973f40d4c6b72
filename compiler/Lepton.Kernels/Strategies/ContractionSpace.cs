using Lepton.Abi;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The schedules of a product of known sizes: cut into tiles by a <see cref="ContractionSchedule"/>, k counted in
/// <see cref="ContractionPlan.Steps"/>, or a convolution by Winograd.
/// </summary>
/// <param name="isConvolution">Whether it is a convolution that could go by Winograd, if options let it.</param>
/// <param name="prefersWinograd">Whether the model takes it.</param>
internal sealed class ContractionSpace(ContractionPlan plan, KernelOptions options, ContractionSchedule model, bool isConvolution, bool prefersWinograd) : ScheduleSpace
{
    // What masks, conversions and the epilogue may keep on a chunk's stack beside panels and sums.
    private const long OtherBytes = 48 * 1024;

    private readonly bool _mayRound = isConvolution && !options.Exact;

    private static readonly Choice Winograd = new([new Setting("by", "winograd")]);

    // More blocks than this along an axis are too small to be worth a try.
    private static readonly long[] Blocks = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64];

    public override string Name
    {
        get
        {
            var outer = plan.Outer.Count == 0 ? "" : $" {Sizes(plan.Outer)} of";
            var once = (plan.Narrow ? " pairs" : "") + (model.BIsOnce ? ", right once" : "") + (isConvolution && options.Exact ? ", exact" : "");
            return $"contraction {plan.Node.Type.Element.Name()}{outer} m={Sizes(plan.M)} n={Sizes(plan.N)} k={Sizes(plan.K)}{once}";
        }
    }

    public override Choice Model => prefersWinograd ? Winograd : Tiles(model);

    private long M => plan.MSize.AsConstant!.Value;

    private long N => plan.NSize.AsConstant!.Value;

    private long K => plan.Steps.AsConstant!.Value;

    private long Outer => plan.OuterSize.AsConstant!.Value;

    public override bool IsExact(Choice choice) => !IsWinograd(choice);

    public static bool IsWinograd(Choice choice) => choice["by"] == "winograd";

    /// <summary>A legal choice of tiles as a schedule.</summary>
    public ContractionSchedule Of(Choice choice)
    {
        var (rows, vectors, lanes) = ((int)choice.Number("rows"), (int)choice.Number("vectors"), model.Lanes);
        var (blockRows, blockColumns, depth) = (choice.Number("block_rows"), choice.Number("block_columns"), (int)choice.Number("block_depth"));
        var tiles = CeilDiv(M, rows);
        return new ContractionSchedule(
            rows,
            blockRows >= M && (M % rows == 0 || M >= tiles * (rows - 1)),
            vectors,
            lanes,
            blockRows,
            blockColumns,
            depth,
            !plan.Narrow && plan.SizeOf(plan.K.Skip(1).ToValueList()).AsConstant is { } inner && depth % inner == 0,
            Source(choice["left"]!),
            Source(choice["right"]!),
            choice.Number("together"),
            model.BIsOnce);
    }

    public override IEnumerable<Choice> Near(Choice choice)
    {
        if (_mayRound && !IsWinograd(choice))
        {
            yield return Winograd;
        }

        if (IsWinograd(choice))
        {
            yield return Tiles(model);
            yield break;
        }

        var now = Of(choice);
        var (rowBlocks, columnBlocks, depthBlocks) = (CeilDiv(M, now.BlockRows), CeilDiv(N, now.BlockColumns), CeilDiv(K, now.Depth));
        foreach (var left in Enum.GetValues<PanelSource>())
        {
            foreach (var right in Enum.GetValues<PanelSource>())
            {
                yield return Tiles(now with { A = left, B = right });
            }
        }

        foreach (var (rows, columns) in Blocks.SelectMany(r => Blocks.Select(c => (r, c))).Where(b => b.r == rowBlocks || b.c == columnBlocks || b.r * b.c == rowBlocks * columnBlocks))
        {
            yield return Cut(now, rows, columns, depthBlocks);
        }

        foreach (var vectors in (int[])[2, 1, 3, 4])
        {
            for (var rows = (options.Registers - vectors) / vectors; rows >= Math.Max(1, (options.Registers / 4) - vectors); rows--)
            {
                yield return Cut(now with { Rows = (int)Math.Min(rows, M), Vectors = vectors }, rowBlocks, columnBlocks, depthBlocks);
            }
        }

        foreach (var depths in (long[])[1, 2, 3, 4, 5, 6, 8])
        {
            yield return Cut(now, rowBlocks, columnBlocks, depths);
        }

        for (var together = 1L; together < 2 * Outer; together *= 2)
        {
            yield return Tiles(now with { OutersPerChunk = Math.Min(together, Outer) });
        }
    }

    protected override ValueList<Knob> Knobs(Choice choice)
    {
        ValueList<string> sources = ["memory", "chunk", "kernel"];
        var by = new Knob("by", _mayRound ? ["tiles", "winograd"] : ["tiles"]);
        return _mayRound && IsWinograd(choice) ? [by] :
        [
            by, new Knob("rows"), new Knob("vectors"), new Knob("block_rows"), new Knob("block_columns"), new Knob("block_depth"), new Knob("left", sources),
            new Knob("right", sources), new Knob("together"),
        ];
    }

    protected override string? Illegal(Choice choice)
    {
        if (IsWinograd(choice))
        {
            return null;
        }

        var (rows, vectors) = (choice.Number("rows"), choice.Number("vectors"));
        if (rows > M || vectors > options.Registers || rows * vectors > options.Registers)
        {
            return $"a tile of rows={rows} times vectors={vectors}: at most {options.Registers} sums fit the registers, and there are {M} rows";
        }

        var columns = vectors * model.Lanes;
        var (blockRows, blockColumns, depth) = (choice.Number("block_rows"), choice.Number("block_columns"), choice.Number("block_depth"));
        var (wholeColumns, together) = (RoundUp(N, columns), choice.Number("together"));
        return blockRows > M || (blockRows < M && blockRows % rows != 0) ? $"block_rows={blockRows}: expected {M}, or less and a multiple of rows={rows}"
            : blockColumns > wholeColumns || blockColumns % columns != 0 ? $"block_columns={blockColumns}: expected a multiple of {columns} columns, {wholeColumns} at most"
            : depth > K ? $"block_depth={depth}: there are {K} to sum"
            : together > Outer || (together > 1 && (blockRows < M || blockColumns < N)) ? $"together={together}: more than one only where a block is a whole product, at most {Outer}"
            : choice["left"] == "memory" && (plan.Narrow || !(plan.A.IsPlain && plan.A.KMerges)) ? "left=memory: this side is computed on the way; expected chunk or kernel"
            : choice["right"] == "memory" && !IsBInMemory ? "right=memory: this side is computed on the way, or does not lie in rows; expected chunk or kernel"
            : Bytes(Of(choice)) > KernelVerifier.MaxLocalBytes - OtherBytes ? "the blocks do not fit a chunk's stack: make block_rows, block_columns or block_depth smaller"
            : null;
    }

    private bool IsBInMemory => !plan.Narrow && plan.B.IsPlain && plan.B.KMerges && plan.B.IsContiguous && plan.N == plan.NInner;

    // Of a chunk's panels and partial sums.
    private long Bytes(ContractionSchedule schedule)
    {
        var rows = RoundUp(schedule.BlockRows, schedule.Rows);
        return Math.Max(plan.Element.ByteSize(), sizeof(float)) * (
            (schedule.A == PanelSource.Chunk ? rows * schedule.Depth : 0) + (schedule.B == PanelSource.Chunk ? (long)schedule.Columns * schedule.Depth : 0)
            + (K > schedule.Depth ? rows * schedule.BlockColumns : 0));
    }

    private Choice Cut(ContractionSchedule now, long rowBlocks, long columnBlocks, long depthBlocks)
    {
        var inner = plan.Narrow ? 1 : plan.SizeOf(plan.K.Skip(1).ToValueList()).AsConstant!.Value;
        var depth = CeilDiv(K, depthBlocks);
        depth = inner <= depth ? RoundUp(depth, inner) : depth;
        var blockRows = Math.Min(M, RoundUp(CeilDiv(M, rowBlocks), now.Rows));
        return Tiles(now with
        {
            BlockRows = blockRows,
            BlockColumns = CeilDiv(CeilDiv(N, now.Columns), columnBlocks) * now.Columns,
            Depth = checked((int)depth),
            OutersPerChunk = rowBlocks * columnBlocks > 1 ? 1 : now.OutersPerChunk,
        });
    }

    private static Choice Tiles(ContractionSchedule schedule) => new(
    [
        new Setting("by", "tiles"), new Setting("rows", schedule.Rows), new Setting("vectors", schedule.Vectors), new Setting("block_rows", schedule.BlockRows),
        new Setting("block_columns", schedule.BlockColumns), new Setting("block_depth", schedule.Depth), new Setting("left", Word(schedule.A)),
        new Setting("right", Word(schedule.B)), new Setting("together", schedule.OutersPerChunk),
    ]);

    private static string Word(PanelSource source) => source.ToString().ToLowerInvariant();

    private static PanelSource Source(string word) => Enum.Parse<PanelSource>(word, ignoreCase: true);

    private string Sizes(ValueList<int> labels) => string.Join('*', labels.Select(l => plan.Sizes[l]));

    private static long CeilDiv(long a, long b) => (a + b - 1) / b;

    private static long RoundUp(long a, long b) => CeilDiv(a, b) * b;
}
