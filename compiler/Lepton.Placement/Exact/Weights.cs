using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>A sum of the three metrics: an absolute goal, or the left side of a limit.</summary>
internal readonly record struct Weights(double Time, double Money, double Interval)
{
    public static Weights Of(Goal goal)
    {
        double Sum(Metric metric) => goal.Terms.Where(t => t.Metric == metric).Sum(t => t.Weight);
        return new Weights(Sum(Metric.Time), Sum(Metric.Money), Sum(Metric.Interval));
    }

    public static Weights Of(Metric metric) => Of(Goal.Of(metric));

    /// <summary>Every limit of an objective as a sum and the most that it may be.</summary>
    public static (Weights Sum, double Most)[] Limits(Objective objective) =>
        [.. objective.Limits.Select(l => (Of(l.Metric), l.Most)), .. objective.Ceilings.Select(c => (Of(c.Goal), c.Most))];

    // 0 · ∞ is 0 here: a metric that is not asked for does not count.
    public double Value(double time, double money, double interval) =>
        (Time == 0 ? 0 : Time * time) + (Money == 0 ? 0 : Money * money) + (Interval == 0 ? 0 : Interval * interval);

    public double Value(PlanScore score) => Value(score.Time, score.Money, score.Interval);

    /// <summary>The order of kernels in time matters to the sum.</summary>
    public bool NeedsTimes(MoneyModel money) => Time > 0 || (Money > 0 && money == MoneyModel.Rental);
}
