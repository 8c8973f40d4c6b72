using System.Collections.Immutable;

namespace Lepton.Placement.Solver;

/// <summary>Collects variables and constraints, with the value of each variable in a known solution where there is one.</summary>
public sealed class CpModelBuilder
{
    private readonly List<CpDomain> _variables = [];
    private readonly List<CpConstraint> _constraints = [];
    private readonly List<long?> _hint = [];
    private LinearExpression? _objective;

    public IntVariable Int(long low, long high) => Int(CpDomain.Between(low, high));

    public IntVariable Int(CpDomain domain)
    {
        _variables.Add(domain);
        _hint.Add(null);
        return new IntVariable(_variables.Count - 1);
    }

    public Literal Bool() => new(Int(CpDomain.Boolean).Index);

    /// <summary>The value that the variable has in a known solution.</summary>
    public void Hint(IntVariable x, long value) => _hint[x.Index] = value;

    public void Hint(Literal x, bool value) => _hint[x.Variable] = value != x.IsNegated ? 1 : 0;

    /// <summary>The greatest value of its domain.</summary>
    public long Highest(int variable) => _variables[variable].Parts[^1].High;

    /// <summary>The hinted value, 0 where there is none.</summary>
    public long HintOf(int variable) => _hint[variable] ?? 0;

    public void Or(params ReadOnlySpan<Literal> literals) => Add(new BoolOr([], [.. literals]));

    /// <summary>a ⇒ b.</summary>
    public void Implies(Literal a, Literal b) => Add(new BoolOr([], [!a, b]));

    public void AtMostOne(IEnumerable<Literal> literals) => Add(new AtMostOne([.. literals]));

    public void ExactlyOne(IEnumerable<Literal> literals) => Add(new ExactlyOne([.. literals]));

    /// <summary>a ≤ b, where all of <paramref name="conditions"/> are true.</summary>
    public void LessOrEqual(LinearExpression a, LinearExpression b, params ReadOnlySpan<Literal> conditions) =>
        Between(a - b, long.MinValue, 0, conditions);

    public void Equal(LinearExpression a, LinearExpression b, params ReadOnlySpan<Literal> conditions) => Between(a - b, 0, 0, conditions);

    /// <summary>low ≤ sum ≤ high; the extreme values of a long stand for no limit.</summary>
    public void Between(LinearExpression sum, long low, long high, params ReadOnlySpan<Literal> conditions)
    {
        var merged = sum.Merged();
        var domain = CpDomain.Between(low == long.MinValue ? low : low - merged.Offset, high == long.MaxValue ? high : high - merged.Offset);
        Add(new Linear([.. conditions], merged with { Offset = 0 }, domain));
    }

    public IntervalVariable Interval(LinearExpression start, LinearExpression size, LinearExpression end, params ReadOnlySpan<Literal> conditions)
    {
        Add(new Interval([.. conditions], start.Merged(), size.Merged(), end.Merged()));
        return new IntervalVariable(_constraints.Count - 1);
    }

    public void NoOverlap(IEnumerable<IntervalVariable> intervals) => Add(new NoOverlap([.. intervals]));

    public void Cumulative(IEnumerable<(IntervalVariable Interval, LinearExpression Demand)> users, LinearExpression capacity)
    {
        ImmutableArray<(IntervalVariable Interval, LinearExpression Demand)> all = [.. users];
        Add(new Cumulative([.. all.Select(u => u.Interval)], [.. all.Select(u => u.Demand.Merged())], capacity.Merged()));
    }

    public void Max(LinearExpression target, IEnumerable<LinearExpression> values) =>
        Add(new LinearMax(target.Merged(), [.. values.Select(v => v.Merged())]));

    public void Minimize(LinearExpression objective) => _objective = objective.Merged();

    /// <summary>The model. The hint is kept only if every variable has a value: the solver makes little of an incomplete one.</summary>
    public CpModel Build()
    {
        ImmutableArray<long> hint = _hint.All(h => h.HasValue) ? [.. _hint.Select(h => h!.Value)] : [];
        return new CpModel([.. _variables], [.. _constraints], _objective, hint);
    }

    private void Add(CpConstraint constraint) => _constraints.Add(constraint);
}
