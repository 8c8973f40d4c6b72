using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// One affine access that may lie outside: 0 ≤ Σ Coefficients·axis + rest &lt; Size for rest in Low … Top. Inside the interior of a row all of
/// them hold, and nothing there needs a mask, a clamp or a gather:
/// <code>
/// row:   from ░░░ low ████████ interior ████████ high ░░░ to
/// </code>
/// </summary>
internal sealed record NestEdge(ValueList<SizeExpr> Coefficients, SizeExpr Low, SizeExpr Top, SizeExpr Size)
{
    /// <summary>
    /// The access as an edge, or null if it is none: symbols other than the axes' must have bounds, and it must move along the inner axis by
    /// a constant.
    /// </summary>
    /// <param name="axes">The symbol of each axis of the nest; -1: the axis has none.</param>
    public static NestEdge? Of(IndexSpace space, IndexForm form, SizeExpr size, int[] axes, int inner)
    {
        var rest = form;
        var coefficients = new SizeExpr[axes.Length];
        for (var axis = 0; axis < axes.Length; axis++)
        {
            coefficients[axis] = axes[axis] < 0 ? SizeExpr.Zero : form.Coefficient(axes[axis]);
            rest -= axes[axis] < 0 ? IndexForm.Zero : IndexForm.Of(axes[axis]) * coefficients[axis];
        }

        if (form.Lane != SizeExpr.Zero)
        {
            // The lanes belong to the inner axis.
            rest -= IndexForm.LaneNumber() * form.Lane;
        }

        var along = inner < 0 ? SizeExpr.Zero : coefficients[inner];
        var (low, high) = space.Bounds(rest);
        return low is null || high is null || !along.IsConstant || space.HasVector(form) || (form.Lane != SizeExpr.Zero && form.Lane != along)
            ? null
            : new NestEdge(coefficients.ToValueList(), low, high - SizeExpr.One, size);
    }

    /// <summary>The stretch low … high-1 of the inner axis where the access is inside, cut to from … to-1; empty where it is nowhere.</summary>
    public (LoopExpr Low, LoopExpr High) Interior(BodyBuilder body, IndexSpace space, int[] axes, int inner, LoopExpr from, LoopExpr to)
    {
        var outer = IndexForm.Zero;
        for (var axis = 0; axis < axes.Length; axis++)
        {
            outer += axis == inner || axes[axis] < 0 ? IndexForm.Zero : IndexForm.Of(axes[axis]) * Coefficients[axis];
        }

        // 0 ≤ c·i + least  and  c·i + most < size
        var least = space.ToScalar(outer + IndexForm.Of(Low));
        var most = space.ToScalar(outer + IndexForm.Of(Top));
        var c = inner < 0 ? 0 : Coefficients[inner].AsConstant!.Value;
        var room = body.Sub(BodyMath.Index(Size - SizeExpr.One), most); // the largest c·i
        var need = body.Sub(BodyMath.Index(0), least); // the smallest c·i
        LoopExpr low, high;
        switch (c)
        {
            case 0:
                var fits = body.And(
                    body.Map(MapOp.LessEqual, ElementType.Bool, need, BodyMath.Index(0)),
                    body.Map(MapOp.GreaterEqual, ElementType.Bool, room, BodyMath.Index(0)))!;
                (low, high) = (from, body.Select(fits, to, from));
                break;
            case > 0:
                low = body.FloorDiv(body.Add(need, BodyMath.Index(c - 1)), BodyMath.Index(c));
                high = body.Add(body.FloorDiv(room, BodyMath.Index(c)), BodyMath.Index(1));
                break;
            default:
                // With c = -d: i ≤ floor(-need / d) and i ≥ ceil(-room / d).
                low = body.Sub(BodyMath.Index(0), body.FloorDiv(room, BodyMath.Index(-c)));
                high = body.Add(body.FloorDiv(body.Sub(BodyMath.Index(0), need), BodyMath.Index(-c)), BodyMath.Index(1));
                break;
        }

        low = body.Min(body.Max(low, from), to);
        return (low, body.Min(body.Max(high, low), to));
    }
}
