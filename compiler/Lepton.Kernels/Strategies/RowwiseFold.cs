using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// One reduction as it runs: a state of one value (or two: extreme and position), how an element changes it, and how two states become one.
/// States may have lanes; each lane is a reduction of its own until <see cref="FoldLanes"/>.
/// </summary>
/// <param name="quick">
/// Extremes as if there were no nan, in one instruction instead of four, and beside it the sum: if that is nan there may have been one (or inf - inf), and the
/// careful fold has to be asked. Positions in 32 bits, of elements that each lane sees in order; there is at least one. State: extreme, position, sum.
/// </param>
internal sealed class RowwiseFold(ReduceKind kind, ElementType element, bool quick = false)
{
    private readonly ElementType _element = element.ComputeType();

    /// <summary>The quick form, if there is one.</summary>
    /// <param name="hasShortPositions">Whether positions fit into 32 bits and come in order.</param>
    public RowwiseFold? Quick(bool hasShortPositions) =>
        (HasPosition && hasShortPositions) || (kind is ReduceKind.Max or ReduceKind.Min && _element.IsFloat()) ? new RowwiseFold(kind, element, quick: true) : null;

    public bool IsQuick => quick;

    /// <summary>Whether a quick state may be wrong, a bool; null: it is right.</summary>
    public LoopExpr? IsSuspect(BodyBuilder body, LoopExpr[] state) =>
        _element.IsFloat() ? body.LaneReduce(ReduceKind.Any, body.Map(MapOp.IsNan, ElementType.Bool, state[^1])) : null;

    /// <summary>A quick state as that of the careful fold.</summary>
    public LoopExpr[] ToCareful(BodyBuilder body, LoopExpr[] state) => HasPosition ? [state[0], body.Cast(state[1], ElementType.I64)] : [state[0]];

    public bool HasPosition => kind is ReduceKind.ArgMax or ReduceKind.ArgMin;

    /// <summary>The element type of each part of the state.</summary>
    public ValueList<ElementType> Parts => (quick, HasPosition) switch
    {
        (true, _) => [_element, .. HasPosition ? [ElementType.I32] : default(ValueList<ElementType>), .. _element.IsFloat() ? [_element] : default(ValueList<ElementType>)],
        (false, true) => [_element, ElementType.I64],
        (false, false) => [_element],
    };

    /// <summary>The state over nothing. Of a position only -1 counts.</summary>
    public LoopExpr[] Neutral(int lanes) => quick
        ? [Reducers.Neutral(Extreme, _element, lanes), .. Parts.Skip(1).Select(p => BodyMath.Number(p, 0, lanes))]
        : HasPosition ? [BodyMath.Number(_element, 0, lanes), Reducers.Neutral(kind, _element, lanes)]
        : [Reducers.Neutral(kind, _element, lanes)];

    private ReduceKind Extreme => kind is ReduceKind.Max or ReduceKind.ArgMax ? ReduceKind.Max : ReduceKind.Min;

    /// <summary>
    /// The state with one more element per lane, the product of <paramref name="factors"/>; a sum takes the last one in by fma.
    /// <paramref name="position"/> (i64) counts the reduced elements in row-major order.
    /// </summary>
    /// <param name="inOrder">Each lane sees its elements by rising position, so that a later one is no better than an equal one.</param>
    public LoopExpr[] Step(BodyBuilder body, LoopExpr[] state, ReadOnlySpan<LoopExpr> factors, LoopExpr? position, bool inOrder)
    {
        var lanes = state[0].Type.Lanes;
        var value = body.Cast(factors[0], _element);
        foreach (var factor in factors[1..Math.Max(1, factors.Length - 1)])
        {
            value = body.Map(MapOp.Mul, _element, value, body.Cast(factor, _element));
        }

        value = body.Splat(value, lanes);
        if (factors.Length > 1)
        {
            return [body.Fma(value, body.Splat(body.Cast(factors[^1], _element), lanes), state[0])];
        }

        if (quick)
        {
            if (!HasPosition)
            {
                return Join(body, state, [value, value]);
            }

            // An equal one that comes later does not win.
            var wins = Beats(body, value, state[0]);
            var place = body.Splat(body.Cast(position!, ElementType.I32), lanes);
            return [body.Select(wins, value, state[0]), body.Select(wins, place, state[1]), .. WithSum(body, state, value)];
        }

        if (!HasPosition)
        {
            return [Reducers.Combine(body, kind, state[0], value)];
        }

        var where = body.Splat(position!, lanes);
        if (!inOrder)
        {
            return Join(body, state, [value, where]);
        }

        var better = Reducers.IsBetter(body, kind, _element, value, state[0], state[1]);
        return [body.Select(better, value, state[0]), body.Select(better, where, state[1])];
    }

