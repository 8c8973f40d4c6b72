using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Panels of narrow integers, in which the values of g neighbouring k lie side by side, because one instruction multiplies and adds so many:
/// <code>
/// step s of a panel of B, g = 2:   b(2s, n) b(2s+1, n)   b(2s, n+1) b(2s+1, n+1)   …
/// </code>
/// Where g does not divide k, what the last step lacks is 0 in B, and anything in A.
/// </summary>
internal sealed class NarrowPanels(KernelBuilder kernel, ContractionPlan plan, NarrowProduct narrow)
{
    private readonly int _group = narrow.KPerStep;

    private BodyBuilder Body => kernel.Body;

    /// <summary>The instruction's operand for one row of A: its group, again and again.</summary>
    public LoopExpr Splat(LoopExpr group, int lanes) => Body.Let(new ShuffleExpr(
        new LaneType(narrow.Left, _group * lanes), group, group, Enumerable.Range(0, _group * lanes).Select(l => l % _group).ToValueList()));

    /// <summary>c + a·b, group by group.</summary>
    public LoopExpr Dot(LoopExpr a, LoopExpr b, LoopExpr c) => Body.Let(new DotExpr(c.Type, a, b, c));

    /// <summary>The operand for a row of A in which every value is the offset.</summary>
    public LoopExpr Offset(int lanes) => BodyMath.Number(narrow.Left, narrow.LeftOffset, _group * lanes);

    /// <summary>Packs steps from … to-1 of the rows at <paramref name="rows"/>, in vectors along k where A is stored that way.</summary>
    /// <param name="origin">The panel's first element, in groups.</param>
    public void PackA(int buffer, LoopExpr origin, IReadOnlyList<LoopExpr> rows, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr from, LoopExpr to, int lanes)
    {
        var vector = plan.A.IsContiguous && lanes > 1;
        var whole = Body.Min(to, Whole());
        var vectorEnd = vector ? Body.Add(from, Body.Mul(Body.FloorDiv(Body.Max(Body.Sub(whole, from), BodyMath.Index(0)), BodyMath.Index(lanes)), BodyMath.Index(lanes))) : from;
        if (vector)
        {
            Body.For(from, vectorEnd, lanes, mayBeEmpty: true, step => Each(step, (k, row) =>
            {
                var all = Value(k, row, _group * lanes);
                return [.. Enumerable.Range(0, lanes).Select(p => Body.Let(new ShuffleExpr(
                    new LaneType(narrow.Left, _group), all, all, Enumerable.Range(_group * p, _group).ToValueList())))];
            }));
        }

        Body.For(vectorEnd, whole, 1, mayBeEmpty: true, step => Each(step, (k, row) => [Scalars(k, row, _group)]));
        Rest(to, (step, count) => Each(step, (k, row) => [Scalars(k, row, count)]));

        void Each(LoopExpr step, Func<LoopExpr, LoopExpr, LoopExpr[]> groups)
        {
            var place = Body.Add(origin, Body.Mul(Body.Sub(step, from), BodyMath.Index(rows.Count)));
            for (var i = 0; i < rows.Count; i++)
            {
                var values = groups(First(step), rows[i]);
                for (var p = 0; p < values.Length; p++)
                {
                    Body.Store(buffer, Body.Mul(Body.Add(place, BodyMath.Index((p * rows.Count) + i)), BodyMath.Index(_group)), values[p]);
                }
            }
        }

        LoopExpr Scalars(LoopExpr k, LoopExpr row, int count) =>
            Group(narrow.Left, 1, count, j => Value(Body.Add(k, BodyMath.Index(j)), row, 1));

        LoopExpr Value(LoopExpr k, LoopExpr row, int width)
        {
            var index = new Dictionary<int, IndexForm>(outer);
            plan.Unravel(kernel.Space, kernel.Space.Counter(row, plan.MSize), plan.M, index);
            plan.Unravel(kernel.Space, kernel.Space.Counter(k, SizeExpr.Zero, plan.KSize, vectorised: width > 1), plan.K, index);
            var value = Body.Splat(plan.Side(kernel, plan.A, index, width, null), width);
            var moved = narrow.LeftOffset == 0 ? value : Body.Map(MapOp.Add, plan.Element, value, BodyMath.Number(plan.Element, narrow.LeftOffset, width));
            return Body.Map(MapOp.Cast, narrow.Left, moved);
        }
    }

