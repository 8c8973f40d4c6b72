using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A loop nest over a shape. Axes that all accesses run through together become one: a chain of elementwise operations on contiguous tensors
/// is one flat loop whatever the rank. The innermost loop runs in vectors, what is left over in scalars; rows and long rows are cut into
/// chunks by size alone. Rows whose ends reach outside are cut into ends and interior.
/// </summary>
internal sealed class MapNest
{
    // Side of the square blocks of transposed accesses: 64 lines of 64 bytes.
    private const long Block = 64;
    private const long LineBytes = 64;

    private readonly LoweringContext _context;
    private readonly IReadOnlyList<NestStore> _stores;
    private readonly NestPlan _plan;
    private readonly KernelBuilder _kernel;
    private readonly NestScan? _scan;
    private readonly IndexForm[] _loops;
    private readonly SizeExpr _inner;
    private readonly long _chunk;

    // What is turned over in registers goes past the caches, in whole lines.
    private readonly bool _streamsSquares;

    private MapNest(LoweringContext context, string name, FusionGroup group, ValueList<SizeExpr> shape, IReadOnlyList<NestStore> stores, NestScan? scan, ScheduleUse? use)
    {
        (_context, _stores, _scan) = (context, stores, scan);
        _chunk = use?.Chosen.Number(MapSpace.Chunk) ?? context.Options.ChunkElements;
        _plan = NestPlan.Of(context, group, shape, stores, scan?.Stand);
        _kernel = new KernelBuilder(context, $"{context.Graph.Name}_{name}", group) { Use = use };
        foreach (var store in stores)
        {
            store.Target.Buffer(_kernel);
        }

        _kernel.AssumePositive(SizeExpr.Product(shape));
        _loops = new IndexForm[_plan.Loops.Count];
        _inner = _loops.Length == 0 ? SizeExpr.One : _plan.Loops[^1].Size;
        _streamsSquares = _plan.Across >= 0 && _plan.Side > 1 && scan is null
            && stores.All(s => IsLargeResult(s.Target) && (_inner * s.Target.Element.ByteSize()).AsConstant % LineBytes == 0);
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    public static void Emit(
        LoweringContext context,
        string name,
        FusionGroup group,
        ValueList<SizeExpr> shape,
        IReadOnlyList<NestStore> stores,
        NestScan? scan = null,
        ScheduleUse? use = null)
    {
        var nest = new MapNest(context, name, group, shape, stores, scan, use);
        nest._kernel.Steps = scan?.Count ?? SizeExpr.One;
        var note = scan is not null ? $"{nest._plan.Note}, {scan.Count} steps with the states in registers"
            : nest._streamsSquares ? $"{nest._plan.Note}, lines written past the caches" : nest._plan.Note;
        nest._kernel.Launch(nest._streamsSquares ? nest.Bands() : nest._plan.Across >= 0 ? nest.Blocks() : nest.Rows(), note);
    }

    /// <summary>Copies between contiguous places of one shape, converting the element type.</summary>
    public static void EmitCopy(LoweringContext context, string name, FusionGroup group, NestTarget from, NestTarget to)
    {
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{name}", group);
        var (body, count) = (kernel.Body, SizeExpr.Product(from.Shape));
        SizeExpr block = context.Options.ChunkElements;
        var (read, write) = (kernel.Buffer("in", from.Element, BufferAccess.Read, from.Place), to.Buffer(kernel));
        var (first, end) = Range(body, BodyBuilder.Chunk, block, count);
        body.For(first, end, 1, mayBeEmpty: false, i =>
        {
            var value = body.Let(new LoadExpr(new LaneType(from.Element.ComputeType(), 1), read, i));
            body.Store(write, i, body.Cast(value, to.Element));
        });
        kernel.Launch(SizeExpr.CeilDiv(count, block), $"flat loop over {count}");
    }

    private static (LoopExpr From, LoopExpr To) Range(BodyBuilder body, LoopExpr number, SizeExpr size, SizeExpr all)
    {
        var from = body.Mul(number, BodyMath.Index(size));
        return (from, body.Min(body.Add(from, BodyMath.Index(size)), BodyMath.Index(all)));
    }

    // chunk = (rows / rowsPerChunk) × (inner / block). Answers the number of chunks.
    private SizeExpr Rows()
    {
        SizeExpr block = _chunk;
        var outer = Enumerable.Range(0, Math.Max(0, _loops.Length - 1)).ToArray();
        var rows = SizeExpr.Product(outer.Select(l => _plan.Loops[l].Size));
        var (pieces, rowsPerChunk, rowChunks) = _context.Program.Cut(rows, _inner, block);
        var (piece, rowChunk) = pieces == SizeExpr.One ? (BodyMath.Index(0), BodyBuilder.Chunk)
            : rows == SizeExpr.One ? (BodyBuilder.Chunk, BodyMath.Index(0))
            : (Body.Rem(BodyBuilder.Chunk, BodyMath.Index(pieces)), Body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(pieces)));
        var (from, to) = pieces == SizeExpr.One ? (BodyMath.Index(0), BodyMath.Index(_inner)) : Range(Body, piece, block, _inner);
        if (rows == SizeExpr.One)
        {
            Row(from, to);
        }
        else
        {
            var (first, end) = Range(Body, rowChunk, rowsPerChunk, rows);
            Counted(first, end, rows, outer.Select(l => (l, _plan.Loops[l].Size)).ToArray(), (l, i) => _loops[l] = i, () => Row(from, to));
        }

        return pieces * rowChunks;
    }

