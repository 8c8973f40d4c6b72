using System.Globalization;
using System.Text;

namespace Lepton.Abi;

/// <summary>
/// A symbolic size: an integer polynomial over size variables and opaque atoms (floor division, remainder, max, min), always kept
/// in canonical form, so two equal polynomials are equal objects: <c>N*2 + N == 3*N</c>. Variables are sizes, so they are ≥ 0.
/// </summary>
/// <remarks>Arithmetic on constants is checked: an overflow throws <see cref="OverflowException"/>.</remarks>
public sealed class SizeExpr : IEquatable<SizeExpr>, IComparable<SizeExpr>
{
    public static readonly SizeExpr Zero = new([]);
    public static readonly SizeExpr One = Constant(1);

    // Sorted by factors; no zero coefficients; the constant term has no factors and comes last.
    private readonly ValueList<SizeTerm> _terms;
    private readonly int _hash;
    private string? _text;

    private SizeExpr(ValueList<SizeTerm> terms)
    {
        _terms = terms;
        _hash = terms.GetHashCode();
    }

    public ValueList<SizeTerm> Terms => _terms;

    /// <summary>The value if this is a constant, else null.</summary>
    public long? AsConstant => _terms.Count == 0 ? 0 : _terms.Count == 1 && _terms[0].Factors.Count == 0 ? _terms[0].Coefficient : null;

    public bool IsConstant => AsConstant is not null;

    /// <summary>The variable's name if this is exactly one variable, else null.</summary>
    public string? AsVariable =>
        _terms.Count == 1 && _terms[0] is { Coefficient: 1, Factors: { Count: 1 } f } && f[0] is SizeVariable v ? v.Name : null;

    /// <summary>
    /// The numbers of an index lie below this and above its negative: they are multiplied by indices, by strides and, where views are composed,
    /// by each other, and must not overflow. No axis is as long.
    /// </summary>
    public const long MaxIndexNumber = 1L << 40;

    public static SizeExpr Constant(long value) => value == 0 ? Zero : new([new SizeTerm(value, [])]);

    public static SizeExpr Variable(string name) => new([new SizeTerm(1, [new SizeVariable(name)])]);

    public static implicit operator SizeExpr(long value) => Constant(value);

