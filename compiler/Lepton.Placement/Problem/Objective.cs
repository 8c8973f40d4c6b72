using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>What a plan is measured by. Less is better in all of them.</summary>
public enum Metric
{
    /// <summary>Makespan of one run, in seconds.</summary>
    Time,

    /// <summary>Price of one run, in usd (<see cref="MoneyModel"/>).</summary>
    Money,

    /// <summary>
    /// Seconds from one result to the next one when runs follow each other through the devices like items through a pipeline: its slowest
    /// stage, the largest of
    /// <code>
    ///   device d:   Σ p[v,d] / Streams[d]  +  (CopiesOccupy: Σ τ of the copies that arrive + Σ over tensors that leave of their longest τ)
    ///   link a→b:   Σ τ of its copies
    /// </code>
    /// A tensor that leaves for several devices is sent out once (staged), so only its longest copy counts at the sender; a link next to a
    /// device that copies occupy is never slower than that device. A problem that asks for this metric admits only pipelines: the devices
    /// that are used can be put in an order in which every tensor stays or goes forward.
    /// </summary>
    Interval,
}

/// <summary>How a weighted goal reads its terms.</summary>
public enum GoalMeaning
{
    /// <summary>The sum as it stands; the weights carry units: usd per second, or 1.</summary>
    Absolute,

    /// <summary>Each term is divided by the best value that its metric can have alone under the same limits (<see cref="References"/>).</summary>
    Relative,
}

/// <summary>One term of a goal.</summary>
public sealed record Term(Metric Metric, double Weight);

/// <summary>The best that each metric can be alone: seconds, usd, seconds. 0 where a metric is not asked for.</summary>
public sealed record References(double Time, double Money, double Interval)
{
    public static References None { get; } = new(0, 0, 0);

    public double Of(Metric metric) => metric switch
    {
        Metric.Time => Time,
        Metric.Money => Money,
        _ => Interval,
    };
}

/// <summary>A sum to be minimised: <c>Σ weight · metric</c>.</summary>
public sealed record Goal(ValueList<Term> Terms, GoalMeaning Meaning = GoalMeaning.Absolute)
{
    public static Goal Of(Metric metric) => new([new Term(metric, 1)]);

    /// <summary>The same goal without references: a relative weight is divided by its reference, or kept where that is 0.</summary>
    public Goal Resolve(References references) => Meaning == GoalMeaning.Absolute
        ? this
        : new([.. Terms.Select(t => references.Of(t.Metric) > 0 ? t with { Weight = t.Weight / references.Of(t.Metric) } : t)]);

    /// <summary>The value of an absolute goal.</summary>
    public double Value(PlanScore score) => Terms.Sum(t => t.Weight * score.Of(t.Metric));
}

/// <summary><c>metric ≤ most</c>, in the metric's unit.</summary>
public sealed record Limit(Metric Metric, double Most);

/// <summary>A limit on a sum: what an earlier goal has reached may not be lost. <c>goal ≤ most</c>; the goal is absolute.</summary>
public sealed record Ceiling(Goal Goal, double Most);

/// <summary>What is wanted: the first goal; among its optima the second one; and so on; within all limits.</summary>
/// <param name="Goals">At least one.</param>
/// <param name="Ceilings">Limits on sums of several metrics, from goals that came before.</param>
public sealed record Objective(ValueList<Goal> Goals, ValueList<Limit> Limits = default, ValueList<Ceiling> Ceilings = default)
{
    public static Objective Of(Metric metric, params ReadOnlySpan<Limit> limits) => new([Goal.Of(metric)], [.. limits]);

    /// <summary>Some goal or limit speaks of the metric.</summary>
    public bool Mentions(Metric metric) =>
        Goals.Concat(Ceilings.Select(c => c.Goal)).Any(g => g.Terms.Any(t => t.Metric == metric)) || Limits.Any(l => l.Metric == metric);

    /// <summary>The next goal alone, once the first one has reached a value that may be lost by a part <paramref name="slack"/> of it only.</summary>
    public Objective After(double value, double slack)
    {
        var most = value * (1 + slack);
        var (first, rest) = (Goals[0], Goals.Skip(1).ToValueList());
        return first.Terms is [{ Weight: > 0 } only]
            ? this with { Goals = rest, Limits = [.. Limits, new Limit(only.Metric, most / only.Weight)] }
            : this with { Goals = rest, Ceilings = [.. Ceilings, new Ceiling(first, most)] };
    }
}
