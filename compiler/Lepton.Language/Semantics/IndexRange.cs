using Lepton.Abi;

namespace Lepton.Language.Semantics;

/// <summary>
/// What is known of an integer value: a function of indices, evaluated when these have their ranges. Index arithmetic that is not affine
/// (i / 2, i % 4, i * i) becomes data, and is proved to be inside with this.
/// </summary>
internal abstract record IndexRange(int Depth)
{
    // Deeper arithmetic is left unknown: bounds of it would be large expressions.
    public const int MaxDepth = 12;

    public abstract IEnumerable<IndexLabel> Labels { get; }

    /// <summary>The least and the greatest value over non-empty index ranges; null when not known.</summary>
    public abstract (SizeExpr Low, SizeExpr High)? Bounds();
}

/// <summary>offset + Σ coefficient·label.</summary>
internal sealed record AffineRange(SizeExpr Offset, ValueList<(IndexLabel Label, SizeExpr Coefficient)> Terms) : IndexRange(0)
{
    public override IEnumerable<IndexLabel> Labels => Terms.Select(t => t.Label);

    public override (SizeExpr Low, SizeExpr High)? Bounds()
    {
        var (low, high) = (Offset, Offset);
        foreach (var (label, coefficient) in Terms)
        {
            var span = coefficient * (label.Size - SizeExpr.One);
            if (coefficient.IsProvablyNonNegative())
            {
                high += span;
            }
            else if ((-coefficient).IsProvablyNonNegative())
            {
                low += span;
            }
            else
            {
                return null;
            }
        }

        return (low, high);
    }
}

/// <summary>Known without indices: the positions that argsort gives.</summary>
internal sealed record FixedRange(SizeExpr Low, SizeExpr High) : IndexRange(0)
{
    public override IEnumerable<IndexLabel> Labels => [];

    public override (SizeExpr Low, SizeExpr High)? Bounds() => (Low, High);
}

/// <summary>Any value; x % 4 is bounded all the same.</summary>
internal sealed record UnknownRange() : IndexRange(0)
{
    public override IEnumerable<IndexLabel> Labels => [];

    public override (SizeExpr Low, SizeExpr High)? Bounds() => null;
}

/// <summary>An elementwise integer operation on values with ranges.</summary>
internal sealed record OperationRange(string Op, ValueList<IndexRange> Arguments) : IndexRange(Arguments.Max(a => a.Depth) + 1)
{
    public override IEnumerable<IndexLabel> Labels => Arguments.SelectMany(a => a.Labels).Distinct();

    public override (SizeExpr Low, SizeExpr High)? Bounds()
    {
        try
        {
            return Op == "select" ? Choice() : Arithmetic();
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    // Argument 0 is the condition and has no range of interest.
    private (SizeExpr, SizeExpr)? Choice() => Arguments[1].Bounds() is { } a && Arguments[2].Bounds() is { } b
        ? (SizeExpr.Min(a.Low, b.Low), SizeExpr.Max(a.High, b.High))
        : null;

    // A product of three sizes may be more than 64 bits; one of two is not, for sizes that memory and time allow.
    private static bool CannotWrap((SizeExpr Low, SizeExpr High) bounds) =>
        bounds.Low.Terms.Concat(bounds.High.Terms).All(t => t.Factors.Count <= 2 && t.Coefficient is > -(1L << 20) and < 1L << 20);

    private (SizeExpr, SizeExpr)? Arithmetic()
    {
        if (Op == "rem")
        {
            return Arguments[1].Bounds() is { } by && by.Low.IsProvablyNonNegative()
                ? (SizeExpr.Zero, SizeExpr.Max(by.High - SizeExpr.One, SizeExpr.Zero))
                : null;
        }

        if (Arguments[0].Bounds() is not { } a)
        {
            return null;
        }

        if (Arguments.Count == 1)
        {
            return Op switch
            {
                "neg" => (-a.High, -a.Low),
                "cast" => a,
                _ => null,
            };
        }

        if (Arguments[1].Bounds() is not { } b)
        {
            return null;
        }

        // + - * of wrapped numbers are right again when their sum is small; the others would see the wrapped number.
        if (Op is "div" or "min" or "max" && !(CannotWrap(a) && CannotWrap(b)))
        {
            return null;
        }

        var constant = b.Low == b.High && b.Low.LowerBound() >= 1;
        return Op switch
        {
            "add" => (a.Low + b.Low, a.High + b.High),
            "sub" => (a.Low - b.High, a.High - b.Low),
            "mul" when a.Low.IsProvablyNonNegative() && b.Low.IsProvablyNonNegative() => (a.Low * b.Low, a.High * b.High),
            "div" when constant => (SizeExpr.FloorDiv(a.Low, b.Low), SizeExpr.FloorDiv(a.High, b.Low)),
            "div" when a.Low.IsProvablyNonNegative() && b.Low.IsProvablyNonNegative() => (SizeExpr.Zero, a.High),
            "min" => (SizeExpr.Min(a.Low, b.Low), SizeExpr.Min(a.High, b.High)),
            "max" => (SizeExpr.Max(a.Low, b.Low), SizeExpr.Max(a.High, b.High)),
            _ => null,
        };
    }
}
