using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Products of any size, blocked and packed. A side that several chunks use is packed before, by a kernel of its own; one that a single chunk
/// uses is packed by it, block after block.
/// <code>
/// chunk (outer, block of rows, block of columns):
///   for blocks of k: pack what is not yet; for panels of B, for panels of A: tile += panel · panel; behind the last block: store
/// </code>
/// </summary>
internal sealed class ContractionBlocked
{
    // Panels of columns, and k, of one chunk of packing.
    private const int PackPanels = 16;
    private const int PackDepth = 256;

    // Of a chunk's own panels and sums; the rest is left for what the epilogue may keep.
    private const int StackBytes = KernelVerifier.MaxLocalBytes - (16 * 1024);

    private readonly FusionGroup _group;
    private readonly LoweringContext _context;
    private readonly ContractionPlan _plan;
    private readonly ContractionShape _shape;
    private readonly SizeExpr _rowBlocks;
    private readonly SizeExpr _columnBlocks;

    // Panels of a whole side.
    private readonly SizeExpr _rowsPadded;
    private readonly SizeExpr _columnsPadded;

    private ContractionBlocked(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionShape shape)
    {
        (_group, _context, _plan, _shape) = (group, context, plan, shape);
        _rowBlocks = SizeExpr.CeilDiv(plan.MSize, shape.BlockRows);
        _columnBlocks = SizeExpr.CeilDiv(plan.NSize, shape.BlockColumns);
        _rowsPadded = SizeExpr.CeilDiv(plan.MSize, shape.Rows) * shape.Rows;
        _columnsPadded = SizeExpr.CeilDiv(plan.NSize, shape.Columns) * shape.Columns;
    }

    public static void Lower(FusionGroup group, LoweringContext context, ContractionPlan plan, ContractionShape shape)
    {
        var blocked = new ContractionBlocked(group, context, plan, shape);

        // An outer label that A does not have uses the same A again.
        var usesOfA = SizeExpr.Product(plan.Outer.Except(plan.OuterOf(plan.Left)).Select(l => plan.Sizes[l])) * blocked._columnBlocks;
        var (packA, packB) = (usesOfA != SizeExpr.One, blocked._rowBlocks != SizeExpr.One);

        // What a chunk packs by itself lies on its stack: few rows mean many columns, which may be too much for it.
        var columns = (long)shape.BlockColumns * shape.Depth;
        packB |= shape.BlockRows * (long)(shape.BlockColumns + (packA ? 0 : shape.Depth)) + (packB ? 0 : columns) > StackBytes / plan.Element.ByteSize();
        var a = packA ? blocked.PackA() : null;
        var b = packB ? blocked.PackB() : null;
        blocked.Multiply(a, b);
    }

