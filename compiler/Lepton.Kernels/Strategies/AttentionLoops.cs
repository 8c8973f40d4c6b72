using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The loops of an attention kernel:
/// <code>
/// chunk (outer, block of rows):  pack q
///   for blocks of keys:  pack k, v
///     for tiles of rows:  scores = q · k;  logits, maximum, exponentials row by row;  sums += exponentials · v
///   for rows:  results = sums / l, epilogue, store
/// </code>
/// Keys that a mask of indices hides have the weight 0, and with it their v, if it is finite, adds nothing: they are skipped. An infinity or a nan in
/// v makes nan of 0 · v, so a block of keys with one is computed whole. Where the mask fills with a finite number, that weight is 0 only for rows
/// whose maximum lies far above it: the block of rows is done again without skipping when it has another.
/// </summary>
internal sealed class AttentionLoops
{
    // Multiplications of one chunk, about.
    private const long ChunkWork = 1 << 19;

    // e^x rounds to 0 below these. Said here, masked scores do not take the slow way of exponentials near 0.
    private const double ZeroBelow32 = -104;
    private const double ZeroBelow64 = -746;

    private readonly KernelBuilder _kernel;
    private readonly AttentionPlan _plan;
    private readonly AttentionTile _tile;
    private readonly AttentionPacking _packing;
    private readonly AttentionRanges? _ranges;

    // Of each row of the block: the maximum, and the sum of the exponentials.
    private readonly int _maxima;
    private readonly int _totals;

    private AttentionLoops(KernelBuilder kernel, AttentionPlan plan)
    {
        (_kernel, _plan, _tile) = (kernel, plan, new AttentionTile(kernel, plan));
        _maxima = kernel.Local("maxima", plan.Element, plan.BlockRows);
        _totals = kernel.Local("totals", plan.Element, plan.BlockRows);
        _packing = new AttentionPacking(kernel, plan, _tile);
        _ranges = plan.Mask is null ? null : new AttentionRanges(kernel, plan);
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private Graph Graph => _kernel.Graph;

    private double ZeroBelow => _plan.Element == ElementType.F32 ? ZeroBelow32 : ZeroBelow64;

    public static void Lower(FusionGroup group, LoweringContext context, AttentionForm form)
    {
        var plan = AttentionPlan.Make(context.Graph, form, group, context.Options);
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        foreach (var output in group.Outputs)
        {
            kernel.Write(output);
        }

        kernel.AssumePositive(plan.OuterSize * plan.RowsSize);
        var loops = new AttentionLoops(kernel, plan);
        var blocks = SizeExpr.CeilDiv(plan.RowsSize, plan.BlockRows);
        var perOuter = SizeExpr.CeilDiv(blocks, plan.BlocksOfUnit);
        var units = plan.OuterSize * perOuter;
        var work = Math.Max(1, context.Options.Limit(ChunkWork) / (plan.BlockRows * (long)(plan.Depth + plan.Features)));
        var perChunk = SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(work, SizeExpr.Max(SizeExpr.One, plan.KeysSize)));
        var body = kernel.Body;
        var from = body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        body.For(from, body.Min(body.Add(from, BodyMath.Index(perChunk)), BodyMath.Index(units)), 1, mayBeEmpty: false, unit =>
        {
            plan.Unravel(kernel.Space, kernel.Space.Counter(body.FloorDiv(unit, BodyMath.Index(perOuter)), plan.OuterSize), plan.Form.Outer, loops._packing.Outer);
            var block = body.Rem(unit, BodyMath.Index(perOuter));
            if (plan.BlocksOfUnit == 1)
            {
                loops.Block(block);
                return;
            }

            // The one in the middle is its own partner.
            var partner = body.Sub(BodyMath.Index(blocks - SizeExpr.One), block);
            var two = body.Select(body.Less(block, partner), BodyMath.Index(2), BodyMath.Index(1));
            body.For(BodyMath.Index(0), two, 1, mayBeEmpty: false, i =>
                loops.Block(body.Select(body.Map(MapOp.Equal, ElementType.Bool, i, BodyMath.Index(0)), block, partner)));
        });
        if (plan.Mask?.Count(context.Graph, form) is var (seen, all))
        {
            kernel.Part = (Math.Max(1, seen), Math.Max(1, all));
        }

        kernel.Remarks = plan.Mask is null ? []
            : [$"exp({(plan.Mask.IsInfinite ? "-inf" : plan.Mask.Fill.ToString(CultureInfo.InvariantCulture))} - max) = 0: only what the mask leaves counts: "
                + (kernel.Part is (var left, var scores) ? $"{left} of {scores} scores, and so many of the operations" : $"scores where {string.Join(" and ", plan.Mask.Seen.Select(s => $"{new AxisAccess(s.Offset, s.Terms)} >= 0"))}")];
        kernel.Launch(
            SizeExpr.CeilDiv(units, perChunk),
            $"attention: {plan.RowsSize} rows in blocks of {plan.BlockRows}, {plan.KeysSize} keys in blocks of {plan.BlockKeys}, "
            + $"register tiles of {plan.TileRows} x {plan.Columns}; scores are not stored"
            + (plan.Mask is null ? "" : kernel.Part is (var some, var whole) ? $"; the mask hides {100 * (whole - some) / whole} % of them, which are skipped" : "; those that the mask hides are skipped"));
    }

