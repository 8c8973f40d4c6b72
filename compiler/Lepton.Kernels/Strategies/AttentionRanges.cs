using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The keys that the rows of a block see, by a mask of indices. Of each register tile of rows, four bounds:
/// <code>
/// low        innerLow      innerHigh        high
///  │ some rows │    all rows    │  some rows  │         keys →
/// </code>
/// Outside low … high no row sees a key: nothing is computed. Inside innerLow … innerHigh the mask need not be asked.
/// </summary>
internal sealed class AttentionRanges
{
    private readonly KernelBuilder _kernel;
    private readonly AttentionPlan _plan;
    private readonly int _bounds;
    private LoopExpr _low;
    private LoopExpr _high;

    public AttentionRanges(KernelBuilder kernel, AttentionPlan plan)
    {
        (_kernel, _plan) = (kernel, plan);
        _bounds = kernel.Local("bounds", ElementType.I64, 4 * (plan.BlockRows / plan.TileRows));
        (_low, _high) = (BodyMath.Index(0), BodyMath.Index(plan.KeysSize));
    }

    /// <summary>Whether a row may see a key and not all before it.</summary>
    public bool HasLow => _plan.Mask!.Seen.Any(s => s.Coefficient(_plan.Mask.Key) == SizeExpr.One);

    private BodyBuilder Body => _kernel.Body;

    // Starts of what is computed are those of whole panels and whole vectors.
    private int Unit => Math.Max(_plan.Columns, _plan.Wide);

    /// <summary>Computes the bounds for the block with so many rows.</summary>
    /// <param name="axesOf">The axes of the logits at a row of the block.</param>
    public void Make(LoopExpr rows, Func<LoopExpr, IndexForm[]> axesOf)
    {
        var (least, most) = (Body.Declare(BodyMath.Index(_plan.KeysSize)), Body.Declare(BodyMath.Index(0)));
        Body.For(BodyMath.Index(0), rows, _plan.TileRows, mayBeEmpty: false, first =>
        {
            var (zero, all) = (BodyMath.Index(0), BodyMath.Index(_plan.KeysSize));
            VariableExpr[] bounds = [Body.Declare(all), Body.Declare(zero), Body.Declare(all), Body.Declare(zero)];
            Body.For(zero, BodyMath.Index(_plan.TileRows), 1, mayBeEmpty: false, i =>
            {
                var (low, high) = Seen(axesOf(Body.Add(first, i)));
                LoopExpr[] bound = [Body.Min(bounds[0], low), Body.Max(bounds[1], low), Body.Min(bounds[2], high), Body.Max(bounds[3], high)];
                for (var b = 0; b < bounds.Length; b++)
                {
                    Body.Assign(bounds[b], bound[b]);
                }
            });
            for (var b = 0; b < bounds.Length; b++)
            {
                Body.Store(_bounds, Place(first, b), Body.Read(bounds[b]));
            }

            Body.Assign(least, Body.Min(least, bounds[0]));
            Body.Assign(most, Body.Max(most, bounds[3]));
        });
        (_low, _high) = (Body.Read(least), Body.Read(most));
    }

    /// <summary>Whether some row of the block may see a key of from … to-1.</summary>
    public LoopExpr IsSeen(LoopExpr from, LoopExpr to) => Body.And(Body.Less(from, _high), Body.Less(_low, to))!;

    /// <summary>What of the keys from … to-1, which begin a block, the tile that begins at a row computes: all of them, or where some row sees one.</summary>
    public (LoopExpr From, LoopExpr To) Computed(LoopExpr row, LoopExpr from, LoopExpr to, LoopExpr skips)
    {
        var start = Body.Max(from, Down(Bound(row, 0), Unit));
        var end = Body.Min(to, Down(Body.Add(Bound(row, 3), BodyMath.Index(Unit - 1)), Unit));
        return (Body.Select(skips, start, from), Body.Select(skips, end, to));
    }

    /// <summary>Which of the computed keys, in whole vectors, all rows of a tile see.</summary>
    public (LoopExpr From, LoopExpr To) Unmasked(LoopExpr row, LoopExpr from, LoopExpr to)
    {
        var whole = Down(to, _plan.Wide);
        var start = Body.Min(Body.Max(from, Down(Body.Add(Bound(row, 1), BodyMath.Index(_plan.Wide - 1)), _plan.Wide)), whole);
        return (start, Body.Max(start, Body.Min(whole, Down(Bound(row, 2), _plan.Wide))));
    }

    // The keys low … high-1 that one row sees; none where low is not below high.
    private (LoopExpr Low, LoopExpr High) Seen(IndexForm[] axes)
    {
        var (zero, all) = (BodyMath.Index(0), BodyMath.Index(_plan.KeysSize));
        var (low, high) = (zero, all);
        foreach (var bound in _plan.Mask!.Seen)
        {
            var rest = IndexForm.Of(bound.Offset);
            foreach (var (axis, coefficient) in bound.Terms.Where(t => t.Axis != _plan.Mask.Key))
            {
                rest += axes[axis] * coefficient;
            }

            if (bound.Coefficient(_plan.Mask.Key) == SizeExpr.One)
            {
                low = Body.Max(low, _kernel.Space.ToScalar(rest * SizeExpr.Constant(-1)));
            }
            else
            {
                high = Body.Min(high, _kernel.Space.ToScalar(rest + SizeExpr.One));
            }
        }

        return (Body.Min(low, all), Body.Max(high, zero));
    }

    private LoopExpr Bound(LoopExpr row, int which) => Body.Let(new LoadExpr(LaneType.Index, _bounds, Place(row, which)));

    private LoopExpr Place(LoopExpr row, int which) =>
        Body.Add(Body.Mul(Body.FloorDiv(row, BodyMath.Index(_plan.TileRows)), BodyMath.Index(4)), BodyMath.Index(which));

    private LoopExpr Down(LoopExpr value, int multiple) => Body.Sub(value, Body.Rem(value, BodyMath.Index(multiple)));
}
