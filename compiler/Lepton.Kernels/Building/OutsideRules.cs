using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>Where an index that may lie outside its axis ends up.</summary>
internal static class OutsideRules
{
    /// <summary>The index to read, and (null: everywhere) where anything is to be read at all.</summary>
    public static (IndexForm Index, LoopExpr? Inside) Reach(KernelBuilder kernel, IndexForm form, Outside outside, SizeExpr size, int lanes)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        if (outside == Outside.Never || space.IsInside(form, size) || kernel.AssumedInside?.Invoke(form, size) == true)
        {
            return (form, null);
        }

        kernel.OnGuard?.Invoke(form, size);

        if (outside == Outside.Fill)
        {
            return (form, Checks.Inside(kernel, space.ToValue(form, lanes), size));
        }

        // An axis of size 0 has no nearest element: nothing is read, the value is 0.
        var inside = kernel.IsPositive(size) ? null : body.Less(BodyMath.Index(0), BodyMath.Index(size));
        if (outside == Outside.Wrap)
        {
            return (space.Mod(form, size), inside);
        }

        var index = space.ToValue(form, lanes);
        var last = BodyMath.Index(size - SizeExpr.One);
        if (outside == Outside.Clamp)
        {
            index = body.Min(body.Max(index, BodyMath.Index(0)), last);
        }
        else
        {
            // Reflect, period p = 2(n-1): with m = i mod p (0 if p = 0) it is m up to n-1 and p - m behind: (n-1) - |(n-1) - m|.
            var m = body.Rem(index, BodyMath.Index((size - SizeExpr.One) * 2));
            index = body.Sub(last, body.Map(MapOp.Abs, ElementType.I64, body.Sub(last, m)));
        }

        return (space.FormOf(index, SizeExpr.Zero, size), inside);
    }
}

/// <summary>Run-time checks of indices that are data.</summary>
internal static class Checks
{
    /// <summary>0 ≤ index &lt; size, scalar or lanes.</summary>
    public static LoopExpr Inside(KernelBuilder kernel, LoopExpr index, SizeExpr size)
    {
        var body = kernel.Body;
        return body.And(
            body.Map(MapOp.GreaterEqual, ElementType.Bool, index, BodyMath.Index(0)),
            body.Less(index, BodyMath.Index(size)))!;
    }

    /// <summary>Reports the elements for which <paramref name="inside"/> is false; those that the coordinates mask away are not asked for.</summary>
    public static void Fail(KernelBuilder kernel, int site, LoopExpr index, SizeExpr size, LoopExpr inside, IndexForm element, Coords at)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        var bad = body.And(body.Not(inside), at.Mask)!;
        var bound = BodyMath.Index(size);
        if (bad.Type.Lanes == 1)
        {
            // The same index in all lanes fails first in lane 0.
            var first = space.IsUniform(element) ? space.ToScalar(element) : FirstLane(kernel, element, at.Lanes);
            body.AddCheck(new FailStatement(bad, site, first, index, bound), bad, first, index);
            return;
        }

        var elements = body.Splat(space.ToValue(element, at.Lanes), at.Lanes);
        var indices = body.Splat(index, at.Lanes);
        var any = body.LaneReduce(ReduceKind.Any, bad);
        var reports = new List<LoopStatement>();
        for (var lane = 0; lane < at.Lanes; lane++)
        {
            reports.Add(new FailStatement(
                new LaneExpr(new LaneType(ElementType.Bool, 1), bad, lane),
                site,
                new LaneExpr(LaneType.Index, elements, lane),
                new LaneExpr(LaneType.Index, indices, lane),
                bound));
        }

        body.AddCheck(new IfStatement(any, reports.ToValueList(), []), any, elements, indices);
    }

    private static LoopExpr FirstLane(KernelBuilder kernel, IndexForm element, int lanes) =>
        kernel.Body.Let(new LaneExpr(LaneType.Index, kernel.Space.ToLanes(element, lanes), 0));
}