    /// <summary>Packs steps from … to-1 of one vector of columns.</summary>
    /// <param name="origin">Where the first of them goes in step <paramref name="from"/>, in groups.</param>
    /// <param name="columns">Of the panel.</param>
    public void PackB(int buffer, LoopExpr origin, int columns, int lanes, LoopExpr? mask, Dictionary<int, IndexForm> outer, LoopExpr from, LoopExpr to)
    {
        Body.For(from, Body.Min(to, Whole()), 1, mayBeEmpty: true, step => Each(step, _group));
        Rest(to, Each);

        void Each(LoopExpr step, int count)
        {
            var place = Body.Add(origin, Body.Mul(Body.Sub(step, from), BodyMath.Index(columns)));
            var k = First(step);
            Body.Store(buffer, Body.Mul(place, BodyMath.Index(_group)), Group(narrow.Right, lanes, count, j => Value(Body.Add(k, BodyMath.Index(j)))));
        }

        LoopExpr Value(LoopExpr k)
        {
            var index = new Dictionary<int, IndexForm>(outer);
            plan.Unravel(kernel.Space, kernel.Space.Counter(k, plan.KSize), plan.K, index);
            return Body.Map(MapOp.Cast, narrow.Right, Body.Splat(plan.Side(kernel, plan.B, index, lanes, mask), lanes));
        }
    }

    // The steps that have all their values.
    private LoopExpr Whole() => Body.FloorDiv(BodyMath.Index(plan.KSize), BodyMath.Index(_group));

    private LoopExpr First(LoopExpr step) => Body.Mul(step, BodyMath.Index(_group));

    // The last step, if it has fewer values and lies before to; it is emitted for each number of values that it can have.
    private void Rest(LoopExpr to, Action<LoopExpr, int> emit)
    {
        var rest = SizeExpr.Mod(plan.KSize, _group);
        if (rest == SizeExpr.Zero)
        {
            return;
        }

        Body.For(Whole(), Body.Min(to, BodyMath.Index(plan.Steps)), 1, mayBeEmpty: true, step =>
        {
            for (var count = 1; count < _group; count++)
            {
                var values = count;
                if (rest.AsConstant == values || _group == 2)
                {
                    emit(step, values);
                }
                else if (rest.AsConstant is null)
                {
                    Body.If(Body.Map(MapOp.Equal, ElementType.Bool, BodyMath.Index(rest), BodyMath.Index(values)), () => emit(step, values));
                }
            }
        });
    }

    // a0 b0 c0 d0 a1 b1 …, from values that are there and zeros.
    private LoopExpr Group(ElementType element, int lanes, int count, Func<int, LoopExpr> value)
    {
        LoopExpr[] rows = [.. Enumerable.Range(0, _group).Select(j => j < count ? value(j) : BodyMath.Number(element, 0, lanes))];
        for (var size = 1; size < _group; size *= 2)
        {
            rows = [.. rows.Chunk(2).Select(pair => Interleave(pair[0], pair[1], size))];
        }

        return rows[0];
    }

    // So many lanes of a, so many of b, in turn.
    private LoopExpr Interleave(LoopExpr a, LoopExpr b, int size)
    {
        var lanes = a.Type.Lanes;
        return Body.Let(new ShuffleExpr(
            new LaneType(a.Type.Element, 2 * lanes), a, b, Enumerable.Range(0, 2 * lanes).Select(l => (l / (2 * size) * size) + (l % size) + (l / size % 2 * lanes)).ToValueList()));
    }
}
