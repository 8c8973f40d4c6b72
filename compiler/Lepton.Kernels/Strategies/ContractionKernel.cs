using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A product of matrices. Each side is read from memory as it is, from panels that each chunk packs, or from panels that a kernel before this
/// one packed (<see cref="PanelSource"/>).
/// <code>
/// chunk (outer, block of rows, block of columns):
///   for blocks of k: for panels of B: pack it; for panels of A: tile += panel · panel; behind the last block of k: epilogue, store
/// </code>
/// </summary>
internal sealed class ContractionKernel
{
    // How far ahead panels of A are asked for that pass by once: what memory delivers in its own latency.
    private const long AheadBytes = 8192;

    private readonly ContractionPlan _plan;
    private readonly ContractionSchedule _schedule;
    private readonly KernelBuilder _kernel;
    private readonly ContractionPanels _panels;
    private readonly ContractionTile _tile;
    private readonly ContractionEdges _edges;
    private readonly int _a;
    private readonly int _b;
    private readonly int? _partial;

    private ContractionKernel(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule)
    {
        (_plan, _schedule) = (plan, schedule);
        var packedA = schedule.A == PanelSource.Kernel ? ContractionPacking.A(group, context, plan, schedule) : null;
        var packedB = schedule.B == PanelSource.Kernel ? ContractionPacking.B(group, context, plan, schedule) : null;
        _kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        foreach (var output in group.Outputs)
        {
            _kernel.Write(output);
        }

        _kernel.AssumePositive(plan.OuterSize * plan.MSize * plan.NSize);
        (_panels, _tile) = (new ContractionPanels(_kernel, plan, schedule), new ContractionTile(_kernel, plan, schedule));
        _edges = new ContractionEdges(_kernel.Body, plan, schedule);
        _a = packedA is not null ? _kernel.Buffer("packed_a", plan.LeftElement, BufferAccess.Read, packedA)
            : schedule.A == PanelSource.Chunk ? _kernel.Local("a", plan.LeftElement, checked((int)(RoundUp(schedule.BlockRows, schedule.Rows) * schedule.Depth * plan.KPerStep))) : 0;
        _b = packedB is not null ? _kernel.Buffer("packed_b", plan.RightElement, BufferAccess.Read, packedB)
            : schedule.B == PanelSource.Chunk ? _kernel.Local("b", plan.RightElement, schedule.Columns * schedule.Depth * plan.KPerStep) : 0;
        _partial = plan.Steps.AsConstant <= schedule.Depth
            ? null : _kernel.Local("sums", plan.Element, checked((int)(RoundUp(schedule.BlockRows, schedule.Rows) * schedule.BlockColumns)));
    }

    private BodyBuilder Body => _kernel.Body;

    public static void Lower(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionSchedule schedule, ScheduleUse? use)
    {
        var kernel = new ContractionKernel(group, context, plan, schedule);
        kernel._kernel.Use = use;
        kernel.Emit();
    }

