using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Folding;

/// <summary>A view of listed numbers, listed.</summary>
internal static class ConstantViews
{
    public static NodeId? Fold(GraphAssembler target, ViewNode view)
    {
        if (target[view.Source] is not ConstantNode constant || view.Type.Count.AsConstant is not (> 0 and <= FoldConstants.MaxElements)
            || view.Access.Any(a => !a.Offset.IsConstant || a.Terms.Any(t => !t.Coefficient.IsConstant)))
        {
            return null;
        }

        // A repeated constant is better loaded from the short list.
        if (view.Type.Count.AsConstant > constant.Values.Count)
        {
            return null;
        }

        long[] shape = [.. view.Type.Shape.Select(s => s.AsConstant!.Value)];
        long[] sizes = [.. constant.Type.Shape.Select(s => s.AsConstant!.Value)];
        var values = new Scalar[view.Type.Count.AsConstant.Value];
        var index = new long[shape.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Position(view.Access, sizes, index) is { } position ? constant.Values[(int)position] : view.Fill!.Value;
            for (var axis = shape.Length - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--)
            {
                index[axis] = 0;
            }
        }

        return target.Constant(view.Type, ValueList.Create<Scalar>(values));
    }

    // The row-major position in the source; null outside where a fill value stands.
    private static long? Position(ValueList<AxisAccess> accesses, long[] sizes, long[] index)
    {
        long position = 0;
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            var access = accesses[axis];
            var i = access.Offset.AsConstant!.Value;
            foreach (var term in access.Terms)
            {
                i += term.Coefficient.AsConstant!.Value * index[term.Axis];
            }

            if (Inside(i, sizes[axis], access.Outside) is not { } inside)
            {
                return null;
            }

            position = (position * sizes[axis]) + inside;
        }

        return position;
    }

    private static long? Inside(long i, long n, Outside outside)
    {
        switch (outside)
        {
            case Outside.Clamp:
                return Math.Clamp(i, 0, n - 1);
            case Outside.Wrap:
                return ((i % n) + n) % n;
            case Outside.Reflect:
                var period = Math.Max(2 * (n - 1), 1);
                var phase = ((i % period) + period) % period;
                return Math.Min(phase, period - phase) % n;
            default:
                return i >= 0 && i < n ? i : outside == Outside.Fill ? null : throw new CompilerBugException("fold-constants", $"index {i} of {n}");
        }
    }
}