    /// <summary>Two states as one; for positions the smaller one wins among equals, whichever side it is on.</summary>
    public LoopExpr[] Join(BodyBuilder body, LoopExpr[] left, LoopExpr[] right)
    {
        if (quick)
        {
            var stays = Beats(body, left[0], right[0]);
            if (!HasPosition)
            {
                return [body.Select(stays, left[0], right[0]), .. WithSum(body, left, right[^1])];
            }

            var isFirst = body.And(body.Map(MapOp.Equal, ElementType.Bool, left[0], right[0]), body.Less(left[1], right[1]))!;
            stays = body.Map(MapOp.Or, ElementType.Bool, stays, isFirst);
            return [body.Select(stays, left[0], right[0]), body.Select(stays, left[1], right[1]), .. WithSum(body, left, right[^1])];
        }

        if (!HasPosition)
        {
            return [Reducers.Combine(body, kind, left[0], right[0])];
        }

        // right wins: it has seen something, and: left has not, or right is more extreme, or as extreme and earlier. nan is most extreme.
        LoopExpr Bool(MapOp op, params ReadOnlySpan<LoopExpr> arguments) => body.Map(op, ElementType.Bool, arguments);
        var earlier = Bool(MapOp.Less, right[1], left[1]);
        var more = Bool(kind == ReduceKind.ArgMax ? MapOp.Greater : MapOp.Less, right[0], left[0]);
        var wins = Bool(MapOp.Or, more, Bool(MapOp.And, Bool(MapOp.Equal, right[0], left[0]), earlier));
        if (_element.IsFloat())
        {
            // Comparisons with nan are false, so what stands above is false if either is nan.
            var (leftNumber, rightNan) = (body.Not(Bool(MapOp.IsNan, left[0])), Bool(MapOp.IsNan, right[0]));
            wins = Bool(MapOp.Or, wins, Bool(MapOp.And, rightNan, Bool(MapOp.Or, leftNumber, earlier)));
        }

        var none = BodyMath.Number(ElementType.I64, 0);
        wins = Bool(MapOp.Or, wins, Bool(MapOp.Less, left[1], none));
        wins = Bool(MapOp.And, wins, Bool(MapOp.GreaterEqual, right[1], none));
        return [body.Select(wins, right[0], left[0]), body.Select(wins, right[1], left[1])];
    }

    /// <summary>All lanes as one state of scalars: halves joined with halves, (v[0..n/2] op v[n/2..n]) and so on.</summary>
    public LoopExpr[] FoldLanes(BodyBuilder body, LoopExpr[] state)
    {
        var lanes = state[0].Type.Lanes;
        if (!HasPosition || lanes == 1)
        {
            return HasPosition ? state
                : quick ? [body.LaneReduce(kind, state[0]), body.LaneReduce(ReduceKind.Sum, state[1])]
                : [body.LaneReduce(kind, state[0])];
        }

        // Each half is joined where the first one lies; the lanes behind it are of no interest. The last two are joined as scalars: LLVM 22 compares
        // lane 0 with itself for AVX-512 where a comparison with rotated lanes is wanted for that lane alone.
        var now = state;
        for (var half = lanes / 2; half > 1; half /= 2)
        {
            var order = Enumerable.Range(0, lanes).Select(l => (l + half) % lanes).ToValueList();
            now = Join(body, now, [.. now.Select(s => body.Let(new ShuffleExpr(s.Type, s, s, order)))]);
        }

        return Join(body, Lane(0), Lane(1));

        LoopExpr[] Lane(int number) => [.. now.Select(s => body.Let(new LaneExpr(s.Type with { Lanes = 1 }, s, number)))];
    }

    private LoopExpr Beats(BodyBuilder body, LoopExpr value, LoopExpr best) =>
        body.Map(Extreme == ReduceKind.Max ? MapOp.Greater : MapOp.Less, ElementType.Bool, value, best);

    private LoopExpr[] WithSum(BodyBuilder body, LoopExpr[] state, LoopExpr value) => _element.IsFloat() ? [body.Add(state[^1], value)] : [];

    /// <summary>What the reduction's node has as its value.</summary>
    public static LoopExpr Result(LoopExpr[] state) => state[^1];
}