    private void Block(LoopExpr number)
    {
        var first = Body.Mul(number, BodyMath.Index(_plan.BlockRows));
        var rows = Body.Min(BodyMath.Index(_plan.BlockRows), Body.Sub(BodyMath.Index(_plan.RowsSize), first));
        _packing.Queries(first, rows);
        var zero = BodyMath.Index(0);
        if (_plan.IsSingle)
        {
            Keys(first, rows, zero, BodyMath.Index(_plan.KeysSize), null);
        }
        else
        {
            _ranges?.Make(rows, row => _packing.RowAxes(Body.Add(first, row)));
            if (_plan.Mask is null or { IsInfinite: true })
            {
                AllKeys(first, rows, _ranges is null ? null : True);
            }
            else
            {
                // Skipping first; once more when some row's maximum is not far above the fill.
                var (open, skips) = (Body.Declare(True), Body.Declare(True));
                Body.While(() => Body.Read(open), () =>
                {
                    AllKeys(first, rows, Body.Read(skips));
                    Body.Assign(open, BodyMath.Number(Scalar.Bool(false)));
                    Body.For(zero, rows, 1, mayBeEmpty: false, row =>
                        Body.Assign(open, Body.Map(MapOp.Or, ElementType.Bool, Body.Read(open), Body.Not(IsFarAboveFill(row)))));
                    Body.Assign(open, Body.And(Body.Read(open), Body.Read(skips))!);
                    Body.Assign(skips, BodyMath.Number(Scalar.Bool(false)));
                });
            }
        }

        Body.For(zero, rows, 1, mayBeEmpty: false, row => Finish(Body.Add(first, row), row));
    }

    private static LoopExpr True => BodyMath.Number(Scalar.Bool(true));

    // e^(fill - maximum) rounds to 0, also when the fill is computed with another rounding.
    private LoopExpr IsFarAboveFill(LoopExpr row)
    {
        var fill = _plan.Mask!.Fill * (1 - Math.ScaleB(1, -20));
        return Body.Less(Body.Sub(BodyMath.Number(Scalar.Float(_plan.Element, fill)), _tile.Load(_maxima, row, 1)), BodyMath.Number(Scalar.Float(_plan.Element, ZeroBelow)));
    }

    private void AllKeys(LoopExpr first, LoopExpr rows, LoopExpr? skips)
    {
        // Nothing seen yet: the first block scales the sums, which are 0, by exp(-inf - m) = 0.
        var zero = BodyMath.Index(0);
        Body.For(zero, rows, 1, mayBeEmpty: false, row =>
        {
            Body.Store(_maxima, row, Infinity(1));
            Body.Store(_totals, row, BodyMath.Number(_plan.Element, 0));
            Body.For(zero, BodyMath.Index(_plan.FeaturesPadded), _plan.Wide, mayBeEmpty: false, e => Body.Store(
                _tile.Sums, Body.Add(Body.Mul(row, BodyMath.Index(_plan.FeaturesPadded)), e), BodyMath.Number(_plan.Element, 0, _plan.Wide)));
        });
        var step = BodyMath.Index(_plan.BlockKeys);
        Body.For(zero, BodyMath.Index(_plan.KeysSize), _plan.BlockKeys, mayBeEmpty: true, key =>
            Keys(first, rows, key, Body.Min(Body.Add(key, step), BodyMath.Index(_plan.KeysSize)), skips));
    }