    // chunk = some blocks of the crossing loop, each with all of the inner loop: for block of inner, for b in block, for i in block.
    private SizeExpr Blocks()
    {
        var across = _plan.Across;
        var size = _plan.Loops[across].Size;
        var tiles = SizeExpr.CeilDiv(size, Block);
        var outer = Enumerable.Range(0, _loops.Length - 1).Select(l => (Loop: l, Size: l == across ? tiles : _plan.Loops[l].Size)).ToArray();
        var rows = SizeExpr.Product(outer.Select(o => o.Size));
        var (_, rowsPerChunk, rowChunks) = _context.Program.Cut(rows, _inner * Block, _chunk);
        var (first, end) = Range(Body, BodyBuilder.Chunk, rowsPerChunk, rows);
        var tile = IndexForm.Zero;
        Counted(first, end, rows, outer, (l, i) => tile = l == across ? i : Keep(l, i, tile), () =>
        {
            var (start, stop) = Range(Body, Space.ToScalar(tile), Block, size);
            if (_plan.Side > 1 && _scan is null)
            {
                Squares(start, stop);
                return;
            }

            Body.For(BodyMath.Index(0), BodyMath.Index(_inner), Block, mayBeEmpty: false, from =>
                AcrossRows(start, stop, from, Body.Min(Body.Add(from, BodyMath.Index(Block)), BodyMath.Index(_inner))));
        });
        return rowChunks * SizeExpr.Min(SizeExpr.One, _inner);

        IndexForm Keep(int loop, IndexForm index, IndexForm same)
        {
            _loops[loop] = index;
            return same;
        }
    }

    // Results that go past the caches: what is loaded is read in rows from end to end, few at a time, its lines asked for ahead, and each line of
    // the result is written once and whole.
    //   chunk = some bands of the inner loop:  for block of b:  for i in band, in steps of n:  for b in block, in steps of n:  a square
    private SizeExpr Bands()
    {
        var (last, across) = (_loops.Length - 1, _plan.Across);
        var (size, line) = (_plan.Loops[across].Size, LineBytes / _stores.Min(s => s.Target.Element.ByteSize()));
        var band = 2 * Math.Max(_plan.Side, line);
        var outer = Enumerable.Range(0, _loops.Length).Where(l => l != across)
            .Select(l => (Loop: l, Size: l == last ? SizeExpr.CeilDiv(_inner, band) : _plan.Loops[l].Size)).ToArray();
        var rows = SizeExpr.Product(outer.Select(o => o.Size));
        var (_, rowsPerChunk, rowChunks) = _context.Program.Cut(rows, size * band, _chunk);
        var (first, end) = Range(Body, BodyBuilder.Chunk, rowsPerChunk, rows);
        Counted(first, end, rows, outer, (l, i) => _loops[l] = i, () =>
        {
            var (from, to) = Range(Body, Space.ToScalar(_loops[last]), band, _inner);
            Body.For(BodyMath.Index(0), BodyMath.Index(size), Block, mayBeEmpty: true, start =>
            {
                var stop = Body.Min(Body.Add(start, BodyMath.Index(Block)), BodyMath.Index(size));
                var whole = Body.Sub(stop, Body.Rem(Body.Sub(stop, start), BodyMath.Index(_plan.Side)));
                if (_plan.Side >= line)
                {
                    Body.For(from, to, _plan.Side, mayBeEmpty: true, i => Body.For(start, whole, _plan.Side, mayBeEmpty: true, b => Square(b, i)));
                }
                else
                {
                    // Squares side by side fill the lines.
                    Body.For(start, whole, _plan.Side, mayBeEmpty: true, b => Body.For(from, to, _plan.Side, mayBeEmpty: true, i => Square(b, i)));
                }

                AcrossRows(whole, stop, from, to);
            });
        });
        return rowChunks;
    }

