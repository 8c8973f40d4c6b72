namespace Lepton.Abi;

/// <summary>One term of a size polynomial: coefficient times the product of its (sorted) factors.</summary>
public readonly record struct SizeTerm(long Coefficient, ValueList<SizeFactor> Factors)
{
    // More factors first, so that a constant comes last: 2*B*D + B + 1.
    internal static int Compare(SizeTerm left, SizeTerm right)
    {
        var byCount = right.Factors.Count.CompareTo(left.Factors.Count);
        for (var i = 0; byCount == 0 && i < left.Factors.Count; i++)
        {
            byCount = left.Factors[i].CompareTo(right.Factors[i]);
        }

        return byCount;
    }
}

/// <summary>The integer functions that a size may hold besides + - and *.</summary>
public enum SizeFunction
{
    FloorDiv,
    Mod,
    Max,
    Min,
}

/// <summary>A factor of a term: a variable or an opaque call.</summary>
public abstract record SizeFactor : IComparable<SizeFactor>
{
    public abstract long Evaluate(Func<string, long> valueOf);

    public abstract SizeExpr Substitute(Func<string, SizeExpr?> valueOf);

    public abstract IEnumerable<string> Variables();

    /// <summary>Bounds over all non-negative assignments; a low of <see cref="long.MinValue"/> or a null high: unknown.</summary>
    public abstract (long Low, long? High) Range();

    public int CompareTo(SizeFactor? other) => string.CompareOrdinal(ToString(), other?.ToString());
}

/// <summary>A size variable.</summary>
public sealed record SizeVariable(string Name) : SizeFactor
{
    public override long Evaluate(Func<string, long> valueOf) => valueOf(Name);

    public override SizeExpr Substitute(Func<string, SizeExpr?> valueOf) => valueOf(Name) ?? SizeExpr.Variable(Name);

    public override IEnumerable<string> Variables() => [Name];

    public override (long Low, long? High) Range() => (0, null);

    public override string ToString() => Name;
}

/// <summary>An opaque integer function of two sizes.</summary>
public sealed record SizeCall(SizeFunction Function, SizeExpr Left, SizeExpr Right) : SizeFactor
{
    public override long Evaluate(Func<string, long> valueOf)
    {
        var (left, right) = (Left.Evaluate(valueOf), Right.Evaluate(valueOf));
        return Function switch
        {
            SizeFunction.FloorDiv => SizeExpr.FloorDiv(left, right),
            SizeFunction.Mod => left - (SizeExpr.FloorDiv(left, right) * right),
            SizeFunction.Max => Math.Max(left, right),
            _ => Math.Min(left, right),
        };
    }

    public override SizeExpr Substitute(Func<string, SizeExpr?> valueOf)
    {
        var (left, right) = (Left.Substitute(valueOf), Right.Substitute(valueOf));
        return Function switch
        {
            SizeFunction.FloorDiv => SizeExpr.FloorDiv(left, right),
            SizeFunction.Mod => SizeExpr.Mod(left, right),
            SizeFunction.Max => SizeExpr.Max(left, right),
            _ => SizeExpr.Min(left, right),
        };
    }

    public override IEnumerable<string> Variables() => Left.Variables().Concat(Right.Variables());

    public override (long Low, long? High) Range()
    {
        var (ll, lh, rl, rh) = (Left.LowerBound(), Left.UpperBound(), Right.LowerBound(), Right.UpperBound());
        const long Unknown = long.MinValue;
        return Function switch
        {
            SizeFunction.FloorDiv when ll >= 0 && rl >= 0 => (rh is > 0 ? ll.Value / rh.Value : 0, lh / Math.Max(rl.Value, 1)),
            SizeFunction.Mod when rl >= 0 => (0, rh - 1),
            SizeFunction.Max => (Math.Max(ll ?? Unknown, rl ?? Unknown), lh is null || rh is null ? null : Math.Max(lh.Value, rh.Value)),
            SizeFunction.Min => (Math.Min(ll ?? Unknown, rl ?? Unknown), lh is null ? rh : rh is null ? lh : Math.Min(lh.Value, rh.Value)),
            _ => (Unknown, null),
        };
    }

    public override string ToString() => $"{Function.ToString().ToLowerInvariant()}({Left}, {Right})";
}