    // The keys from … to-1 of all tiles of rows; with a mask, whether those that no row sees are skipped.
    private void Keys(LoopExpr first, LoopExpr rows, LoopExpr from, LoopExpr to, LoopExpr? skips)
    {
        var isFinite = _packing.Values(from, to);
        if (skips is null)
        {
            _packing.Keys(from, to);
            Body.For(BodyMath.Index(0), rows, _plan.TileRows, mayBeEmpty: false, row => Tile(first, row, from, from, to));
            return;
        }

        skips = Body.And(skips, isFinite)!;
        Body.If(Body.Map(MapOp.Or, ElementType.Bool, Body.Not(skips), _ranges!.IsSeen(from, to)), () =>
        {
            _packing.Keys(from, to);
            Body.For(BodyMath.Index(0), rows, _plan.TileRows, mayBeEmpty: false, row =>
            {
                var (start, end) = _ranges.Computed(row, from, to, skips);
                Body.If(Body.Less(start, end), () => Tile(first, row, from, start, end));
            });
        });
    }

    // The keys from … to-1, of the block that begins at start, of the tile that begins at a row.
    private void Tile(LoopExpr first, LoopExpr row, LoopExpr start, LoopExpr from, LoopExpr to)
    {
        var (begin, end) = (Body.Sub(from, start), Body.Sub(to, start));
        _tile.ScoreTile(row, begin, end);
        var unmasked = _ranges?.Unmasked(row, from, to);
        Body.For(BodyMath.Index(0), BodyMath.Index(_plan.TileRows), 1, mayBeEmpty: false, i =>
            Softmax(first, Body.Add(row, i), i, start, from, to, unmasked));
        _tile.ValueTile(row, begin, end, scaled: !_plan.IsSingle);
    }

    // scores -> exponentials, in place, for row i of the tile, which is a row of the block. Keys count from where the block begins.
    private void Softmax(LoopExpr first, LoopExpr row, LoopExpr i, LoopExpr start, LoopExpr from, LoopExpr to, (LoopExpr From, LoopExpr To)? unmasked)
    {
        var axes = _packing.RowAxes(Body.Add(first, row));
        var place = Body.Sub(Body.Mul(i, BodyMath.Index(_plan.BlockKeys)), start);
        var most = Body.Declare(Infinity(_plan.Wide));
        if (unmasked is var (inner, border))
        {
            if (_ranges!.HasLow)
            {
                Body.For(from, inner, _plan.Wide, mayBeEmpty: true, key => Logits(key, null));
            }

            Decide(true);
            Body.For(inner, border, _plan.Wide, mayBeEmpty: true, key => Logits(key, null));
            Decide(false);
            _packing.Vectors(border, to, _plan.Wide, _plan.KeysSize, Logits);
        }
        else
        {
            _packing.Vectors(from, to, _plan.Wide, _plan.KeysSize, Logits);
        }

        void Logits(LoopExpr key, LoopExpr? mask)
        {
            var at = Body.Add(place, key);
            var score = _tile.Load(_tile.Scores, at, _plan.Wide);
            var mine = (IndexForm[])axes.Clone();
            _plan.Unravel(Space, Space.Counter(key, SizeExpr.Zero, _plan.KeysSize, vectorised: _plan.Wide > 1), _plan.Form.Keys, mine);
            _kernel.Values.Bind(_plan.Form.Product, _ => score);
            var logits = Body.Splat(_kernel.Values.Emit(_plan.Form.Logits, new Coords(mine.ToValueList(), _plan.Wide, mask)), _plan.Wide);
            _kernel.Values.Bind(_plan.Form.Product, null);
            logits = mask is null ? logits : Body.Select(mask, logits, Infinity(_plan.Wide));
            Body.Store(_tile.Scores, at, logits);
            Body.Assign(most, Larger(most, logits));
        }

        var maximum = Body.LaneReduce(ReduceKind.Max, Body.Read(most));
        var shift = maximum;
        if (!_plan.IsSingle)
        {
            var before = _tile.Load(_maxima, row, 1);
            maximum = Larger(before, maximum);
            Body.Store(_maxima, row, maximum);

            // While a row is -inf alone, its exponentials are 0; what comes later may count.
            shift = Body.Select(Body.Map(MapOp.Equal, ElementType.Bool, maximum, Infinity(1)), BodyMath.Number(_plan.Element, 0), maximum);
            Body.Store(_tile.Scales, i, Body.Map(MapOp.Exp, _plan.Element, Body.Sub(before, shift)));
        }

        var total = Body.Declare(BodyMath.Number(_plan.Element, 0, _plan.Wide));
        Body.For(from, to, _plan.Wide, mayBeEmpty: false, key =>
        {
            var at = Body.Add(place, key);
            var exponent = Body.Sub(_tile.Load(_tile.Scores, at, _plan.Wide), shift);
            var isZero = Body.Less(exponent, BodyMath.Number(Scalar.Float(_plan.Element, ZeroBelow), _plan.Wide));
            var power = Body.Map(MapOp.Exp, _plan.Element, Body.Select(isZero, BodyMath.Number(_plan.Element, 0, _plan.Wide), exponent));
            power = Body.Select(isZero, BodyMath.Number(_plan.Element, 0, _plan.Wide), power);
            Body.Store(_tile.Scores, at, power);
            Body.Assign(total, Body.Add(total, power));
        });
        var sum = Body.LaneReduce(ReduceKind.Sum, Body.Read(total));
        Body.Store(_totals, row, _plan.IsSingle ? sum : Body.Fma(_tile.Load(_totals, row, 1), _tile.Load(_tile.Scales, i, 1), sum));
    }