    private void AcrossRows(LoopExpr start, LoopExpr stop, LoopExpr from, LoopExpr to) => Body.For(start, stop, 1, mayBeEmpty: true, b =>
    {
        _loops[_plan.Across] = Space.Counter(b, _plan.Loops[_plan.Across].Size);
        Row(from, to);
    });

    // Squares of n × n, turned over in registers; two side by side fill a line of what is stored, and those below each other read lines to their end:
    //   for i in steps of 2 n:  for b in steps of n:  two squares;  rows left over.   Then columns left over.
    private void Squares(LoopExpr start, LoopExpr stop)
    {
        var side = _plan.Side;
        var whole = _inner - SizeExpr.Mod(_inner, side);
        var end = Body.Sub(stop, Body.Rem(Body.Sub(stop, start), BodyMath.Index(side)));
        Body.For(BodyMath.Index(0), BodyMath.Index(whole), 2 * side, mayBeEmpty: true, from =>
        {
            var to = Body.Min(Body.Add(from, BodyMath.Index(2 * side)), BodyMath.Index(whole));
            Body.For(start, end, side, mayBeEmpty: true, b => Body.For(from, to, side, mayBeEmpty: true, i => Square(b, i)));
            AcrossRows(end, stop, from, to);
        });
        if (whole != _inner)
        {
            AcrossRows(start, stop, BodyMath.Index(whole), BodyMath.Index(_inner));
        }
    }

    private void Square(LoopExpr b, LoopExpr i)
    {
        // Rows b … b+n-1 are all inside.
        var row = Space.Counter(b, _plan.Loops[_plan.Across].Size - (_plan.Side - 1));
        _loops[^1] = Space.Counter(i, _inner, vectorised: true);
        var crossed = new CrossedLoads(_kernel, row, _loops[^1], _plan.Side, ahead: _streamsSquares ? Block / 2 : 0);
        _kernel.Values.Loaded = crossed.Load;
        for (var m = 0; m < _plan.Side; m++)
        {
            crossed.Row = m;
            _loops[_plan.Across] = row + IndexForm.Of(SizeExpr.Constant(m));
            Element(_plan.Side, isSquare: true);
        }

        _kernel.Values.Loaded = null;
    }

    // Runs row numbers first … end-1 and keeps the indices of the loops that they stand for: taken apart once, then counted on with carries.
    private void Counted(
        LoopExpr first, LoopExpr end, SizeExpr rows, (int Loop, SizeExpr Size)[] loops, Action<int, IndexForm> set, Action row)
    {
        if (loops.Length == 1)
        {
            Body.For(first, end, 1, mayBeEmpty: false, r =>
            {
                set(loops[0].Loop, Space.Counter(r, rows));
                row();
            });
            return;
        }

        var counters = new VariableExpr[loops.Length];
        var number = first;
        for (var k = loops.Length - 1; k >= 0; k--)
        {
            var size = BodyMath.Index(loops[k].Size);
            counters[k] = Body.Declare(k == 0 ? number : Body.Rem(number, size));
            number = k == 0 ? number : Body.FloorDiv(number, size);
        }

        Body.For(first, end, 1, mayBeEmpty: false, _ =>
        {
            var now = counters.Select(c => Body.Read(c)).ToArray();
            for (var k = 0; k < loops.Length; k++)
            {
                set(loops[k].Loop, Space.Counter(now[k], loops[k].Size));
            }

            row();
            LoopExpr carry = BodyMath.Index(1);
            for (var k = loops.Length - 1; k >= 0; k--)
            {
                var next = Body.Add(now[k], carry);
                if (k > 0)
                {
                    var wraps = Body.Map(MapOp.GreaterEqual, ElementType.Bool, next, BodyMath.Index(loops[k].Size));
                    next = Body.Select(wraps, BodyMath.Index(0), next);
                    carry = Body.Cast(wraps, ElementType.I64);
                }

                Body.Assign(counters[k], next);
            }
        });
    }

