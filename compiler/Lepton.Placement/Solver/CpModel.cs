using System.Collections.Immutable;

namespace Lepton.Placement.Solver;

/// <summary>
/// What CP-SAT solves: integer variables with domains, constraints over them, a linear objective to be made small, and a first solution to start from.
/// </summary>
/// <param name="Variables">The domain of each variable: closed intervals, sorted, disjoint.</param>
/// <param name="Hint">One value for each variable, or empty. A hint that leaves variables out is worth little to the solver.</param>
public sealed record CpModel(
    ImmutableArray<CpDomain> Variables, ImmutableArray<CpConstraint> Constraints, LinearExpression? Objective, ImmutableArray<long> Hint);

/// <summary>A union of closed intervals [a₁, b₁] ∪ [a₂, b₂] ∪ … with bᵢ &lt; aᵢ₊₁.</summary>
public sealed record CpDomain(ImmutableArray<(long Low, long High)> Parts)
{
    public static CpDomain Boolean { get; } = Between(0, 1);

    public static CpDomain Between(long low, long high) => new([(low, high)]);

    public bool Contains(long value) => Parts.Any(p => p.Low <= value && value <= p.High);
}

/// <summary>Must hold where all of <paramref name="If"/> are true.</summary>
public abstract record CpConstraint(ImmutableArray<Literal> If);

public sealed record BoolOr(ImmutableArray<Literal> If, ImmutableArray<Literal> Literals) : CpConstraint(If);

public sealed record BoolAnd(ImmutableArray<Literal> If, ImmutableArray<Literal> Literals) : CpConstraint(If);

public sealed record AtMostOne(ImmutableArray<Literal> Literals) : CpConstraint(ImmutableArray<Literal>.Empty);

public sealed record ExactlyOne(ImmutableArray<Literal> Literals) : CpConstraint(ImmutableArray<Literal>.Empty);

/// <summary>The value of the sum lies in the domain.</summary>
public sealed record Linear(ImmutableArray<Literal> If, LinearExpression Sum, CpDomain Domain) : CpConstraint(If);

/// <summary>start + size = end, size ≥ 0; absent where a literal of <see cref="CpConstraint.If"/> is false.</summary>
public sealed record Interval(ImmutableArray<Literal> If, LinearExpression Start, LinearExpression Size, LinearExpression End) : CpConstraint(If);

/// <summary>No two present intervals overlap.</summary>
public sealed record NoOverlap(ImmutableArray<IntervalVariable> Intervals) : CpConstraint(ImmutableArray<Literal>.Empty);

/// <summary>At every instant the demands of the present intervals that hold it sum to at most the capacity.</summary>
public sealed record Cumulative(ImmutableArray<IntervalVariable> Intervals, ImmutableArray<LinearExpression> Demands, LinearExpression Capacity)
    : CpConstraint(ImmutableArray<Literal>.Empty);

/// <summary>target = max(values).</summary>
public sealed record LinearMax(LinearExpression Target, ImmutableArray<LinearExpression> Values) : CpConstraint(ImmutableArray<Literal>.Empty);