    private void Emit()
    {
        var (rowBlocks, columnBlocks) = (SizeExpr.CeilDiv(_plan.MSize, _schedule.BlockRows), SizeExpr.CeilDiv(_plan.NSize, _schedule.BlockColumns));
        if (_schedule.OutersPerChunk > 1)
        {
            var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(_schedule.OutersPerChunk));
            var end = Body.Min(Body.Add(first, BodyMath.Index(_schedule.OutersPerChunk)), BodyMath.Index(_plan.OuterSize));
            Body.For(first, end, 1, mayBeEmpty: false, outer => Block(outer, BodyMath.Index(0), BodyMath.Index(0)));
        }
        else
        {
            var above = Body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(columnBlocks));
            Block(
                Body.FloorDiv(above, BodyMath.Index(rowBlocks)), Body.Rem(above, BodyMath.Index(rowBlocks)), Body.Rem(BodyBuilder.Chunk, BodyMath.Index(columnBlocks)));
        }

        _kernel.Launch(SizeExpr.CeilDiv(_plan.OuterSize, _schedule.OutersPerChunk) * rowBlocks * columnBlocks, Note());
    }

    private void Block(LoopExpr outer, LoopExpr rowBlock, LoopExpr columnBlock)
    {
        var (m0, mEnd) = Range(rowBlock, _schedule.BlockRows, _plan.MSize);
        var (n0, nEnd) = Range(columnBlock, _schedule.BlockColumns, _plan.NSize);
        var index = ContractionPacking.Outer(_kernel, _plan, outer, _plan.Outer);
        var depth = BodyMath.Index(_plan.Steps);
        if (_partial is null)
        {
            BlockOfK(BodyMath.Index(0), depth);
        }
        else
        {
            // Also once when there is nothing to sum: the results are 0 then.
            Body.For(BodyMath.Index(0), Body.Max(depth, BodyMath.Index(1)), _schedule.Depth, mayBeEmpty: false, k =>
                BlockOfK(k, Body.Min(Body.Add(k, BodyMath.Index(_schedule.Depth)), depth)));
        }

        void BlockOfK(LoopExpr k0, LoopExpr kEnd)
        {
            if (_schedule.A == PanelSource.Chunk)
            {
                RowTiles(m0, mEnd, (m, rows) => _panels.PackA(_a, LocalA(m), rows, index, m, k0, kEnd));
            }

            _edges.Panels(n0, nEnd, (n, vectors, edge) =>
            {
                if (_schedule.B == PanelSource.Chunk)
                {
                    _edges.EdgeOrNot(n, masked => _panels.PackB(_b, BodyMath.Index(0), index, n, masked, k0, kEnd));
                }

                RowTiles(m0, mEnd, (m, rows) =>
                {
                    if (_schedule.B == PanelSource.Memory && edge is null)
                    {
                        _edges.EdgeOrNot(n, masked => Tile(m, rows, n, vectors, masked, edge));
                    }
                    else
                    {
                        Tile(m, rows, n, vectors, _schedule.B == PanelSource.Memory && edge is true, edge);
                    }
                });
            });

            void Tile(LoopExpr m, int rows, LoopExpr n, int vectors, bool masked, bool? edge)
            {
                (int, LoopExpr)? partial = _partial is { } buffer
                    ? (buffer, Body.Add(
                        Body.Mul(Body.Sub(n, n0), BodyMath.Index(RoundUp(_schedule.BlockRows, _schedule.Rows))),
                        Body.Mul(Body.Sub(m, m0), BodyMath.Index(_schedule.Columns))))
                    : null;
                var isFirst = _partial is null ? null : Body.Map(MapOp.Equal, ElementType.Bool, k0, BodyMath.Index(0));
                var sums = _tile.Sum(rows, vectors, partial, isFirst, k0, kEnd, A(m, rows), B(n, masked));
                if (partial is { } place)
                {
                    var isLast = Body.Map(MapOp.GreaterEqual, ElementType.Bool, kEnd, depth);
                    Body.If(isLast, () => _tile.Finish(sums, outer, m, n, edge), () => _tile.Keep(sums, place.Item1, place.Item2));
                }
                else
                {
                    _tile.Finish(sums, outer, m, n, edge);
                }
            }

            LoopExpr LocalA(LoopExpr m) => Body.Mul(Body.Sub(m, m0), BodyMath.Index(_schedule.Depth));

            Func<LoopExpr, int, LoopExpr> A(LoopExpr m, int rows)
            {
                if (_schedule.A == PanelSource.Memory)
                {
                    var at = Enumerable.Range(0, rows).Select(i => _edges.Row(m, i)).ToArray();
                    return (k, i) => _plan.Side(_kernel, _plan.A, Index(k, at[i], _plan.MSize, _plan.M, false), 1, null);
                }

                // In its local block a panel is as deep as the block, else as deep as the whole side.
                var panel = _schedule.A == PanelSource.Chunk
                    ? LocalA(m)
                    : Body.Add(ContractionPacking.Start(_kernel, _plan, _plan.A, index, ContractionPacking.Rows(_plan, _schedule)), Body.Mul(m, depth));
                var from = _schedule.A == PanelSource.Chunk ? k0 : BodyMath.Index(0);
                return (k, i) =>
                {
                    var place = Body.Add(panel, Body.Mul(Body.Sub(k, from), BodyMath.Index(rows)));
                    Ahead(_schedule is { A: PanelSource.Kernel, AStreams: true } && i == 0, _a, place, AheadBytes / _plan.LeftElement.ByteSize());
                    return Element(_plan.LeftElement, _a, place, i, 1);
                };
            }

            Func<LoopExpr, int, LoopExpr> B(LoopExpr n, bool masked)
            {
                if (_schedule.B == PanelSource.Memory)
                {
                    return (k, v) =>
                    {
                        var column = Body.Add(n, BodyMath.Index(v * _schedule.Lanes));
                        var mask = masked ? _edges.Mask(column) : null;
                        return _plan.Side(_kernel, _plan.B, Index(k, column, _plan.NSize, _plan.N, _schedule.Lanes > 1), _schedule.Lanes, mask);
                    };
                }

                var panel = _schedule.B == PanelSource.Chunk
                    ? BodyMath.Index(0)
                    : Body.Add(ContractionPacking.Start(_kernel, _plan, _plan.B, index, ContractionPacking.Columns(_plan, _schedule)), Body.Mul(n, depth));
                var from = _schedule.B == PanelSource.Chunk ? k0 : BodyMath.Index(0);
                return (k, v) =>
                {
                    var place = Body.Add(panel, Body.Mul(Body.Sub(k, from), BodyMath.Index(_schedule.Columns)));
                    Ahead(_schedule is { B: PanelSource.Kernel, BStreams: true }, _b, Body.Add(place, BodyMath.Index(v * _schedule.Lanes)), (long)_schedule.Depth * _schedule.Columns * _plan.KPerStep);
                    return Element(_plan.RightElement, _b, place, v * _schedule.Lanes, _schedule.Lanes);
                };
            }

            Dictionary<int, IndexForm> Index(LoopExpr k, LoopExpr other, SizeExpr size, ValueList<int> labels, bool vectorised)
            {
                var at = new Dictionary<int, IndexForm>(index);
                _plan.Unravel(_kernel.Space, _kernel.Space.Counter(k, _plan.KSize), _plan.K, at);
                _plan.Unravel(_kernel.Space, _kernel.Space.Counter(other, SizeExpr.Zero, size, vectorised), labels, at);
                return at;
            }
        }
    }

    // m = m0 … mEnd-1 in tiles: all of Rows, or first so many of Rows and then the others of one row less, so that none is partly empty.
    private void RowTiles(LoopExpr m0, LoopExpr mEnd, Action<LoopExpr, int> tile)
    {
        var rows = _schedule.Rows;
        if (_schedule.EvenRows && _plan.MSize.AsConstant is { } all && all % rows != 0)
        {
            var tiles = (all + rows - 1) / rows;
            var whole = (all - (tiles * (rows - 1))) * rows;
            Body.For(m0, BodyMath.Index(whole), rows, mayBeEmpty: false, m => tile(m, rows));
            Body.For(BodyMath.Index(whole), mEnd, rows - 1, mayBeEmpty: false, m => tile(m, rows - 1));
        }
        else
        {
            Body.For(m0, mEnd, rows, mayBeEmpty: false, m => tile(m, rows));
        }
    }

    private LoopExpr Element(ElementType element, int buffer, LoopExpr place, int offset, int lanes) =>
        Body.Let(new LoadExpr(
            new LaneType(element, lanes * _plan.KPerStep),
            buffer,
            Body.Mul(Body.Add(place, BodyMath.Index(offset)), BodyMath.Index(_plan.KPerStep))));

    // Asks for what lies so many elements behind a place.
    private void Ahead(bool streams, int buffer, LoopExpr place, long elements)
    {
        if (streams)
        {
            Body.Add(new PrefetchStatement(buffer, Body.Add(Body.Mul(place, BodyMath.Index(_plan.KPerStep)), BodyMath.Index(elements)), Far: true));
        }
    }

    private (LoopExpr From, LoopExpr To) Range(LoopExpr number, long size, SizeExpr all)
    {
        var from = Body.Mul(number, BodyMath.Index(size));
        return (from, Body.Min(Body.Add(from, BodyMath.Index(size)), BodyMath.Index(all)));
    }

    private static long RoundUp(long a, long b) => (a + b - 1) / b * b;

    private string Note()
    {
        var tiles = $"register tiles of {_schedule.Rows} x {_schedule.Columns}";
        var transposed = _plan.IsTransposed ? "transposed, " : "";
        var sizes = $"{transposed}{_plan.MSize} x {_plan.NSize} x {_plan.KSize}{_plan.Narrow?.Note}";
        if (_schedule.A == PanelSource.Memory && _schedule.B == PanelSource.Memory)
        {
            return $"direct: {sizes} in {tiles}, nothing packed";
        }

        var packed = (_schedule.A == PanelSource.Chunk, _schedule.B == PanelSource.Chunk) switch
        {
            (true, true) => ", each chunk packs both sides",
            (true, false) => ", each chunk packs the left side",
            (false, true) => ", each chunk packs the right side",
            _ => "",
        };
        return $"blocked: {sizes} in blocks of {_schedule.BlockRows} x {_schedule.BlockColumns} x {_schedule.Depth * _plan.KPerStep}, {tiles}{packed}";
    }
}