    private void Row(LoopExpr from, LoopExpr to)
    {
        if (_plan.Edges.Count == 0)
        {
            Stretch(from, to, barrier: false);
            return;
        }

        var (low, high) = (from, to);
        var axes = AxisSymbols();
        foreach (var edge in _plan.Edges)
        {
            var (l, h) = edge.Interior(Body, Space, axes, _plan.InnerAxis, from, to);
            (low, high) = (Body.Max(low, l), Body.Min(high, h));
        }

        // An empty interior leaves everything to the first end.
        var some = Body.Less(low, high);
        (low, high) = (Body.Select(some, low, to), Body.Select(some, high, to));

        // The ends come first: what they remember holds everywhere, what the interior remembers does not.
        Body.For(BodyMath.Index(0), BodyMath.Index(2), 1, mayBeEmpty: false, side =>
        {
            var isFirst = Body.Map(MapOp.Equal, ElementType.Bool, side, BodyMath.Index(0));
            Stretch(Body.Select(isFirst, from, high), Body.Select(isFirst, low, to), barrier: false);
        });
        var edges = _plan.Edges.ToHashSet();
        _kernel.AssumedInside = (form, size) => NestEdge.Of(Space, form, size, AxisSymbols(), _plan.InnerAxis) is { } edge && edges.Contains(edge);
        Stretch(low, high, barrier: true);
        _kernel.AssumedInside = null;
    }

    // The symbol of each axis that has a loop of its own.
    private int[] AxisSymbols()
    {
        var symbols = new int[_plan.Shape.Count];
        Array.Fill(symbols, -1);
        for (var l = 0; l < _loops.Length; l++)
        {
            if (_plan.Loops[l].Axes.Count == 1 && _loops[l] is { Terms: [{ Symbol: var symbol }] })
            {
                symbols[_plan.Loops[l].Axes[0]] = symbol;
            }
        }

        return symbols;
    }

    // Elements from … to-1 of the inner loop: vectors, then scalars.
    private void Stretch(LoopExpr from, LoopExpr to, bool barrier)
    {
        if (_loops.Length == 0)
        {
            Element(1);
            return;
        }

        var tail = from;
        if (_plan.Lanes > 1)
        {
            tail = Body.Sub(to, Body.Rem(Body.Sub(to, from), BodyMath.Index(_plan.Lanes)));
            Body.For(from, tail, _plan.Lanes, barrier, i =>
            {
                _loops[^1] = Space.Counter(i, _inner, vectorised: true);
                Element(_plan.Lanes);
            });
        }

        if (tail != to)
        {
            Body.For(tail, to, 1, barrier, i =>
            {
                _loops[^1] = Space.Counter(i, _inner);
                Element(1);
            });
        }
    }

    private void Element(int lanes, bool isSquare = false)
    {
        var at = _plan.Coordinates(Space, _loops, lanes);
        if (_scan is not null)
        {
            _scan.Element(_kernel, at);
            return;
        }

        foreach (var store in _stores)
        {
            var value = _kernel.Values.Emit(store.Value, at);
            var address = ValueEmitter.RowMajor(store.Index(at.Axes), store.Target.Shape);
            var isFlat = lanes > 1 && _loops.Length == 1 && _plan.Edges.Count == 0 && address.Equals(_loops[0]);
            var isStreamed = isFlat ? IsLargeResult(store.Target) : isSquare && _streamsSquares && IsAligned(address);
            _kernel.Values.Store(store.Target.Buffer(_kernel), address, value, at, isStreamed);
        }
    }

    // A multiple of the lanes in every square: the inner loop's counter is one.
    private bool IsAligned(IndexForm address)
    {
        var counter = _loops[^1].Terms[0].Symbol;
        return address.Lane == SizeExpr.One && address.Offset.AsConstant % _plan.Side == 0
            && address.Terms.All(t => (t.Symbol == counter && t.Coefficient == SizeExpr.One) || t.Coefficient.AsConstant % _plan.Side == 0);
    }

    private bool IsLargeResult(NestTarget target) =>
        _context.Options.ChunkElements % _plan.Lanes == 0 && _context.PassesCaches(target.Place, SizeExpr.Product(target.Shape) * target.Element.ByteSize());
}
