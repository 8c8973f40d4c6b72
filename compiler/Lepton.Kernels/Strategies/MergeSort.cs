using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>Stable merge sort of a row, bottom up: runs of 1, 2, 4, … are merged from one half of the scratch into the other.</summary>
internal static class MergeSort
{
    /// <summary>Answers where the sorted half starts.</summary>
    public static LoopExpr Emit(SortScratch scratch, LoopExpr start)
    {
        var (body, n) = (scratch.Body, BodyMath.Index(scratch.Length));
        var source = body.Declare(start);
        var target = body.Declare(body.Add(start, n));
        var width = body.Declare(BodyMath.Index(1));
        body.While(() => body.Less(body.Read(width), n), () =>
        {
            var (from, to, w) = (body.Read(source), body.Read(target), body.Read(width));
            var low = body.Declare(BodyMath.Index(0));
            body.While(() => body.Less(body.Read(low), n), () =>
            {
                var left = body.Read(low);
                var middle = body.Min(body.Add(left, w), n);
                var end = body.Min(body.Add(middle, w), n);
                var isFull = body.Map(MapOp.Equal, ElementType.Bool, body.Sub(end, left), body.Add(w, w));
                body.If(isFull, () => MergeFull(scratch, from, to, left, w), () => Merge(scratch, from, to, left, middle, end));
                body.Assign(low, end);
            });
            body.Assign(source, to);
            body.Assign(target, from);
            body.Assign(width, body.Add(w, w));
        });
        return body.Read(source);
    }

    // Two runs of w: the w least from their heads, the w greatest from their tails, at the same time and without a branch. After k < w steps
    // k elements are gone from the heads of both runs together, so that neither is exhausted; so it is with the tails.
    private static void MergeFull(SortScratch scratch, LoopExpr from, LoopExpr to, LoopExpr first, LoopExpr w)
    {
        var (body, one) = (scratch.Body, BodyMath.Index(1));
        var last = body.Sub(w, one);
        var (start, target) = (body.Add(from, first), body.Add(to, first));
        var (low, high) = (body.Declare(start), body.Declare(body.Add(start, w)));
        var (lowTail, highTail) = (body.Declare(body.Add(start, last)), body.Declare(body.Add(body.Add(start, w), last)));
        var end = body.Add(body.Add(target, w), last);
        body.For(BodyMath.Index(0), w, 1, true, k =>
        {
            var (i, j) = (body.Read(low), body.Read(high));
            var isRight = Stands(j, i);
            var right = body.Cast(isRight, ElementType.I64);
            scratch.Move(body.Select(isRight, j, i), body.Add(target, k));
            body.Assign(high, body.Add(j, right));
            body.Assign(low, body.Add(i, body.Sub(one, right)));

            // Of equals the right one is the last: the left one is only if the right one must stand before it.
            var (p, q) = (body.Read(lowTail), body.Read(highTail));
            var isLeft = Stands(q, p);
            var left = body.Cast(isLeft, ElementType.I64);
            scratch.Move(body.Select(isLeft, p, q), body.Sub(end, k));
            body.Assign(lowTail, body.Sub(p, left));
            body.Assign(highTail, body.Sub(q, body.Sub(one, left)));
        });

        // Whether the key at x must stand before the one at y.
        LoopExpr Stands(LoopExpr x, LoopExpr y) => scratch.Precedes(scratch.Load(scratch.Keys, x), scratch.Load(scratch.Keys, y));
    }

    private static void Merge(SortScratch scratch, LoopExpr from, LoopExpr to, LoopExpr left, LoopExpr middle, LoopExpr end)
    {
        var body = scratch.Body;
        var i = body.Declare(left);
        var j = body.Declare(middle);
        body.For(left, end, 1, true, k =>
        {
            var (l, r) = (body.Read(i), body.Read(j));
            var (hasLeft, hasRight) = (body.Less(l, middle), body.Less(r, end));
            var (atLeft, atRight) = (body.Add(from, l), body.Add(from, r));
            var (a, b) = (scratch.Load(scratch.Keys, atLeft, hasLeft), scratch.Load(scratch.Keys, atRight, hasRight));

            // The right one goes first only if it must: equals keep their order.
            var right = body.And(hasRight, body.Map(MapOp.Or, ElementType.Bool, body.Not(hasLeft), scratch.Precedes(b, a)))!;
            var place = body.Add(to, k);
            body.Store(scratch.Keys, place, body.Select(right, b, a));
            if (scratch.Positions is { } positions)
            {
                var (p, q) = (scratch.Load(positions, atLeft, hasLeft), scratch.Load(positions, atRight, hasRight));
                body.Store(positions, place, body.Select(right, q, p));
            }

            var step = body.Cast(right, ElementType.I64);
            body.Assign(j, body.Add(r, step));
            body.Assign(i, body.Add(l, body.Sub(BodyMath.Index(1), step)));
        });
    }
}
