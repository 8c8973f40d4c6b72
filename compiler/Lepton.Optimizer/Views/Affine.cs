using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Views;

/// <summary>Arithmetic of accesses: composition, ranges, renaming of axes.</summary>
internal static class Affine
{
    /// <summary>
    /// The accesses of y over x, where y[i…] = m[outer(i)…] and m[j…] = x[inner(j)…], so that y[i…] = x[inner(outer(i))…].
    /// <code>
    /// y ──outer──▶ m ──inner──▶ x
    /// </code>
    /// An index that stays inside m passes through inner, which keeps its modes. An index that may lie outside m (or is data) passes only
    /// where the axis of m is exactly an axis of x, forwards or backwards: there inside and outside mean the same for both.
    /// Null where this cannot be said. Where outer fills, or is data that each run checks, m may be empty while y is not; then what inner says of
    /// x is worth nothing, and every access has to be proved again, for the <paramref name="result"/>. Null also where the numbers become too large.
    /// </summary>
    public static (ValueList<AxisAccess> Access, Scalar? Fill)? Compose(
        ValueList<AxisAccess> outer, Scalar? outerFill, ValueList<SizeExpr> middle, ValueList<AxisAccess> inner, Scalar? innerFill, ValueList<SizeExpr> source,
        ValueList<SizeExpr> result)
    {
        if (outerFill is { } o && innerFill is { } i && o != i)
        {
            return null;
        }

        var reached = new bool[outer.Count];
        var composed = new AxisAccess[inner.Count];
        for (var axis = 0; axis < composed.Length; axis++)
        {
            foreach (var term in inner[axis].Terms)
            {
                reached[term.Axis] = true;
            }

            if (Through(outer, middle, inner[axis], source[axis]) is not { } access)
            {
                return null;
            }

            composed[axis] = access;
        }

        for (var axis = 0; axis < reached.Length; axis++)
        {
            // Over an axis that x does not have, only a fill or a run-time check says something.
            if (!reached[axis] && (outer[axis].Outside == Outside.Fill || outer[axis].Data >= 0))
            {
                return null;
            }
        }

        var list = composed.ToValueList();
        return !AxisAccess.Fit(list, source, result) || (outer.Any(a => a.Outside == Outside.Fill || a.Site >= 0) && !IsSafe(list, source, result))
            ? null
            : (list, list.Any(a => a.Outside == Outside.Fill) ? outerFill ?? innerFill : null);
    }

