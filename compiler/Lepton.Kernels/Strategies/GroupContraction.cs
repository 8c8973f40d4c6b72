using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A product of matrices on a graphics processor: a group of chunks makes a tile of the result, each chunk a small part of it in registers. Block after block of k,
/// all of them bring one piece of both sides into shared memory, from which each then reads what it needs.
/// <code>
///          ├──── Across chunks × 8 columns ────┤
///        ┌ (0,0) (0,1) …                         sums of a chunk: 4 × 8
///   Down │ (1,0) …
///        └
/// </code>
/// Each sum runs over k in order, as everywhere.
/// </summary>
internal sealed class GroupContraction
{
    private const int Rows = 4;
    private const int Vectors = 2;
    private const int Lanes = 4;
    private const int Depth = 16;

    private readonly ContractionPlan _plan;
    private readonly KernelBuilder _kernel;
    private readonly ContractionTile _tile;
    private readonly ContractionEdges _edges;
    private readonly int _chunks;
    private readonly int _across;
    private readonly int _a;
    private readonly int _b;

    private GroupContraction(FusionGroup group, LoweringContext context, ContractionPlan plan)
    {
        // 64 chunks: 8 × 8; 32: 8 down, 4 across.
        _chunks = context.Options.GroupChunks;
        _across = 1 << (int.Log2(_chunks) / 2);
        _plan = plan;
        var schedule = new ContractionSchedule(
            Rows, EvenRows: false, Vectors, Lanes, BlockRows: TileRows, BlockColumns: TileColumns, Depth, KAligned: false, PanelSource.Chunk, PanelSource.Chunk, 1,
            BIsOnce: false, AStreams: false, BStreams: false);
        _kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group) { ChunkGroup = _chunks };
        foreach (var output in group.Outputs)
        {
            _kernel.Write(output);
        }

        _kernel.AssumePositive(plan.OuterSize * plan.MSize * plan.NSize);
        (_tile, _edges) = (new ContractionTile(_kernel, plan, schedule), new ContractionEdges(_kernel.Body, plan, schedule));
        _a = _kernel.Shared("a", plan.Element, TileRows * Depth);
        _b = _kernel.Shared("b", plan.Element, TileColumns * Depth);
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private int TileRows => _chunks / _across * Rows;

    private int TileColumns => _across * Vectors * Lanes;

    public static void Lower(FusionGroup group, LoweringContext context, ContractionPlan plan) =>
        new GroupContraction(group, context, plan with { Narrow = null }).Emit();

    private void Emit()
    {
        var (rowTiles, columnTiles) = (SizeExpr.CeilDiv(_plan.MSize, TileRows), SizeExpr.CeilDiv(_plan.NSize, TileColumns));
        var number = Body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(_chunks));
        var item = Body.Rem(BodyBuilder.Chunk, BodyMath.Index(_chunks));
        var above = Body.FloorDiv(number, BodyMath.Index(columnTiles));
        var outer = Body.FloorDiv(above, BodyMath.Index(rowTiles));
        var m0 = Body.Mul(Body.Rem(above, BodyMath.Index(rowTiles)), BodyMath.Index(TileRows));
        var n0 = Body.Mul(Body.Rem(number, BodyMath.Index(columnTiles)), BodyMath.Index(TileColumns));
        var row = Body.Mul(Body.FloorDiv(item, BodyMath.Index(_across)), BodyMath.Index(Rows));
        var column = Body.Mul(Body.Rem(item, BodyMath.Index(_across)), BodyMath.Index(Vectors * Lanes));

        var index = ContractionPacking.Outer(_kernel, _plan, outer, _plan.Outer);
        var sums = _tile.Zeros(Rows, Vectors);
        var isWhole = SizeExpr.Mod(_plan.KSize, Depth) == SizeExpr.Zero;
        Body.For(BodyMath.Index(0), BodyMath.Index(_plan.KSize), Depth, mayBeEmpty: true, k0 =>
        {
            BringA(index, item, m0, k0, isWhole);
            BringB(index, item, n0, k0, isWhole);
            Body.Add(new BarrierStatement());
            var end = isWhole ? BodyMath.Index(Depth) : Body.Min(BodyMath.Index(Depth), Body.Sub(BodyMath.Index(_plan.KSize), k0));
            _tile.Add(
                sums,
                BodyMath.Index(0),
                end,
                (k, i) => Element(_a, Body.Add(Body.Mul(k, BodyMath.Index(TileRows)), row), i, 1),
                (k, v) => Element(_b, Body.Add(Body.Mul(k, BodyMath.Index(TileColumns)), column), v * Lanes, Lanes),
                unroll: isWhole);
            Body.Add(new BarrierStatement());
        });

