using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Panels of 16-bit integers, in which the values of two neighbouring k lie side by side, because one instruction multiplies and adds in pairs:
/// <code>
/// step s of a panel of B:   b(2s, n) b(2s+1, n)   b(2s, n+1) b(2s+1, n+1)   …
/// </code>
/// Where k is odd, the second value of the last step is 0.
/// </summary>
internal sealed class ContractionPairs(KernelBuilder kernel, ContractionPlan plan)
{
    private BodyBuilder Body => kernel.Body;

    /// <summary>The instruction's operand for one row of A: its pair, again and again.</summary>
    public LoopExpr Splat(LoopExpr pair, int lanes) =>
        Body.Let(new ShuffleExpr(new LaneType(ElementType.I16, 2 * lanes), pair, pair, Enumerable.Range(0, 2 * lanes).Select(l => l % 2).ToValueList()));

    /// <summary>Packs steps from … to-1 of the rows at <paramref name="rows"/>, in vectors along k where A is stored that way.</summary>
    /// <param name="origin">The panel's first element, in pairs.</param>
    public void PackA(int buffer, LoopExpr origin, IReadOnlyList<LoopExpr> rows, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr from, LoopExpr to, int lanes)
    {
        var vector = plan.A.IsContiguous && lanes > 1;
        var whole = Body.Min(to, Whole());
        var vectorEnd = vector ? Body.Add(from, Body.Mul(Body.FloorDiv(Body.Max(Body.Sub(whole, from), BodyMath.Index(0)), BodyMath.Index(lanes)), BodyMath.Index(lanes))) : from;
        if (vector)
        {
            Body.For(from, vectorEnd, lanes, mayBeEmpty: true, step => Each(step, (k, row) =>
            {
                var all = Narrow(Value(k, row, 2 * lanes), 2 * lanes);
                return [.. Enumerable.Range(0, lanes).Select(p => Body.Let(new ShuffleExpr(new LaneType(ElementType.I16, 2), all, all, [2 * p, (2 * p) + 1])))];
            }));
        }

        Body.For(vectorEnd, whole, 1, mayBeEmpty: true, step => Each(step, (k, row) =>
            [Pair(Narrow(Value(k, row, 1), 1), Narrow(Value(Body.Add(k, BodyMath.Index(1)), row, 1), 1))]));
        Half(to, step => Each(step, (k, row) => [Pair(Narrow(Value(k, row, 1), 1), Zero(1))]));

        void Each(LoopExpr step, Func<LoopExpr, LoopExpr, LoopExpr[]> pairs)
        {
            var place = Body.Add(origin, Body.Mul(Body.Sub(step, from), BodyMath.Index(rows.Count)));
            for (var i = 0; i < rows.Count; i++)
            {
                var values = pairs(First(step), rows[i]);
                for (var p = 0; p < values.Length; p++)
                {
                    Body.Store(buffer, Body.Mul(Body.Add(place, BodyMath.Index((p * rows.Count) + i)), BodyMath.Index(2)), values[p]);
                }
            }
        }

        LoopExpr Value(LoopExpr k, LoopExpr row, int width)
        {
            var index = new Dictionary<int, IndexForm>(outer);
            plan.Unravel(kernel.Space, kernel.Space.Counter(row, plan.MSize), plan.M, index);
            plan.Unravel(kernel.Space, kernel.Space.Counter(k, SizeExpr.Zero, plan.KSize, vectorised: width > 1), plan.K, index);
            return plan.Side(kernel, plan.A, index, width, null);
        }
    }

    /// <summary>Packs steps from … to-1 of one vector of columns.</summary>
    /// <param name="origin">Where the first of them goes in step <paramref name="from"/>, in pairs.</param>
    /// <param name="columns">Of the panel.</param>
    public void PackB(int buffer, LoopExpr origin, int columns, int lanes, LoopExpr? mask, Dictionary<int, IndexForm> outer, LoopExpr from, LoopExpr to)
    {
        Body.For(from, Body.Min(to, Whole()), 1, mayBeEmpty: true, step => Each(step, k => Value(Body.Add(k, BodyMath.Index(1)))));
        Half(to, step => Each(step, _ => Zero(lanes)));

        void Each(LoopExpr step, Func<LoopExpr, LoopExpr> second)
        {
            var place = Body.Add(origin, Body.Mul(Body.Sub(step, from), BodyMath.Index(columns)));
            Body.Store(buffer, Body.Mul(place, BodyMath.Index(2)), Pair(Value(First(step)), second(First(step))));
        }

        LoopExpr Value(LoopExpr k)
        {
            var index = new Dictionary<int, IndexForm>(outer);
            plan.Unravel(kernel.Space, kernel.Space.Counter(k, plan.KSize), plan.K, index);
            return Narrow(plan.Side(kernel, plan.B, index, lanes, mask), lanes);
        }
    }

    // The steps that have both values.
    private LoopExpr Whole() => Body.FloorDiv(BodyMath.Index(plan.KSize), BodyMath.Index(2));

    private LoopExpr First(LoopExpr step) => Body.Mul(step, BodyMath.Index(2));

    // The last step, if it has one value and lies before to.
    private void Half(LoopExpr to, Action<LoopExpr> emit)
    {
        if (SizeExpr.Mod(plan.KSize, 2) != SizeExpr.Zero)
        {
            Body.For(Whole(), Body.Min(to, BodyMath.Index(plan.Steps)), 1, mayBeEmpty: true, emit);
        }
    }

    private LoopExpr Narrow(LoopExpr value, int lanes) => Body.Map(MapOp.Cast, ElementType.I16, Body.Splat(value, lanes));

    // a0 b0 a1 b1 …
    private LoopExpr Pair(LoopExpr a, LoopExpr b) => Body.Let(new ShuffleExpr(
        new LaneType(ElementType.I16, 2 * a.Type.Lanes), a, b, Enumerable.Range(0, 2 * a.Type.Lanes).Select(l => (l / 2) + (l % 2 * a.Type.Lanes)).ToValueList()));

    private static LoopExpr Zero(int lanes) => BodyMath.Number(ElementType.I16, 0, lanes);
}
