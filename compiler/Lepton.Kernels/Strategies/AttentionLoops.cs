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

    // Of each row of the block: the maximum, and the sum of the exponentials.
    private readonly int _maxima;
    private readonly int _totals;
    private readonly IndexForm[] _outer;

    private AttentionLoops(KernelBuilder kernel, AttentionPlan plan)
    {
        (_kernel, _plan, _tile) = (kernel, plan, new AttentionTile(kernel, plan));
        _maxima = kernel.Local("maxima", plan.Element, plan.BlockRows);
        _totals = kernel.Local("totals", plan.Element, plan.BlockRows);
        _outer = new IndexForm[plan.Shape.Count];
        Array.Fill(_outer, IndexForm.Zero);
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private Graph Graph => _kernel.Graph;

    public static void Lower(FusionGroup group, LoweringContext context, AttentionForm form)
    {
        var plan = AttentionPlan.Make(context.Graph, form, context.Options);
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        foreach (var output in group.Outputs)
        {
            kernel.Write(output);
        }

        kernel.AssumePositive(plan.OuterSize * plan.RowsSize);
        var loops = new AttentionLoops(kernel, plan);
        var blocks = SizeExpr.CeilDiv(plan.RowsSize, plan.BlockRows);
        var units = plan.OuterSize * blocks;
        var work = Math.Max(1, context.Options.Limit(ChunkWork) / (plan.BlockRows * (long)(plan.Depth + plan.Features)));
        var perChunk = SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(work, SizeExpr.Max(SizeExpr.One, plan.KeysSize)));
        var body = kernel.Body;
        var from = body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        body.For(from, body.Min(body.Add(from, BodyMath.Index(perChunk)), BodyMath.Index(units)), 1, mayBeEmpty: false, unit =>
        {
            plan.Unravel(kernel.Space, kernel.Space.Counter(body.FloorDiv(unit, BodyMath.Index(blocks)), plan.OuterSize), plan.Form.Outer, loops._outer);
            var first = body.Mul(body.Rem(unit, BodyMath.Index(blocks)), BodyMath.Index(plan.BlockRows));
            loops.Block(first, body.Min(BodyMath.Index(plan.BlockRows), body.Sub(BodyMath.Index(plan.RowsSize), first)));
        });
        kernel.Launch(
            SizeExpr.CeilDiv(units, perChunk),
            $"attention: {plan.RowsSize} rows in blocks of {plan.BlockRows}, {plan.KeysSize} keys in blocks of {plan.BlockKeys}, "
            + $"register tiles of {plan.TileRows} x {plan.Columns}; scores are not stored");
    }

    private void Block(LoopExpr first, LoopExpr rows)
    {
        PackQueries(first, rows);
        var zero = BodyMath.Index(0);
        if (_plan.IsSingle)
        {
            Keys(first, rows, zero, BodyMath.Index(_plan.KeysSize));
        }
        else
        {
            // Nothing seen yet: the first block scales the sums, which are 0, by exp(-inf - m) = 0.
            Body.For(zero, rows, 1, mayBeEmpty: false, row =>
            {
                Body.Store(_maxima, row, Infinity(1));
                Body.Store(_totals, row, BodyMath.Number(_plan.Element, 0));
                Body.For(zero, BodyMath.Index(_plan.FeaturesPadded), _plan.Wide, mayBeEmpty: false, e => Body.Store(
                    _tile.Sums, Body.Add(Body.Mul(row, BodyMath.Index(_plan.FeaturesPadded)), e), BodyMath.Number(_plan.Element, 0, _plan.Wide)));
            });
            var step = BodyMath.Index(_plan.BlockKeys);
            Body.For(zero, BodyMath.Index(_plan.KeysSize), _plan.BlockKeys, mayBeEmpty: true, key =>
                Keys(first, rows, key, Body.Min(Body.Add(key, step), BodyMath.Index(_plan.KeysSize))));
        }

        Body.For(zero, rows, 1, mayBeEmpty: false, row => Finish(Body.Add(first, row), row));
    }

    // The keys from … to-1 of all tiles of rows.
    private void Keys(LoopExpr first, LoopExpr rows, LoopExpr from, LoopExpr to)
    {
        PackKeys(from, to);
        PackValues(from, to);
        var count = Body.Sub(to, from);
        Body.For(BodyMath.Index(0), rows, _plan.TileRows, mayBeEmpty: false, row =>
        {
            _tile.ScoreTile(row, count);
            Body.For(BodyMath.Index(0), BodyMath.Index(_plan.TileRows), 1, mayBeEmpty: false, i => Softmax(first, Body.Add(row, i), i, from, to));
            _tile.ValueTile(row, count, scaled: !_plan.IsSingle);
        });
    }

    // scores -> exponentials, in place, for row i of the tile, which is a row of the block.
    private void Softmax(LoopExpr first, LoopExpr row, LoopExpr i, LoopExpr from, LoopExpr to)
    {
        var axes = RowAxes(Body.Add(first, row));
        var place = Body.Sub(Body.Mul(i, BodyMath.Index(_plan.BlockKeys)), from);
        var most = Body.Declare(Infinity(_plan.Wide));
        Vectors(from, to, _plan.Wide, _plan.KeysSize, (key, mask) =>
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
        });

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
            var isZero = Body.Less(exponent, BodyMath.Number(Scalar.Float(_plan.Element, _plan.Element == ElementType.F32 ? ZeroBelow32 : ZeroBelow64), _plan.Wide));
            var power = Body.Map(MapOp.Exp, _plan.Element, Body.Select(isZero, BodyMath.Number(_plan.Element, 0, _plan.Wide), exponent));
            power = Body.Select(isZero, BodyMath.Number(_plan.Element, 0, _plan.Wide), power);
            Body.Store(_tile.Scores, at, power);
            Body.Assign(total, Body.Add(total, power));
        });
        var sum = Body.LaneReduce(ReduceKind.Sum, Body.Read(total));
        Body.Store(_totals, row, _plan.IsSingle ? sum : Body.Fma(_tile.Load(_totals, row, 1), _tile.Load(_tile.Scales, i, 1), sum));
    }

    private void Finish(LoopExpr number, LoopExpr row)
    {
        var axes = RowAxes(number);
        var total = _tile.Load(_totals, row, 1);
        if (!_kernel.IsPositive(_plan.KeysSize))
        {
            // Over no keys the result is 0, not 0 / 0.
            var none = Body.Map(MapOp.Equal, ElementType.Bool, BodyMath.Index(_plan.KeysSize), BodyMath.Index(0));
            total = Body.Select(none, BodyMath.Number(_plan.Element, 1), total);
        }

        Vectors(BodyMath.Index(0), BodyMath.Index(_plan.Features), _plan.Wide, _plan.Features, (feature, mask) =>
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

    // Rows behind the last of a tile repeat it.
    private void PackQueries(LoopExpr first, LoopExpr rows)
    {
        var tiles = Body.Mul(Body.FloorDiv(Body.Add(rows, BodyMath.Index(_plan.TileRows - 1)), BodyMath.Index(_plan.TileRows)), BodyMath.Index(_plan.TileRows));
        Body.For(BodyMath.Index(0), tiles, 1, mayBeEmpty: false, row =>
        {
            var axes = RowAxes(Body.Add(first, row));
            var to = Body.Mul(row, BodyMath.Index(_plan.Depth));
            var whole = _plan.Depth / _plan.Lanes * _plan.Lanes;
            Copy(BodyMath.Index(0), BodyMath.Index(whole), _plan.Lanes);
            Copy(BodyMath.Index(whole), BodyMath.Index(_plan.Depth), 1);

            void Copy(LoopExpr from, LoopExpr end, int lanes) => Body.For(from, end, lanes, mayBeEmpty: true, d =>
                Body.Store(_tile.Queries, Body.Add(to, d), Factor(_plan.Form.Query, axes, d, lanes, lanes, null)));
        });
    }

    private void PackKeys(LoopExpr from, LoopExpr to) => Vectors(from, to, _plan.Columns, _plan.KeysSize, (key, mask) =>
        Body.For(BodyMath.Index(0), BodyMath.Index(_plan.Depth), 1, mayBeEmpty: false, d =>
        {
            var panel = Body.Add(Body.Mul(Body.Sub(key, from), BodyMath.Index(_plan.Depth)), Body.Mul(d, BodyMath.Index(_plan.Columns)));
            for (var v = 0; v < 2; v++)
            {
                var axes = (IndexForm[])_outer.Clone();
                var start = Body.Add(key, BodyMath.Index(v * _plan.Lanes));
                _plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, _plan.KeysSize, vectorised: _plan.Lanes > 1), _plan.Form.Keys, axes);
                var here = mask is null ? null : Below(start, _plan.Lanes, _plan.KeysSize);
                Body.Store(_tile.Keys, Body.Add(panel, BodyMath.Index(v * _plan.Lanes)), Factor(1 - _plan.Form.Query, axes, d, 1, _plan.Lanes, here));
            }
        }));

    private void PackValues(LoopExpr from, LoopExpr to) => Body.For(from, to, 1, mayBeEmpty: false, key =>
    {
        var axes = (IndexForm[])_outer.Clone();
        _plan.Unravel(Space, Space.Counter(key, _plan.KeysSize), _plan.Form.Keys, axes);
        var row = Body.Mul(Body.Sub(key, from), BodyMath.Index(_plan.Columns));
        Vectors(BodyMath.Index(0), BodyMath.Index(_plan.Features), _plan.Columns, _plan.Features, (feature, mask) =>
        {
            for (var v = 0; v < 2; v++)
            {
                var start = Body.Add(feature, BodyMath.Index(v * _plan.Lanes));
                var counter = Space.Counter(start, SizeExpr.Zero, _plan.Features, vectorised: _plan.Lanes > 1);
                var here = mask is null ? null : Below(start, _plan.Lanes, _plan.Features);
                var at = new Coords(_plan.InValues(Space, Graph, axes, counter), _plan.Lanes, here);
                var value = Body.Cast(_kernel.Values.Emit(_plan.Second.Factors[_plan.Form.Value], at), _plan.Element);
                var place = Body.Add(Body.Add(row, BodyMath.Index(v * _plan.Lanes)), Body.Mul(feature, BodyMath.Index(_plan.BlockKeys)));
                Body.Store(_tile.Values, place, Body.Splat(value, _plan.Lanes));
            }
        });
    });

    // A factor of the first product at d, d+1, … if it is depthLanes wide, else at one d for lanes of keys.
    private LoopExpr Factor(int factor, IndexForm[] axes, LoopExpr d, int depthLanes, int lanes, LoopExpr? mask)
    {
        var depth = Space.Counter(d, SizeExpr.Zero, _plan.Depth, vectorised: depthLanes > 1);
        var at = new Coords(_plan.InFirst(Space, Graph, factor, axes, depth), lanes, mask);
        return Body.Splat(Body.Cast(_kernel.Values.Emit(_plan.First.Factors[factor], at), _plan.Element), lanes);
    }

    private IndexForm[] RowAxes(LoopExpr number)
    {
        var axes = (IndexForm[])_outer.Clone();
        var last = BodyMath.Index(_plan.RowsSize - SizeExpr.One);
        var row = SizeExpr.Mod(_plan.RowsSize, _plan.TileRows) == SizeExpr.Zero ? number : Body.Min(number, last);
        _plan.Unravel(Space, Space.Counter(row, _plan.RowsSize), _plan.Form.Rows, axes);
        return axes;
    }

    // from … to-1 in vectors, the last one under a mask where it must be; from is a multiple of lanes, and to is too, or the size.
    private void Vectors(LoopExpr from, LoopExpr to, int lanes, SizeExpr size, Action<LoopExpr, LoopExpr?> emit)
    {
        var rest = SizeExpr.Mod(size, lanes);
        if (rest == SizeExpr.Zero)
        {
            Body.For(from, to, lanes, mayBeEmpty: false, i => emit(i, null));
            return;
        }

        var whole = Body.Sub(to, Body.Rem(Body.Sub(to, from), BodyMath.Index(lanes)));
        Body.For(from, whole, lanes, mayBeEmpty: true, i => emit(i, null));
        Body.For(whole, to, lanes, mayBeEmpty: true, i => emit(i, Below(i, lanes, size)));
    }

    private LoopExpr Below(LoopExpr start, int lanes, SizeExpr size) => lanes == 1
        ? Body.Less(start, BodyMath.Index(size))
        : Body.Less(Body.Let(new RampExpr(new LaneType(ElementType.I64, lanes), start, BodyMath.Index(1))), BodyMath.Index(size));

    // A nan is left out: its exponential is nan, and so are the row's total and results, whatever the maximum is.
    private LoopExpr Larger(LoopExpr most, LoopExpr value) => Body.Select(Body.Less(most, value), value, most);

    private LoopExpr Infinity(int lanes) => BodyMath.Number(Scalar.Float(_plan.Element, double.NegativeInfinity), lanes);
}
