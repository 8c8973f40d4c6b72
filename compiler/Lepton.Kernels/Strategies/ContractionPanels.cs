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
/// What stands before the product (casts, scaling, masks) is computed on the way.
/// </summary>
internal sealed class ContractionPanels(KernelBuilder kernel, ContractionPlan plan, ContractionShape shape)
{
    private BodyBuilder Body => kernel.Body;

    private IndexSpace Space => kernel.Space;

    /// <summary>Packs rows mFrom … mEnd-1 and kFrom … kEnd-1 of A. Rows behind the last repeat it, so that no panel is partly filled.</summary>
    /// <param name="outer">The indices of the outer labels that A has.</param>
    /// <param name="depth">Elements of k from panel to panel.</param>
    /// <param name="origin">Where element (mFrom, kFrom) goes.</param>
    public void PackA(int buffer, LoopExpr origin, LoopExpr depth, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr mFrom, LoopExpr mEnd, LoopExpr kFrom, LoopExpr kEnd)
    {
        var clamps = SizeExpr.Mod(plan.MSize, shape.Rows) != SizeExpr.Zero;
        Body.For(mFrom, mEnd, shape.Rows, mayBeEmpty: false, m =>
        {
            var panel = Body.Add(origin, Body.Mul(Body.Sub(m, mFrom), depth));
            var rows = new LoopExpr[shape.Rows];
            for (var i = 0; i < rows.Length; i++)
            {
                rows[i] = Body.Add(m, BodyMath.Index(i));
                rows[i] = clamps ? Body.Min(rows[i], BodyMath.Index(plan.MSize - SizeExpr.One)) : rows[i];
            }

            // A costly prologue runs in vectors along k, which are then taken apart.
            var lanes = plan.Prologue ? shape.Lanes : 1;
            var vectorEnd = lanes == 1 ? kFrom : Body.Sub(kEnd, Body.Rem(Body.Sub(kEnd, kFrom), BodyMath.Index(lanes)));
            if (lanes > 1)
            {
                Body.For(kFrom, vectorEnd, lanes, mayBeEmpty: true, k => Each(k, lanes));
            }

            Body.For(vectorEnd, kEnd, 1, mayBeEmpty: true, k => Each(k, 1));

            void Each(LoopExpr k, int width)
            {
                var place = Body.Add(panel, Body.Mul(Body.Sub(k, kFrom), BodyMath.Index(shape.Rows)));
                for (var i = 0; i < rows.Length; i++)
                {
                    var index = new Dictionary<int, IndexForm>(outer);
                    plan.Unravel(Space, Space.Counter(rows[i], plan.MSize), plan.M, index);
                    plan.Unravel(Space, Space.Counter(k, SizeExpr.Zero, plan.KSize, vectorised: width > 1), plan.K, index);
                    var value = Body.Splat(plan.Side(kernel, plan.Left, index, width, null), width);
                    Body.Store(buffer, Body.Add(place, BodyMath.Index(i)), value, width == 1 ? null : BodyMath.Index(shape.Rows));
                }
            }
        });
    }

    /// <summary>Packs columns nFrom … nEnd-1 of B; columns behind the last are filled with anything.</summary>
    public void PackB(int buffer, LoopExpr origin, LoopExpr depth, IReadOnlyDictionary<int, IndexForm> outer, LoopExpr nFrom, LoopExpr nEnd, LoopExpr kFrom, LoopExpr kEnd)
    {
        var rest = SizeExpr.Mod(plan.NSize, shape.Columns);
        var wholeEnd = rest == SizeExpr.Zero ? nEnd : Body.Min(nEnd, BodyMath.Index(plan.NSize - rest));
        Panels(nFrom, wholeEnd, false);
        if (rest != SizeExpr.Zero)
        {
            Panels(Body.Max(wholeEnd, nFrom), nEnd, true);
        }

        void Panels(LoopExpr from, LoopExpr to, bool masked)
        {
            if (plan.BIsContiguous)
            {
                // Along n memory is contiguous: row after row.
                Body.For(kFrom, kEnd, 1, mayBeEmpty: true, k => Body.For(from, to, shape.Columns, mayBeEmpty: true, n => Each(n, k, masked)));
            }
            else
            {
                Body.For(from, to, shape.Columns, mayBeEmpty: true, n => Body.For(kFrom, kEnd, 1, mayBeEmpty: true, k => Each(n, k, masked)));
            }
        }

        void Each(LoopExpr n, LoopExpr k, bool masked)
        {
            var place = Body.Add(
                Body.Add(origin, Body.Mul(Body.Sub(n, nFrom), depth)), Body.Mul(Body.Sub(k, kFrom), BodyMath.Index(shape.Columns)));
            for (var v = 0; v < shape.Vectors; v++)
            {
                var column = Body.Add(n, BodyMath.Index(v * shape.Lanes));
                var index = new Dictionary<int, IndexForm>(outer);
                plan.Unravel(Space, Space.Counter(k, plan.KSize), plan.K, index);
                plan.Unravel(Space, Space.Counter(column, SizeExpr.Zero, plan.NSize, vectorised: shape.Lanes > 1), plan.N, index);
                var mask = masked ? new ContractionTile(kernel, plan, shape).Mask(column) : null;
                var value = Body.Splat(plan.Side(kernel, plan.Right, index, shape.Lanes, mask), shape.Lanes);
                Body.Store(buffer, Body.Add(place, BodyMath.Index(v * shape.Lanes)), value);
            }
        }
    }
}
