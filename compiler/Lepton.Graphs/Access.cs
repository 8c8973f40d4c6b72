using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>What an access outside its axis gives.</summary>
public enum Outside
{
    /// <summary>Proved not to happen (affine), or checked at run time (data indices).</summary>
    Never,

    /// <summary>The fill value (gather and view); nothing is stored (scatter).</summary>
    Fill,

    // Clamp, wrap and reflect have nothing to read in an empty axis: the verifier refuses them there unless the result is empty too.

    /// <summary>The nearest element: index min(max(i, 0), n-1).</summary>
    Clamp,

    /// <summary>The index modulo n (floor).</summary>
    Wrap,

    /// <summary>Mirrored without repeating the edge: period 2(n-1); -1 is 1. n = 1 gives 0.</summary>
    Reflect,
}

/// <summary>coefficient × index of result axis <paramref name="Axis"/>.</summary>
public readonly record struct AffineTerm(int Axis, SizeExpr Coefficient);

/// <summary>
/// How one source axis is reached from the axes of the result: offset + Σ coefficient·index, where indices count from 0. Terms are sorted
/// by axis, each axis at most once, no zero coefficient. If <see cref="Data"/> ≥ 0 the index comes from that index operand instead
/// (gather and scatter only), and Offset and Terms are empty.
/// </summary>
/// <param name="Site">For data indices with <see cref="Outside.Never"/>: the number of the run-time check in <see cref="Graph.Sites"/>; -1 when proved inside.</param>
public sealed record AxisAccess(SizeExpr Offset, ValueList<AffineTerm> Terms, Outside Outside = Outside.Never, int Data = -1, int Site = -1)
{
    /// <summary>The plain index of one result axis.</summary>
    public static AxisAccess Axis(int axis) => new(SizeExpr.Zero, [new AffineTerm(axis, SizeExpr.One)]);

    /// <summary>A constant index.</summary>
    public static AxisAccess At(SizeExpr index) => new(index, []);

    public static AxisAccess FromData(int operand, Outside outside, int site) => new(SizeExpr.Zero, [], outside, operand, site);

    /// <summary>The result axis when this is exactly its plain index, else -1.</summary>
    public int AsPlainAxis =>
        Data < 0 && Outside == Outside.Never && Offset == SizeExpr.Zero && Terms.Count == 1 && Terms[0].Coefficient == SizeExpr.One ? Terms[0].Axis : -1;

    /// <summary>
    /// Whether places stay far from what 64 bits hold: max |offset + Σ coefficient·index|, in elements of the source, is below 2^62. A size that
    /// is not known counts as 1, of a symbolic number only the largest factor counts: then the sizes of a call may still break it.
    /// </summary>
    public static bool Fit(ValueList<AxisAccess> accesses, ValueList<SizeExpr> source, ValueList<SizeExpr> result)
    {
        var stride = 1.0;
        for (var axis = accesses.Count - 1; axis >= 0; axis--)
        {
            var far = Magnitude(accesses[axis].Offset);
            foreach (var (of, coefficient) in accesses[axis].Terms)
            {
                far += Magnitude(coefficient) * Math.Max((result[of].AsConstant ?? 1) - 1, 1);
            }

            if (far * stride > 1L << 62)
            {
                return false;
            }

            stride *= Math.Max(source[axis].AsConstant ?? 1, 1);
        }

        return true;
    }

    /// <summary>The greatest absolute value of the numbers in a size.</summary>
    public static double Magnitude(SizeExpr size) => size.Terms.Count == 0 ? 0 : size.Terms.Max(t => Math.Abs((double)t.Coefficient));

    /// <summary>The text form: <c>2*i0 + i3 - 1 else wrap</c>, <c>(N)*i0 + (M - 1)</c>, <c>data1 check 0</c>.</summary>
    public override string ToString()
    {
        var index = Data >= 0 ? $"data{Data}"
            : Terms.Count == 0 ? OffsetText(Offset, alone: true)
            : string.Join(" + ", Terms.Select(t => t.Coefficient == SizeExpr.One ? $"i{t.Axis}" : $"{CoefficientText(t.Coefficient)}*i{t.Axis}"))
                + OffsetText(Offset, alone: false);
        return index + (Site >= 0 ? $" check {Site}" : "") + (Outside == Outside.Never ? "" : $" else {Outside.ToString().ToLowerInvariant()}");
    }

    // Parentheses around what is no number keep a size variable called i0 apart from the index i0.
    private static string CoefficientText(SizeExpr size) => size.IsConstant ? $"{size}" : $"({size})";

    private static string OffsetText(SizeExpr offset, bool alone) => offset.AsConstant switch
    {
        null => alone ? $"({offset})" : $" + ({offset})",
        { } value when alone => $"{value}",
        0 => "",
        < 0 and var value and not long.MinValue => $" - {-value}",
        { } value => $" + {value}",
    };
}