    private BufferRef PackA()
    {
        var outer = _plan.OuterOf(_plan.Left);
        var place = _context.Allocate(_plan.Element, _plan.SizeOf(outer) * _rowsPadded * _plan.KSize);
        var (kernel, buffer) = PackKernel("a", place);
        var body = kernel.Body;
        SizeExpr rows = PackPanels * _shape.Rows;
        var blocks = SizeExpr.CeilDiv(_rowsPadded, rows);
        var index = Outer(kernel, body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(blocks)), outer);
        var from = body.Mul(body.Rem(BodyBuilder.Chunk, BodyMath.Index(blocks)), BodyMath.Index(rows));
        var to = body.Min(body.Add(from, BodyMath.Index(rows)), BodyMath.Index(_rowsPadded));
        var (depth, zero) = (BodyMath.Index(_plan.KSize), BodyMath.Index(0));
        new ContractionPanels(kernel, _plan, _shape).PackA(
            buffer, body.Add(Start(kernel, index, outer, _rowsPadded), body.Mul(from, depth)), depth, index, from, to, zero, depth);
        kernel.Launch(NonEmpty(_plan.SizeOf(outer) * blocks), $"packs {_plan.MSize} x {_plan.KSize} in panels of {_shape.Rows} rows");
        return place;
    }

    private BufferRef PackB()
    {
        var outer = _plan.OuterOf(_plan.Right);
        var place = _context.Allocate(_plan.Element, _plan.SizeOf(outer) * _columnsPadded * _plan.KSize);
        var (kernel, buffer) = PackKernel("b", place);
        var body = kernel.Body;
        SizeExpr columns = PackPanels * _shape.Columns;
        var (columnBlocks, depthBlocks) = (SizeExpr.CeilDiv(_columnsPadded, columns), SizeExpr.CeilDiv(_plan.KSize, PackDepth));
        var above = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(depthBlocks));
        var index = Outer(kernel, body.FloorDiv(above, BodyMath.Index(columnBlocks)), outer);
        var from = body.Mul(body.Rem(above, BodyMath.Index(columnBlocks)), BodyMath.Index(columns));
        var to = body.Min(body.Add(from, BodyMath.Index(columns)), BodyMath.Index(_columnsPadded));
        var kFrom = body.Mul(body.Rem(BodyBuilder.Chunk, BodyMath.Index(depthBlocks)), BodyMath.Index(PackDepth));
        var depth = BodyMath.Index(_plan.KSize);
        var kTo = body.Min(body.Add(kFrom, BodyMath.Index(PackDepth)), depth);
        var origin = body.Add(
            body.Add(Start(kernel, index, outer, _columnsPadded), body.Mul(from, depth)), body.Mul(kFrom, BodyMath.Index(_shape.Columns)));
        new ContractionPanels(kernel, _plan, _shape).PackB(buffer, origin, depth, index, from, to, kFrom, kTo);
        kernel.Launch(
            NonEmpty(_plan.SizeOf(outer) * columnBlocks * depthBlocks), $"packs {_plan.KSize} x {_plan.NSize} in panels of {_shape.Columns} columns");
        return place;
    }

    private void Multiply(BufferRef? a, BufferRef? b)
    {
        var kernel = new KernelBuilder(_context, $"{_context.Graph.Name}_{_group.Name}", _group);
        foreach (var output in _group.Outputs)
        {
            kernel.Write(output);
        }

        kernel.AssumePositive(_plan.OuterSize * _plan.MSize * _plan.NSize);
        var body = kernel.Body;
        var single = _plan.KSize.AsConstant <= _shape.Depth;
        var bufferA = a is null
            ? kernel.Local("a", _plan.Element, _shape.BlockRows * _shape.Depth) : kernel.Buffer("packed_a", _plan.Element, BufferAccess.Read, a);
        var bufferB = b is null
            ? kernel.Local("b", _plan.Element, _shape.BlockColumns * _shape.Depth) : kernel.Buffer("packed_b", _plan.Element, BufferAccess.Read, b);
        var sums = kernel.Local("sums", _plan.Element, single ? _shape.Rows * _shape.Columns : _shape.BlockRows * _shape.BlockColumns);

        var above = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(_columnBlocks));
        var outer = body.FloorDiv(above, BodyMath.Index(_rowBlocks));
        var (m0, mEnd) = Block(body.Rem(above, BodyMath.Index(_rowBlocks)), _shape.BlockRows, _rowsPadded);
        var (n0, nEnd) = Block(body.Rem(BodyBuilder.Chunk, BodyMath.Index(_columnBlocks)), _shape.BlockColumns, _columnsPadded);
        var index = Outer(kernel, outer, _plan.Outer);
        var startA = a is null ? BodyMath.Index(0) : Start(kernel, index, _plan.OuterOf(_plan.Left), _rowsPadded);
        var startB = b is null ? BodyMath.Index(0) : Start(kernel, index, _plan.OuterOf(_plan.Right), _columnsPadded);
        var (panels, tile) = (new ContractionPanels(kernel, _plan, _shape), new ContractionTile(kernel, _plan, _shape));
        var (depth, blockDepth) = (BodyMath.Index(_plan.KSize), BodyMath.Index(_shape.Depth));
        if (single)
        {
            Depth(BodyMath.Index(0), depth);
        }
        else
        {
            // Also once when there is nothing to sum: the results are 0 then.
            body.For(BodyMath.Index(0), body.Max(depth, BodyMath.Index(1)), _shape.Depth, mayBeEmpty: false, k => Depth(k, body.Min(body.Add(k, blockDepth), depth)));
        }

        kernel.Launch(
            _plan.OuterSize * _rowBlocks * _columnBlocks,
            $"blocked: {_plan.MSize} x {_plan.NSize} x {_plan.KSize} in blocks of {_shape.BlockRows} x {_shape.BlockColumns} x {_shape.Depth}, "
            + $"register tiles of {_shape.Rows} x {_shape.Columns}");

        void Depth(LoopExpr k0, LoopExpr kEnd)
        {
            if (a is null)
            {
                panels.PackA(bufferA, BodyMath.Index(0), blockDepth, index, m0, mEnd, k0, kEnd);
            }

            if (b is null)
            {
                panels.PackB(bufferB, BodyMath.Index(0), blockDepth, index, n0, nEnd, k0, kEnd);
            }

            body.For(n0, nEnd, _shape.Columns, mayBeEmpty: false, n => body.For(m0, mEnd, _shape.Rows, mayBeEmpty: false, m =>
            {
                // In its local block a panel is as deep as the block, else as deep as the whole side.
                var panelA = a is null
                    ? body.Mul(body.Sub(m, m0), blockDepth)
                    : body.Add(body.Add(startA, body.Mul(m, depth)), body.Mul(k0, BodyMath.Index(_shape.Rows)));
                var panelB = b is null
                    ? body.Mul(body.Sub(n, n0), blockDepth)
                    : body.Add(body.Add(startB, body.Mul(n, depth)), body.Mul(k0, BodyMath.Index(_shape.Columns)));
                var place = single
                    ? BodyMath.Index(0)
                    : body.Add(body.Mul(body.Sub(n, n0), BodyMath.Index(_shape.BlockRows)), body.Mul(body.Sub(m, m0), BodyMath.Index(_shape.Columns)));
                tile.Sum(
                    _shape.Rows,
                    sums,
                    place,
                    BodyMath.Index(0),
                    body.Sub(kEnd, k0),
                    single ? null : body.Map(MapOp.Equal, ElementType.Bool, k0, BodyMath.Index(0)),
                    (k, i) => Element(bufferA, body.Add(panelA, body.Mul(k, BodyMath.Index(_shape.Rows))), i, 1),
                    (k, v) => Element(bufferB, body.Add(panelB, body.Mul(k, BodyMath.Index(_shape.Columns))), v * _shape.Lanes, _shape.Lanes));
                void Finish() => tile.Finish(_shape.Rows, sums, place, outer, m, BodyMath.Index(_plan.MSize), n);
                if (single)
                {
                    Finish();
                }
                else
                {
                    body.If(body.Map(MapOp.GreaterEqual, ElementType.Bool, kEnd, depth), Finish);
                }
            }));
        }

        LoopExpr Element(int buffer, LoopExpr place, int offset, int lanes) =>
            body.Let(new LoadExpr(new LaneType(_plan.Element, lanes), buffer, body.Add(place, BodyMath.Index(offset))));

        (LoopExpr From, LoopExpr To) Block(LoopExpr number, int size, SizeExpr all)
        {
            var from = body.Mul(number, BodyMath.Index(size));
            return (from, body.Min(body.Add(from, BodyMath.Index(size)), BodyMath.Index(all)));
        }
    }

    private (KernelBuilder Kernel, int Buffer) PackKernel(string side, BufferRef place)
    {
        var group = new FusionGroup(_group.Name, _group.Strategy, _plan.Below, []);
        var kernel = new KernelBuilder(_context, $"{_context.Graph.Name}_{_group.Name}_pack_{side}", group);
        kernel.AssumePositive(_plan.OuterSize * _plan.MSize * _plan.NSize * _plan.KSize);
        return (kernel, kernel.Buffer($"packed_{side}", _plan.Element, BufferAccess.Write, place));
    }

    // Where the result is empty nothing is packed: panels of what is not there could not be filled.
    private SizeExpr NonEmpty(SizeExpr chunks)
    {
        var all = _plan.OuterSize * _plan.MSize * _plan.NSize * _plan.KSize;
        return all.LowerBound() >= 1 ? chunks : chunks * SizeExpr.Min(SizeExpr.One, all);
    }

    private Dictionary<int, IndexForm> Outer(KernelBuilder kernel, LoopExpr number, ValueList<int> labels)
    {
        var index = new Dictionary<int, IndexForm>();
        _plan.Unravel(kernel.Space, kernel.Space.Counter(number, _plan.SizeOf(labels)), labels, index);
        return index;
    }

    // Where a side's panels start for these outer indices.
    private LoopExpr Start(KernelBuilder kernel, Dictionary<int, IndexForm> index, ValueList<int> labels, SizeExpr padded)
    {
        var number = ValueEmitter.RowMajor(labels.Select(l => index[l]).ToValueList(), labels.Select(l => _plan.Sizes[l]).ToValueList());
        return kernel.Space.ToScalar(number * (padded * _plan.KSize));
    }
}
