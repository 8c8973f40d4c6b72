using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// One side of a product, copied so that the tile reads it in order: panels of Width rows of A (columns of B), inside a panel k after k.
/// <code>
/// element (panel p, k, j) at (p·Depth + k)·Width + j, p and k counted from the block's first
/// </code>
/// What is counted as one k here is a step: of narrow integers several values (<see cref="NarrowPanels"/>). What stands before the product (casts, scaling, masks) is computed on the way.
/// </summary>
internal sealed class ContractionPanels(KernelBuilder kernel, ContractionPlan plan, ContractionSchedule schedule)
{
    private readonly ContractionEdges _edges = new(kernel.Body, plan, schedule);
    private readonly NarrowPanels? _narrow = plan.Narrow is { } narrow ? new(kernel, plan, narrow) : null;

    private BodyBuilder Body => kernel.Body;

    private IndexSpace Space => kernel.Space;

    /// <summary>Packs one panel of A: rows m … m + rows - 1, kFrom … kEnd-1. Rows behind the last repeat it, so that no panel is partly filled.</summary>
    /// <param name="outer">The indices of the outer labels that A has.</param>
    /// <param name="origin">Where element (m, kFrom) goes.</param>
    public void PackA(int buffer, LoopExpr origin, int rows, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr m, LoopExpr kFrom, LoopExpr kEnd)
    {
        var indices = new LoopExpr[rows];
        for (var i = 0; i < rows; i++)
        {
            indices[i] = _edges.Row(m, i);
        }

        if (_narrow is { } narrow)
        {
            narrow.PackA(buffer, origin, indices, outer, kFrom, kEnd, schedule.Lanes);
            return;
        }

        // A costly prologue runs in vectors along k, which are then taken apart.
        var lanes = plan.Prologue ? schedule.Lanes : 1;
        if (lanes == 1)
        {
            Depth(plan.A, asksOnce: false, kFrom, kEnd, outer, (at, k) => Each(at, k, 1));
            return;
        }

        var vectorEnd = Body.Sub(kEnd, Body.Rem(Body.Sub(kEnd, kFrom), BodyMath.Index(lanes)));
        Body.For(kFrom, vectorEnd, lanes, mayBeEmpty: true, k => Each(AtK(outer, k, lanes), k, lanes));
        Body.For(vectorEnd, kEnd, 1, mayBeEmpty: true, k => Each(AtK(outer, k, 1), k, 1));

        void Each(IReadOnlyDictionary<int, IndexForm> at, LoopExpr k, int width)
        {
            var place = Body.Add(origin, Body.Mul(Body.Sub(k, kFrom), BodyMath.Index(rows)));
            for (var i = 0; i < rows; i++)
            {
                var index = new Dictionary<int, IndexForm>(at);
                plan.Unravel(Space, Space.Counter(indices[i], plan.MSize), plan.M, index);
                var value = Body.Splat(plan.Side(kernel, plan.A, index, width, null), width);
                Body.Store(buffer, Body.Add(place, BodyMath.Index(i)), value, width == 1 ? null : BodyMath.Index(rows));
            }
        }
    }

    /// <summary>Packs one panel of B: columns n … n + Columns - 1, kFrom … kEnd-1; columns behind the last (masked) are filled with anything.</summary>
    /// <param name="origin">Where element (kFrom, n) goes.</param>
    public void PackB(int buffer, LoopExpr origin, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr n, bool masked, LoopExpr kFrom, LoopExpr kEnd)
    {
        for (var v = 0; v < schedule.Vectors; v++)
        {
            var column = Body.Add(n, BodyMath.Index(v * schedule.Lanes));
            var place = Body.Add(origin, BodyMath.Index(v * schedule.Lanes));
            var mask = masked ? _edges.Mask(column) : null;
            if (_narrow is { } narrow)
            {
                InOneRow(column, outer, index => narrow.PackB(buffer, place, schedule.Columns, schedule.Lanes, mask, index, kFrom, kEnd));
                continue;
            }

            InOneRow(column, outer, index => Depth(plan.B, asksOnce: true, kFrom, kEnd, index, (at, k) =>
            {
                var value = Body.Splat(plan.Side(kernel, plan.B, at, schedule.Lanes, mask), schedule.Lanes);
                Body.Store(buffer, Body.Add(place, Body.Mul(Body.Sub(k, kFrom), BodyMath.Index(schedule.Columns))), value);
            }));
        }
    }