    public static bool operator ==(SizeExpr? left, SizeExpr? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(SizeExpr? left, SizeExpr? right) => !(left == right);

    public static SizeExpr operator +(SizeExpr left, SizeExpr right) =>
        left._terms.Count == 0 ? right : right._terms.Count == 0 ? left : FromTerms([.. left._terms, .. right._terms]);

    public static SizeExpr operator -(SizeExpr value) => FromTerms(value._terms.Select(t => t with { Coefficient = checked(-t.Coefficient) }));

    public static SizeExpr operator -(SizeExpr left, SizeExpr right) => left + -right;

    public static SizeExpr operator *(SizeExpr left, SizeExpr right) => left.AsConstant == 1 ? right : right.AsConstant == 1 ? left : FromTerms(
        from a in left._terms
        from b in right._terms
        select new SizeTerm(checked(a.Coefficient * b.Coefficient), a.Factors.Concat(b.Factors).Order().ToValueList()));

    /// <summary>floor(left / right). Simplified when <paramref name="right"/> divides every term.</summary>
    public static SizeExpr FloorDiv(SizeExpr left, SizeExpr right)
    {
        if (right.AsConstant == 0)
        {
            throw new DivideByZeroException();
        }

        if (left.AsConstant is { } l && right.AsConstant is { } r)
        {
            return FloorDiv(l, r);
        }

        return TryDivideExactly(left, right) ?? Opaque(SizeFunction.FloorDiv, left, right);
    }

    /// <summary>left - right * floor(left / right).</summary>
    public static SizeExpr Mod(SizeExpr left, SizeExpr right)
    {
        if (right.AsConstant == 0)
        {
            throw new DivideByZeroException();
        }

        if (left.AsConstant is { } l && right.AsConstant is { } r)
        {
            return l - FloorDiv(l, r) * r;
        }

        return TryDivideExactly(left, right) is null ? Opaque(SizeFunction.Mod, left, right) : Zero;
    }

    /// <summary>ceil(left / right) for positive <paramref name="right"/>.</summary>
    public static SizeExpr CeilDiv(SizeExpr left, SizeExpr right) => TryDivideExactly(left, right) ?? FloorDiv(left + right - One, right);

    public static SizeExpr Max(SizeExpr left, SizeExpr right)
    {
        var difference = left - right;
        return difference.IsProvablyNonNegative() ? left
            : (-difference).IsProvablyNonNegative() ? right
            : left.CompareTo(right) <= 0 ? Opaque(SizeFunction.Max, left, right) : Opaque(SizeFunction.Max, right, left);
    }

    public static SizeExpr Min(SizeExpr left, SizeExpr right)
    {
        var difference = left - right;
        return difference.IsProvablyNonNegative() ? right
            : (-difference).IsProvablyNonNegative() ? left
            : left.CompareTo(right) <= 0 ? Opaque(SizeFunction.Min, left, right) : Opaque(SizeFunction.Min, right, left);
    }

    public static SizeExpr Product(IEnumerable<SizeExpr> sizes) => sizes.Aggregate(One, (a, b) => a * b);

    /// <summary>The polynomial left / right when there is no rest; else null.</summary>
    public static SizeExpr? TryDivideExactly(SizeExpr left, SizeExpr right)
    {
        if (left == right)
        {
            return One;
        }

        return right._terms.Count switch
        {
            0 => null,
            1 => DivideByTerm(left, right._terms[0]),
            _ => DivideByLeadingTerms(left, right),
        };
    }

    /// <summary>True when this is ≥ 0 for every assignment of non-negative variables, as far as interval reasoning can see.</summary>
    public bool IsProvablyNonNegative() => LowerBound() >= 0;

    /// <summary>A lower bound over all non-negative assignments; null when none is known.</summary>
    public long? LowerBound() => Bound(upper: false);

    /// <summary>An upper bound over all non-negative assignments; null when none is known.</summary>
    public long? UpperBound() => Bound(upper: true);

    /// <summary>The value under an assignment of the variables. Throws <see cref="OverflowException"/> on overflow.</summary>
    public long Evaluate(Func<string, long> valueOf)
    {
        long sum = 0;
        foreach (var term in _terms)
        {
            var product = term.Coefficient;
            foreach (var factor in term.Factors)
            {
                product = checked(product * factor.Evaluate(valueOf));
            }

            sum = checked(sum + product);
        }

        return sum;
    }

    /// <summary>This with variables replaced; a variable for which the function answers null stays.</summary>
    public SizeExpr Substitute(Func<string, SizeExpr?> valueOf)
    {
        if (IsConstant)
        {
            return this;
        }

        var sum = Zero;
        foreach (var term in _terms)
        {
            sum += term.Factors.Aggregate(Constant(term.Coefficient), (product, factor) => product * factor.Substitute(valueOf));
        }

        return sum;
    }

    /// <summary>The names of all variables, each once, in order of appearance.</summary>
    public IEnumerable<string> Variables() => _terms.SelectMany(t => t.Factors).SelectMany(f => f.Variables()).Distinct();

    public bool Equals(SizeExpr? other) => other is not null && (ReferenceEquals(this, other) || (_hash == other._hash && _terms == other._terms));

    public override bool Equals(object? obj) => Equals(obj as SizeExpr);

    public override int GetHashCode() => _hash;

    /// <summary>A total order on canonical forms; it says nothing about values.</summary>
    public int CompareTo(SizeExpr? other) => string.CompareOrdinal(ToString(), other?.ToString());

    /// <summary>The text form, read back by <see cref="SizeParser"/>: <c>2*B*D - 1</c>, <c>floordiv(N, 2)</c>.</summary>
    public override string ToString() => _text ??= Print();

    private string Print()
    {
        if (_terms.Count == 0)
        {
            return "0";
        }

        var text = new StringBuilder();
        foreach (var term in _terms)
        {
            var magnitude = term.Coefficient.ToString(CultureInfo.InvariantCulture).TrimStart('-');
            text.Append(text.Length == 0 ? (term.Coefficient < 0 ? "-" : "") : term.Coefficient < 0 ? " - " : " + ");
            text.AppendJoin('*', magnitude == "1" && term.Factors.Count > 0
                ? term.Factors.Select(f => f.ToString())
                : term.Factors.Select(f => f.ToString()).Prepend(magnitude));
        }

        return text.ToString();
    }

    internal static long FloorDiv(long left, long right)
    {
        var quotient = left / right;
        return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
    }

    private static SizeExpr Opaque(SizeFunction function, SizeExpr left, SizeExpr right) =>
        new([new SizeTerm(1, [new SizeCall(function, left, right)])]);

    private static SizeExpr FromTerms(IEnumerable<SizeTerm> terms)
    {
        var sums = new Dictionary<ValueList<SizeFactor>, long>();
        foreach (var term in terms)
        {
            sums[term.Factors] = checked(sums.GetValueOrDefault(term.Factors) + term.Coefficient);
        }

        var kept = sums.Where(s => s.Value != 0).Select(s => new SizeTerm(s.Value, s.Key)).ToArray();
        Array.Sort(kept, (a, b) => SizeTerm.Compare(a, b));
        return kept.Length == 0 && Zero is not null ? Zero : new SizeExpr(kept.ToValueList());
    }

    private static SizeExpr? DivideByTerm(SizeExpr left, SizeTerm divisor)
    {
        var terms = new List<SizeTerm>();
        foreach (var term in left._terms)
        {
            var factors = term.Factors.ToList();
            if (term.Coefficient % divisor.Coefficient != 0 || !divisor.Factors.All(factors.Remove))
            {
                return null;
            }

            terms.Add(new SizeTerm(term.Coefficient / divisor.Coefficient, factors.ToValueList()));
        }

        return FromTerms(terms);
    }

    // (N*N + 3*N) / (N + 3) = N, by long division: terms stand by falling degree.
    private static SizeExpr? DivideByLeadingTerms(SizeExpr left, SizeExpr right)
    {
        const int MaxSteps = 16;
        var (quotient, rest) = (Zero, left);
        for (var step = 0; rest._terms.Count > 0; step++)
        {
            if (step == MaxSteps || DivideByTerm(new SizeExpr([rest._terms[0]]), right._terms[0]) is not { } part)
            {
                return null;
            }

            try
            {
                (quotient, rest) = (quotient + part, rest - (part * right));
            }
            catch (OverflowException)
            {
                return null;
            }
        }

        return quotient;
    }

    private long? Bound(bool upper)
    {
        long sum = 0;
        foreach (var term in _terms)
        {
            // Every factor is ≥ its lower bound; a product of non-negative factors is bounded by the product of bounds.
            long low = 1;
            long? high = 1;
            foreach (var factor in term.Factors)
            {
                var (l, h) = factor.Range();
                if (l < 0)
                {
                    return null;
                }

                try
                {
                    low = checked(low * l);
                    high = high is null || h is null ? null : checked(high * h);
                }
                catch (OverflowException)
                {
                    return null;
                }
            }

            var end = term.Coefficient > 0 == upper ? high : low;
            if (end is null)
            {
                return null;
            }

            try
            {
                sum = checked(sum + term.Coefficient * end.Value);
            }
            catch (OverflowException)
            {
                return null;
            }
        }

        return sum;
    }
}
