using Lepton.Abi;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>A product of matrices and how it is cut.</summary>
internal sealed record ContractionTiling(ContractionPlan Plan, ContractionSchedule Model)
{
    public long M => Plan.MSize.AsConstant!.Value;

    public long N => Plan.NSize.AsConstant!.Value;

    public long K => Plan.Steps.AsConstant!.Value;

    public bool IsBInMemory => Plan.Narrow is null && Plan.B.IsPlain && Plan.B.KMerges && Plan.B.IsContiguous && Plan.N == Plan.NInner;
}

/// <summary>
/// The schedules of a product of known sizes: cut into tiles by a <see cref="ContractionSchedule"/>, as it is or transposed, k counted in
/// <see cref="ContractionPlan.Steps"/>, or a convolution by Winograd.
/// </summary>
/// <param name="direct">What the model would choose for the product as it is.</param>
/// <param name="transposed">What it would choose for the transposed one; null: that is not to be had.</param>
/// <param name="isConvolution">Whether it is a convolution that could go by Winograd, if options let it.</param>
/// <param name="preferred">Which of the three the model takes.</param>
internal sealed class ContractionSpace(
    ContractionTiling direct, ContractionTiling? transposed, KernelOptions options, bool isConvolution, string preferred) : ScheduleSpace
{
    /// <summary>The three ways, as schedules name them.</summary>
    public const string Tiles = "tiles";

    /// <inheritdoc cref="Tiles"/>
    public const string Transposed = "transposed";

    /// <inheritdoc cref="Tiles"/>
    public const string Winograd = "winograd";

    private const string By = "by";

    // What masks, conversions and the epilogue may keep on a chunk's stack beside panels and sums.
    private const long OtherBytes = 48 * 1024;

    private readonly bool _mayRound = isConvolution && !options.Exact;

    private static readonly Choice ByWinograd = new([new Setting(By, Winograd)]);

    // More blocks than this along an axis are too small to be worth a try.
    private static readonly long[] Blocks = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64];

    public override string Name
    {
        get
        {
            var plan = direct.Plan;
            var outer = plan.Outer.Count == 0 ? "" : $" {Sizes(plan.Outer)} of";
            var once = plan.Narrow?.Key + (direct.Model.BIsOnce ? ", right once" : transposed is not null ? ", left once" : "") + (isConvolution && options.Exact ? ", exact" : "");
            return $"contraction {plan.Node.Type.Element.Name()}{outer} m={Sizes(plan.M)} n={Sizes(plan.N)} k={Sizes(plan.K)}{once}";
        }
    }

    public override Choice Model => preferred == Winograd ? ByWinograd : Choose(Preferred);

    /// <summary>What the model chooses where Winograd is not taken.</summary>
    public ContractionTiling Preferred => preferred == Transposed ? transposed! : direct;

    private ValueList<string> Ways => [Tiles, .. transposed is null ? [] : (string[])[Transposed], .. _mayRound ? (string[])[Winograd] : []];

    private long Outer => direct.Plan.OuterSize.AsConstant!.Value;

    public override bool IsExact(Choice choice) => !IsWinograd(choice);

    public static bool IsWinograd(Choice choice) => choice[By] == Winograd;

    /// <summary>A legal choice of tiles as a schedule.</summary>
    public ContractionTiling Of(Choice choice)
    {
        var tiling = choice[By] == Transposed ? transposed! : direct;
        var (rows, vectors, m, plan) = ((int)choice.Number("rows"), (int)choice.Number("vectors"), tiling.M, tiling.Plan);
        var (blockRows, blockColumns, depth) = (choice.Number("block_rows"), choice.Number("block_columns"), (int)choice.Number("block_depth"));
        var tiles = CeilDiv(m, rows);
        return tiling with
        {
            Model = new ContractionSchedule(
                rows,
                blockRows >= m && (m % rows == 0 || m >= tiles * (rows - 1)),
                vectors,
                tiling.Model.Lanes,
                blockRows,
                blockColumns,
                depth,
                plan.Narrow is null && plan.SizeOf(plan.K.Skip(1).ToValueList()).AsConstant is { } inner && depth % inner == 0,
                Source(choice["left"]!),
                Source(choice["right"]!),
                choice.Number("together"),
                tiling.Model.BIsOnce,
                tiling.Model.AStreams,
                tiling.Model.BStreams),
        };
    }

    public override IEnumerable<Choice> Near(Choice choice)
    {
        if (_mayRound && !IsWinograd(choice))
        {
            yield return ByWinograd;
        }

        if (choice[By] != Tiles)
        {
            yield return Choose(direct);
        }

        if (choice[By] != Transposed && transposed is not null)
        {
            yield return Choose(transposed);
        }

        if (IsWinograd(choice))
        {
            yield break;
        }

        var tiling = Of(choice);
        var now = tiling.Model;
        Choice With(ContractionSchedule schedule) => Choose(tiling with { Model = schedule });
        var (rowBlocks, columnBlocks, depthBlocks) = (CeilDiv(tiling.M, now.BlockRows), CeilDiv(tiling.N, now.BlockColumns), CeilDiv(tiling.K, now.Depth));
        foreach (var left in Enum.GetValues<PanelSource>())
        {
            foreach (var right in Enum.GetValues<PanelSource>())
            {
                yield return With(now with { A = left, B = right });
            }
        }

        foreach (var (rows, columns) in Blocks.SelectMany(r => Blocks.Select(c => (r, c))).Where(b => b.r == rowBlocks || b.c == columnBlocks || b.r * b.c == rowBlocks * columnBlocks))
        {
            yield return Cut(tiling, rows, columns, depthBlocks);
        }

        foreach (var vectors in (int[])[2, 1, 3, 4])
        {
            for (var rows = (options.Registers - vectors) / vectors; rows >= Math.Max(1, (options.Registers / 4) - vectors); rows--)
            {
                yield return Cut(tiling with { Model = now with { Rows = (int)Math.Min(rows, tiling.M), Vectors = vectors } }, rowBlocks, columnBlocks, depthBlocks);
            }
        }

        foreach (var depths in (long[])[1, 2, 3, 4, 5, 6, 8])
        {
            yield return Cut(tiling, rowBlocks, columnBlocks, depths);
        }

        for (var together = 1L; together < 2 * Outer; together *= 2)
        {
            yield return With(now with { OutersPerChunk = Math.Min(together, Outer) });
        }
    }

    protected override ValueList<Knob> Knobs(Choice choice)
    {
        ValueList<string> sources = ["memory", "chunk", "kernel"];
        var by = new Knob(By, Ways);
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

        var tiling = choice[By] == Transposed ? transposed! : direct;
        var (plan, m, n, k) = (tiling.Plan, tiling.M, tiling.N, tiling.K);
        var (rows, vectors) = (choice.Number("rows"), choice.Number("vectors"));
        if (rows > m || vectors > options.Registers || rows * vectors > options.Registers)
        {
            return $"a tile of rows={rows} times vectors={vectors}: at most {options.Registers} sums fit the registers, and there are {m} rows";
        }

        var columns = vectors * tiling.Model.Lanes;
        var (blockRows, blockColumns, depth) = (choice.Number("block_rows"), choice.Number("block_columns"), choice.Number("block_depth"));
        var (wholeColumns, together) = (RoundUp(n, columns), choice.Number("together"));
        return blockRows > m || (blockRows < m && blockRows % rows != 0) ? $"block_rows={blockRows}: expected {m}, or less and a multiple of rows={rows}"
            : blockColumns > wholeColumns || blockColumns % columns != 0 ? $"block_columns={blockColumns}: expected a multiple of {columns} columns, {wholeColumns} at most"
            : depth > k ? $"block_depth={depth}: there are {k} to sum"
            : together > Outer || (together > 1 && (blockRows < m || blockColumns < n)) ? $"together={together}: more than one only where a block is a whole product, at most {Outer}"
            : choice["left"] == "memory" && (plan.Narrow is not null || !(plan.A.IsPlain && plan.A.KMerges)) ? "left=memory: this side is computed on the way; expected chunk or kernel"
            : choice["right"] == "memory" && !tiling.IsBInMemory ? "right=memory: this side is computed on the way, or does not lie in rows; expected chunk or kernel"
            : Bytes(Of(choice)) > KernelVerifier.MaxLocalBytes - OtherBytes ? "the blocks do not fit a chunk's stack: make block_rows, block_columns or block_depth smaller"
            : null;
    }

    // Of a chunk's panels and partial sums.
    private static long Bytes(ContractionTiling tiling)
    {
        var schedule = tiling.Model;
        var rows = RoundUp(schedule.BlockRows, schedule.Rows);
        return Math.Max(tiling.Plan.Element.ByteSize(), sizeof(float)) * (
            (schedule.A == PanelSource.Chunk ? rows * schedule.Depth : 0) + (schedule.B == PanelSource.Chunk ? (long)schedule.Columns * schedule.Depth : 0)
            + (tiling.K > schedule.Depth ? rows * schedule.BlockColumns : 0));
    }

    private static Choice Cut(ContractionTiling tiling, long rowBlocks, long columnBlocks, long depthBlocks)
    {
        var (plan, now) = (tiling.Plan, tiling.Model);
        var inner = plan.Narrow is not null ? 1 : plan.SizeOf(plan.K.Skip(1).ToValueList()).AsConstant!.Value;
        var depth = CeilDiv(tiling.K, depthBlocks);
        depth = inner <= depth ? RoundUp(depth, inner) : depth;
        return Choose(tiling with
        {
            Model = now with
            {
                BlockRows = Math.Min(tiling.M, RoundUp(CeilDiv(tiling.M, rowBlocks), now.Rows)),
                BlockColumns = CeilDiv(CeilDiv(tiling.N, now.Columns), columnBlocks) * now.Columns,
                Depth = checked((int)depth),
                OutersPerChunk = rowBlocks * columnBlocks > 1 ? 1 : now.OutersPerChunk,
            },
        });
    }

    private static Choice Choose(ContractionTiling tiling) => new(
    [
        new Setting(By, tiling.Plan.IsTransposed ? Transposed : Tiles), new Setting("rows", tiling.Model.Rows), new Setting("vectors", tiling.Model.Vectors),
        new Setting("block_rows", tiling.Model.BlockRows), new Setting("block_columns", tiling.Model.BlockColumns), new Setting("block_depth", tiling.Model.Depth),
        new Setting("left", Word(tiling.Model.A)), new Setting("right", Word(tiling.Model.B)), new Setting("together", tiling.Model.OutersPerChunk),
    ]);

    private static string Word(PanelSource source) => source.ToString().ToLowerInvariant();

    private static PanelSource Source(string word) => Enum.Parse<PanelSource>(word, ignoreCase: true);

    private string Sizes(ValueList<int> labels) => string.Join('*', labels.Select(l => direct.Plan.Sizes[l]));

    private static long CeilDiv(long a, long b) => (a + b - 1) / b;

    private static long RoundUp(long a, long b) => CeilDiv(a, b) * b;
}
