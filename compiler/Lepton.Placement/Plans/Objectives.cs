using Lepton.Language.Semantics;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Plans;

/// <summary>The goals and limits of a plan as the objective of a problem.</summary>
public static class Objectives
{
    /// <summary>Without goals: time.</summary>
    public static Objective Of(IEnumerable<PlanGoal> goals, IEnumerable<PlanLimit> limits)
    {
        var wanted = goals.Select(g => new Goal([.. g.Terms.Select(t => new Term(Of(t.Metric), t.Weight))], g.IsRelative ? GoalMeaning.Relative : GoalMeaning.Absolute)).ToList();
        return new Objective(wanted.Count > 0 ? [.. wanted] : [Goal.Of(Metric.Time)], [.. limits.Select(l => new Limit(Of(l.Metric), l.Most))]);
    }

    /// <summary>As a plan block says it, on one line.</summary>
    public static string Text(IReadOnlyCollection<PlanGoal> goals, IReadOnlyCollection<PlanLimit> limits) =>
        $"minimize {(goals.Count > 0 ? string.Join(", ", goals.Select(g => g.Text)) : "time")}"
        + (limits.Count > 0 ? $" subject to {string.Join(", ", limits.Select(l => l.Text))}" : "");

    private static Metric Of(PlanMetric metric) => metric switch
    {
        PlanMetric.Time => Metric.Time,
        PlanMetric.Cost => Metric.Money,
        _ => Metric.Interval,
    };
}
