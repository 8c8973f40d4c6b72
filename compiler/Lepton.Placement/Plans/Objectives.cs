using Lepton.Abi;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Plans;

/// <summary>The goals and limits of a plan as the objective of a problem.</summary>
public static class Objectives
{
    private const string Minimize = "minimize ";
    private const string SubjectTo = " subject to ";

    /// <summary>Without goals: time.</summary>
    public static Objective Of(IEnumerable<PlanGoal> goals, IEnumerable<PlanLimit> limits)
    {
        var wanted = goals.Select(g => new Goal([.. g.Terms.Select(t => new Term(Of(t.Metric), t.Weight))], g.IsRelative ? GoalMeaning.Relative : GoalMeaning.Absolute)).ToList();
        return new Objective(wanted.Count > 0 ? [.. wanted] : [Goal.Of(Metric.Time)], [.. limits.Select(l => new Limit(Of(l.Metric), l.Most))]);
    }

    /// <summary>The goals and limits of a plan file, as <see cref="Text"/> made them; null with messages in the report.</summary>
    public static (ValueList<PlanGoal> Goals, ValueList<PlanLimit> Limits)? Read(PlanFile plan, DiagnosticReport report)
    {
        var before = report.Diagnostics.Count;
        if (!plan.Objective.StartsWith(Minimize, StringComparison.Ordinal))
        {
            report.Add(PlanFileDiagnostics.Expected, plan.ObjectivePlace!.Value, ["the objective"], help: $"as in: objective {Minimize}time");
            return null;
        }

        var path = plan.ObjectivePlace!.Value.Source.Path;
        var parts = plan.Objective[Minimize.Length..].Split(SubjectTo, 2);
        var goals = Parser.ParseGoals(new SourceText(path, parts[0]), report)?.Goals ?? [];
        var limits = parts.Length == 1 ? [] : Parser.ParseLimits(new SourceText(path, parts[1]), report)?.Limits ?? [];
        var found = (goals.Select(g => GoalBinder.Goal(g, report)).OfType<PlanGoal>().ToValueList(), limits.Select(l => GoalBinder.Limit(l, report)).OfType<PlanLimit>().ToValueList());
        return report.Diagnostics.Count == before ? found : null;
    }

    /// <summary>As a plan block says it, on one line.</summary>
    public static string Text(IReadOnlyCollection<PlanGoal> goals, IReadOnlyCollection<PlanLimit> limits) =>
        $"{Minimize}{(goals.Count > 0 ? string.Join(", ", goals.Select(g => g.Text)) : "time")}"
        + (limits.Count > 0 ? $"{SubjectTo}{string.Join(", ", limits.Select(l => l.Text))}" : "");

    private static Metric Of(PlanMetric metric) => metric switch
    {
        PlanMetric.Time => Metric.Time,
        PlanMetric.Cost => Metric.Money,
        _ => Metric.Interval,
    };
}
