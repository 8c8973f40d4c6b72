using Lepton.Abi;

namespace Lepton.Kernels.Building;

/// <summary>
/// Index arithmetic of reshapes. Both shapes are cut into the smallest groups of axes with equal products; inside a group the row-major
/// number is taken apart again: [B, H, W] against [B, H·W] is (b) and (h·W + w) alone.
/// </summary>
internal static class ReshapeRules
{
    /// <summary>The index into <paramref name="source"/> of the element at <paramref name="index"/> of <paramref name="result"/>.</summary>
    public static ValueList<IndexForm> SourceIndex(
        IndexSpace space, ValueList<IndexForm> index, ValueList<SizeExpr> result, ValueList<SizeExpr> source)
    {
        var axes = new IndexForm[source.Count];
        foreach (var (resultAxes, sourceAxes) in Groups(result, source))
        {
            var number = IndexForm.Zero;
            for (var axis = resultAxes.Start.Value; axis < resultAxes.End.Value; axis++)
            {
                number = (number * result[axis]) + (result[axis] == SizeExpr.One ? IndexForm.Zero : index[axis]);
            }

            for (var axis = sourceAxes.End.Value - 1; axis >= sourceAxes.Start.Value; axis--)
            {
                // The first axis that counts takes all that is left.
                var isFirst = true;
                for (var before = sourceAxes.Start.Value; before < axis; before++)
                {
                    isFirst &= source[before] == SizeExpr.One;
                }

                if (source[axis] == SizeExpr.One)
                {
                    axes[axis] = IndexForm.Zero;
                }
                else if (isFirst)
                {
                    axes[axis] = number;
                    number = IndexForm.Zero;
                }
                else
                {
                    axes[axis] = space.Mod(number, source[axis]);
                    number = space.Div(number, source[axis]);
                }
            }
        }

        return axes.ToValueList();
    }

    /// <summary>Pairs of ranges of axes with equal products, in order; together they are all axes.</summary>
    public static IEnumerable<(Range Left, Range Right)> Groups(ValueList<SizeExpr> left, ValueList<SizeExpr> right)
    {
        int i = 0, j = 0;
        while (i < left.Count || j < right.Count)
        {
            var (startI, startJ) = (i, j);
            var (a, b) = (SizeExpr.One, SizeExpr.One);
            do
            {
                // Extend the side whose product divides the other's; when that does not show, the left as long as it has axes.
                var extendRight = j < right.Count && (i == left.Count || (a != SizeExpr.One && SizeExpr.TryDivideExactly(a, b) is not null && a != b));
                if (extendRight)
                {
                    b *= right[j++];
                }
                else
                {
                    a *= left[i++];
                }

                // Equal at once and nothing on one side: take the other side's axis along if it is of the same size.
                if (a != b && i == left.Count && j == right.Count)
                {
                    break;
                }
            }
            while (a != b);

            // Trailing ones belong to the last group, so that no group is empty on one side for nothing.
            yield return (startI..i, startJ..j);
        }
    }
}