    // What the comparisons of the mask are where every row sees every key.
    private void Decide(bool isDecided)
    {
        foreach (var (node, value) in _plan.Mask!.Decided)
        {
            _kernel.Values.Bind(node, isDecided ? _ => BodyMath.Number(Scalar.Bool(value)) : null);
        }
    }

    private void Finish(LoopExpr number, LoopExpr row)
    {
        var axes = _packing.RowAxes(number);
        var total = _tile.Load(_totals, row, 1);
        if (!_kernel.IsPositive(_plan.KeysSize))
        {
            // Over no keys the result is 0, not 0 / 0.
            var none = Body.Map(MapOp.Equal, ElementType.Bool, BodyMath.Index(_plan.KeysSize), BodyMath.Index(0));
            total = Body.Select(none, BodyMath.Number(_plan.Element, 1), total);
        }

        _packing.Vectors(BodyMath.Index(0), BodyMath.Index(_plan.Features), _plan.Wide, _plan.Features, (feature, mask) =>
        {
            var sums = _tile.Load(_tile.Sums, Body.Add(Body.Mul(row, BodyMath.Index(_plan.FeaturesPadded)), feature), _plan.Wide);
            var value = Body.Map(MapOp.Div, _plan.Element, sums, total);
            var counter = Space.Counter(feature, SizeExpr.Zero, _plan.Features, vectorised: _plan.Wide > 1);
            var at = new Coords(_plan.Result(Space, Graph, axes, counter), _plan.Wide, mask);
            _kernel.Values.Bind(_plan.Form.Result, where => where.Axes == at.Axes
                ? value
                : throw new CompilerBugException("kernels", $"{_kernel.Name}: a result is wanted outside its row"));
            var values = _kernel.Group.Outputs.Select(o => (Id: o, Value: _kernel.Values.Emit(o, at))).ToArray();
            foreach (var (id, stored) in values)
            {
                _kernel.Values.Store(_kernel.Write(id), ValueEmitter.RowMajor(at.Axes, _plan.Second.Type.Shape), stored, at);
            }

            _kernel.Values.Bind(_plan.Form.Result, null);
        });
    }

    // A nan is left out: its exponential is nan, and so are the row's total and results, whatever the maximum is.
    private LoopExpr Larger(LoopExpr most, LoopExpr value) => Body.Select(Body.Less(most, value), value, most);

    private LoopExpr Infinity(int lanes) => BodyMath.Number(Scalar.Float(_plan.Element, double.NegativeInfinity), lanes);
}