    // The indices of a vector of columns. Where n is no single axis of B, most vectors still lie within one row of it:
    //   row y:  ├───vec───┤├───vec───┤├───v  ec───┤  y + 1: this one takes its lanes from two rows
    private void InOneRow(LoopExpr column, IReadOnlyDictionary<int, IndexForm> outer, Action<Dictionary<int, IndexForm>> emit)
    {
        var row = plan.SizeOf(plan.NInner);
        if (schedule.Lanes == 1 || plan.N == plan.NInner || row.AsConstant < schedule.Lanes)
        {
            emit(Vector());
            return;
        }

        var above = Body.FloorDiv(column, BodyMath.Index(row));
        var start = Body.Sub(column, Body.Mul(above, BodyMath.Index(row)));
        if (SizeExpr.Mod(row, schedule.Lanes) == SizeExpr.Zero)
        {
            emit(OneRow());
        }
        else
        {
            var fits = Body.Map(MapOp.LessEqual, ElementType.Bool, Body.Add(start, BodyMath.Index(schedule.Lanes)), BodyMath.Index(row));
            Body.If(fits, () => emit(OneRow()), () => emit(Vector()));
        }

        Dictionary<int, IndexForm> Vector()
        {
            var index = new Dictionary<int, IndexForm>(outer);
            plan.Unravel(Space, Space.Counter(column, SizeExpr.Zero, plan.NSize, vectorised: schedule.Lanes > 1), plan.N, index);
            return index;
        }

        Dictionary<int, IndexForm> OneRow()
        {
            var index = new Dictionary<int, IndexForm>(outer);
            var rest = plan.N.Take(plan.N.Count - plan.NInner.Count).ToValueList();
            plan.Unravel(Space, Space.Counter(above, plan.SizeOf(rest)), rest, index);
            plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, row, vectorised: true), plan.NInner, index);
            return index;
        }
    }

    // k = kFrom … kEnd-1. Aligned blocks are a loop for each label; those on which it depends what lies outside stand outside the others, so
    // that this is asked once for many k, of a whole vector if it asks for one.
    private void Depth(
        ContractionSide side, bool asksOnce, LoopExpr kFrom, LoopExpr kEnd, IReadOnlyDictionary<int, IndexForm> outer, Action<Dictionary<int, IndexForm>, LoopExpr> each)
    {
        if (!schedule.KAligned)
        {
            Body.For(kFrom, kEnd, 1, mayBeEmpty: true, k => each(AtK(outer, k, 1), k));
            return;
        }

        var order = plan.K.Where(side.Guarded.Contains).Concat(plan.K.Where(l => !side.Guarded.Contains(l))).ToArray();
        var guards = side.Guarded.Count;
        var strides = plan.K.Select((l, i) => (l, plan.SizeOf(plan.K.Skip(i + 1).ToValueList()))).ToDictionary(p => p.l, p => p.Item2);
        Nest(0, new Dictionary<int, IndexForm>(outer), BodyMath.Index(0));

        void Nest(int depth, Dictionary<int, IndexForm> index, LoopExpr k)
        {
            if (asksOnce && depth == guards && guards > 0)
            {
                GuardedValues.Branch(kernel, schedule.Lanes, () => Inner(depth, index, k));
            }
            else
            {
                Inner(depth, index, k);
            }
        }

        void Inner(int depth, Dictionary<int, IndexForm> index, LoopExpr k)
        {
            if (depth == order.Length)
            {
                each(index, k);
                return;
            }

            var label = order[depth];
            var stride = BodyMath.Index(strides[label]);
            var (from, to) = label == plan.K[0] ? (Body.FloorDiv(kFrom, stride), Body.FloorDiv(kEnd, stride)) : (BodyMath.Index(0), BodyMath.Index(plan.Sizes[label]));
            Body.For(from, to, 1, mayBeEmpty: true, i =>
                Nest(depth + 1, new Dictionary<int, IndexForm>(index) { [label] = Space.Counter(i, plan.Sizes[label]) }, Body.Add(k, Body.Mul(i, stride))));
        }
    }

    private Dictionary<int, IndexForm> AtK(IReadOnlyDictionary<int, IndexForm> outer, LoopExpr k, int lanes)
    {
        var index = new Dictionary<int, IndexForm>(outer);
        plan.Unravel(Space, Space.Counter(k, SizeExpr.Zero, plan.KSize, vectorised: lanes > 1), plan.K, index);
        return index;
    }
}