    /// <summary>Whether the affine access provably stays inside an axis of <paramref name="size"/> for all indices of <paramref name="shape"/>.</summary>
    public static bool IsInside(AxisAccess access, SizeExpr size, ValueList<SizeExpr> shape)
    {
        if (access.Data >= 0)
        {
            return false;
        }

        try
        {
            return Bounds(access, shape) is var (low, high) && low.IsProvablyNonNegative() && (size - SizeExpr.One - high).IsProvablyNonNegative();
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    // The least and the greatest index. Over a shape with an empty axis nothing is read, so n - 1 >= 0 in the bounds is no restriction.
    private static (SizeExpr Low, SizeExpr High)? Bounds(AxisAccess access, ValueList<SizeExpr> shape)
    {
        var (low, high) = (access.Offset, access.Offset);
        foreach (var (axis, coefficient) in access.Terms)
        {
            var end = coefficient * (shape[axis] - SizeExpr.One);
            if (coefficient.LowerBound() >= 0)
            {
                high += end;
            }
            else if (coefficient.UpperBound() <= 0)
            {
                low += end;
            }
            else
            {
                return null;
            }
        }

        return (low, high);
    }

    /// <summary>
    /// Whether accesses that were proved for some shape provably hold over <paramref name="shape"/>, which may have elements where that had none:
    /// plain ones stay inside, and clamp, wrap and reflect find an element. What fills needs nothing.
    /// </summary>
    public static bool IsSafe(ValueList<AxisAccess> accesses, ValueList<SizeExpr> source, ValueList<SizeExpr> shape)
    {
        for (var axis = 0; axis < accesses.Count; axis++)
        {
            var access = accesses[axis];
            var safe = access.Outside switch
            {
                Outside.Fill => true,
                Outside.Never => access.Data >= 0 || IsInside(access, source[axis], shape),
                _ => source[axis].LowerBound() > 0,
            };
            if (!safe)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The access with its result axes renumbered.</summary>
    public static AxisAccess Rename(AxisAccess access, Func<int, int> axis) => access with
    {
        Terms = access.Terms.Select(t => t with { Axis = axis(t.Axis) }).OrderBy(t => t.Axis).ToValueList(),
    };

    /// <summary>The result axes that the accesses depend on.</summary>
    public static SortedSet<int> Axes(ValueList<AxisAccess> accesses)
    {
        var axes = new SortedSet<int>();
        foreach (var access in accesses)
        {
            axes.UnionWith(access.Terms.Select(t => t.Axis));
        }

        return axes;
    }

    /// <summary>
    /// Whether every axis of the source is whole a different axis of the view: nothing is left out or repeated along it. A plain index of a
    /// shorter axis is the start of the source (<c>x[:3]</c>), which is another matter.
    /// </summary>
    public static bool IsPlain(GraphAssembler graph, ViewNode view) => IsPlain(view, graph.TypeOf(view.Source).Shape);

    /// <inheritdoc cref="IsPlain(GraphAssembler, ViewNode)"/>
    public static bool IsPlain(ViewNode view, ValueList<SizeExpr> source)
    {
        var taken = new HashSet<int>();
        for (var axis = 0; axis < view.Access.Count; axis++)
        {
            var plain = view.Access[axis].AsPlainAxis;
            if (plain < 0 || view.Type.Shape[plain] != source[axis] || !taken.Add(plain))
            {
                return false;
            }
        }

        return true;
    }

    private static AxisAccess? Through(ValueList<AxisAccess> outer, ValueList<SizeExpr> middle, AxisAccess inner, SizeExpr size)
    {
        var guarded = inner.Terms.Any(t => outer[t.Axis].Outside != Outside.Never || outer[t.Axis].Data >= 0);
        if (!guarded)
        {
            return Substitute(outer, inner) is { } whole ? whole with { Outside = inner.Outside } : null;
        }

        if (inner.Terms.Count != 1 || inner.Outside != Outside.Never || middle[inner.Terms[0].Axis] != size)
        {
            return null;
        }

        var (axis, coefficient) = inner.Terms[0];
        var forwards = coefficient == SizeExpr.One && inner.Offset == SizeExpr.Zero;
        var backwards = coefficient == SizeExpr.Constant(-1) && inner.Offset == size - SizeExpr.One && outer[axis].Data < 0;
        return forwards ? outer[axis]
            : backwards && Substitute(outer, inner) is { } turned ? turned with { Outside = outer[axis].Outside }
            : null;
    }

    private static AxisAccess? Substitute(ValueList<AxisAccess> outer, AxisAccess inner)
    {
        try
        {
            return Substituted(outer, inner);
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static AxisAccess Substituted(ValueList<AxisAccess> outer, AxisAccess inner)
    {
        var offset = inner.Offset;
        var terms = new SortedDictionary<int, SizeExpr>();
        foreach (var (axis, coefficient) in inner.Terms)
        {
            offset += coefficient * outer[axis].Offset;
            foreach (var term in outer[axis].Terms)
            {
                terms[term.Axis] = terms.GetValueOrDefault(term.Axis, SizeExpr.Zero) + coefficient * term.Coefficient;
            }
        }

        return new AxisAccess(offset, terms.Where(t => t.Value != SizeExpr.Zero).Select(t => new AffineTerm(t.Key, t.Value)).ToValueList());
    }
}
