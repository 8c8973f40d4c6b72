using System.Collections.Immutable;

namespace Lepton.Placement.Solver;

/// <summary>A 0/1 variable or its negation. In the wire format the negation of variable x is -x - 1.</summary>
public readonly record struct Literal(int Reference)
{
    /// <summary>The variable beneath, negated or not.</summary>
    public int Variable => Reference >= 0 ? Reference : -Reference - 1;

    public bool IsNegated => Reference < 0;

    public static Literal operator !(Literal x) => new(-x.Reference - 1);
}

/// <summary>c₁ x₁ + … + cₙ xₙ + offset over variables, which are never negated here: 1 - x stands for the negation.</summary>
public sealed record LinearExpression(ImmutableArray<(int Variable, long Coefficient)> Terms, long Offset)
{
    public static LinearExpression Zero { get; } = new([], 0);

    public static LinearExpression Constant(long value) => new([], value);

    public static implicit operator LinearExpression(IntVariable x) => new([(x.Index, 1)], 0);

    public static implicit operator LinearExpression(Literal x) => x.IsNegated ? new([(x.Variable, -1)], 1) : new([(x.Variable, 1)], 0);

    public static implicit operator LinearExpression(long value) => Constant(value);

    public static LinearExpression operator +(LinearExpression a, LinearExpression b) => new([.. a.Terms, .. b.Terms], a.Offset + b.Offset);

    public static LinearExpression operator -(LinearExpression a, LinearExpression b) => a + (-1 * b);

    public static LinearExpression operator *(long k, LinearExpression a) => new([.. a.Terms.Select(t => (t.Variable, k * t.Coefficient))], k * a.Offset);

    /// <summary>The sum of many, in linear time.</summary>
    public static LinearExpression Sum(IEnumerable<LinearExpression> parts)
    {
        var terms = ImmutableArray.CreateBuilder<(int, long)>();
        long offset = 0;
        foreach (var part in parts)
        {
            terms.AddRange(part.Terms);
            offset += part.Offset;
        }

        return new LinearExpression(terms.DrainToImmutable(), offset);
    }

    /// <summary>Each variable at most once, none with coefficient 0: what the solver demands of an interval's ends and what is small on the wire.</summary>
    public LinearExpression Merged()
    {
        var sums = new SortedDictionary<int, long>();
        foreach (var (x, c) in Terms)
        {
            sums[x] = sums.GetValueOrDefault(x) + c;
        }

        return new LinearExpression([.. sums.Where(s => s.Value != 0).Select(s => (s.Key, s.Value))], Offset);
    }

    public long Value(IReadOnlyList<long> solution)
    {
        var sum = Offset;
        foreach (var (x, c) in Terms)
        {
            sum = checked(sum + (c * solution[x]));
        }

        return sum;
    }
}

/// <summary>An integer variable, by its place in the model.</summary>
public readonly record struct IntVariable(int Index);

/// <summary>A constraint that is an interval, by its place in the model.</summary>
public readonly record struct IntervalVariable(int Index);