        // A whole chunk may lie behind the last row or column.
        var (m, n) = (Body.Add(m0, row), Body.Add(n0, column));
        var exists = Body.Map(MapOp.And, ElementType.Bool, Body.Less(m, BodyMath.Index(_plan.MSize)), Body.Less(n, BodyMath.Index(_plan.NSize)));
        Body.If(exists, () => _tile.Finish(sums, outer, m, n, edge: null));
        _kernel.Launch(
            _plan.OuterSize * rowTiles * columnTiles * _chunks,
            $"grouped: {_plan.MSize} x {_plan.NSize} x {_plan.KSize}, {_chunks} work-items make a tile of {TileRows} x {TileColumns} in steps of {Depth}, {Rows} x {Vectors * Lanes} each");
    }

    // Element (row, k) of the block of A goes to k · TileRows + row, for vectors along k. Rows behind the last are copies of it.
    private void BringA(Dictionary<int, IndexForm> outer, LoopExpr item, LoopExpr m0, LoopExpr k0, bool isWhole)
    {
        const int perRow = Depth / Lanes;
        for (var first = 0; first < TileRows * perRow; first += _chunks)
        {
            var piece = Body.Add(item, BodyMath.Index(first));
            var (row, k) = (Body.FloorDiv(piece, BodyMath.Index(perRow)), Body.Mul(Body.Rem(piece, BodyMath.Index(perRow)), BodyMath.Index(Lanes)));
            var at = new Dictionary<int, IndexForm>(outer);
            var last = Body.Min(Body.Add(m0, row), BodyMath.Index(_plan.MSize - SizeExpr.One));
            _plan.Unravel(Space, Space.Counter(last, _plan.MSize), _plan.M, at);
            var from = Body.Add(k0, k);
            _plan.Unravel(Space, Space.Counter(from, SizeExpr.Zero, _plan.KSize, vectorised: true), _plan.K, at);
            var value = _plan.Side(_kernel, _plan.A, at, Lanes, isWhole ? null : Below(from, _plan.KSize));
            Body.Store(_a, Body.Add(Body.Mul(k, BodyMath.Index(TileRows)), row), Body.Splat(value, Lanes), BodyMath.Index(TileRows));
        }
    }

    // Element (k, column) of the block of B goes to k · TileColumns + column; vectors along columns, which neighbours read side by side.
    private void BringB(Dictionary<int, IndexForm> outer, LoopExpr item, LoopExpr n0, LoopExpr k0, bool isWhole)
    {
        var perRow = TileColumns / Lanes;
        for (var first = 0; first < Depth * perRow; first += _chunks)
        {
            var piece = Body.Add(item, BodyMath.Index(first));
            var (k, column) = (Body.FloorDiv(piece, BodyMath.Index(perRow)), Body.Mul(Body.Rem(piece, BodyMath.Index(perRow)), BodyMath.Index(Lanes)));
            var from = Body.Add(k0, k);
            if (isWhole)
            {
                Bring();
            }
            else
            {
                Body.If(Body.Less(from, BodyMath.Index(_plan.KSize)), Bring);
            }

            void Bring()
            {
                var at = new Dictionary<int, IndexForm>(outer);
                _plan.Unravel(Space, Space.Counter(from, _plan.KSize), _plan.K, at);
                var n = Body.Add(n0, column);
                _plan.Unravel(Space, Space.Counter(n, SizeExpr.Zero, _plan.NSize, vectorised: true), _plan.N, at);
                var mask = SizeExpr.Mod(_plan.NSize, TileColumns) == SizeExpr.Zero ? null : _edges.Mask(n);
                var value = _plan.Side(_kernel, _plan.B, at, Lanes, mask);
                Body.Store(_b, Body.Add(Body.Mul(k, BodyMath.Index(TileColumns)), column), Body.Splat(value, Lanes));
            }
        }
    }

    private LoopExpr Below(LoopExpr start, SizeExpr end) =>
        Body.Less(Body.Let(new RampExpr(new LaneType(ElementType.I64, Lanes), start, BodyMath.Index(1))), BodyMath.Index(end));

    private LoopExpr Element(int buffer, LoopExpr place, int offset, int lanes) =>
        Body.Let(new LoadExpr(new LaneType(_plan.Element, lanes), buffer, Body.Add(place, BodyMath.Index(offset))));
}
