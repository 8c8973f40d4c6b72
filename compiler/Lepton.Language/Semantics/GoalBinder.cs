using System.Globalization;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>
/// Goals and limits, of plan blocks and of the command line alike: which metrics they are about, in which units.
/// <code>
///   0.6 * time + 0.4 * cost             numbers alone: relative
///   cost + 0.002 usd/ms * time          a rate of exchange: every term counts in its first unit
///   time                                one term: its weight does not matter
/// </code>
/// </summary>
public static class GoalBinder
{
    private const string Examples = "write for example `cost + 0.002 usd/ms * time`, or numbers alone";

    private static readonly Dictionary<string, double> Seconds = new()
    {
        ["s"] = 1, ["ms"] = 1e-3, ["us"] = 1e-6, ["ns"] = 1e-9, ["min"] = 60, ["h"] = 3600,
    };

    private static readonly Dictionary<string, double> Usd = new() { ["usd"] = 1 };

    private static readonly Dictionary<string, string> Mends = new()
    {
        ["speed"] = "the faster a run, the smaller its `time`",
        ["latency"] = "the length of one run is its `time`",
        ["makespan"] = "the length of one run is its `time`",
        ["throughput"] = "the more results a second, the smaller the `interval` between two of them: 50 a second are interval <= 20 ms",
        ["money"] = "what a run costs is its `cost`",
        ["price"] = "what a run costs is its `cost`",
        ["memory"] = "the memory of a device is a limit by itself, from the machine file",
    };

    /// <summary>The goal, or null with messages.</summary>
    public static PlanGoal? Goal(GoalSyntax goal, DiagnosticReport report)
    {
        var before = report.Diagnostics.Count;
        var terms = new List<(PlanMetric Metric, double Weight, (bool Usd, bool PerUsd)? Rate, GoalTermSyntax Syntax)>();
        foreach (var term in goal.Terms)
        {
            if (term is not { Metrics: [var name], Weights.Count: <= 1 })
            {
                report.Add(PlanDiagnostics.NotATerm, term.Span, [], help: term.Metrics.Count == 0 && term.Weights is [{ Unit: not null }]
                    ? "a weight is multiplied: `2 * time`" : Examples);
                continue;
            }

            if (Metric(name, report) is not { } metric)
            {
                continue;
            }

            if (terms.FindIndex(t => t.Metric == metric) is >= 0 and var at)
            {
                report.Add(PlanDiagnostics.Twice, name.Span, [$"`{name}`", "goal"], [new DiagnosticLabel(terms[at].Syntax.Span, "first here")], "add the weights");
                continue;
            }

            var (weight, rate) = (1.0, default((bool, bool)?));
            if (term.Weights is [var quantity] && !Weight(quantity, metric, out weight, out rate, report))
            {
                continue;
            }

            terms.Add((metric, weight, rate, term));
        }

        if (report.Diagnostics.Count > before)
        {
            return null;
        }

        var text = string.Join(" + ", goal.Terms.Select(Written));
        if (terms is [{ Rate: null } only])
        {
            return new PlanGoal([new PlanTerm(only.Metric, 1)], false, only.Metric == PlanMetric.Cost ? "usd" : "s", text);
        }

        var first = terms.FindIndex(t => t.Rate is not null);
        if (first >= 0)
        {
            // Every term counts in one unit: by its rate, or by itself.
            var inUsd = terms[first].Rate!.Value.Usd;
            foreach (var term in terms.Where(t => (t.Rate?.Usd ?? (t.Metric == PlanMetric.Cost)) != inUsd))
            {
                var (here, other) = inUsd ? ("usd", "seconds") : ("seconds", "usd");
                var mend = term.Metric == PlanMetric.Cost ? "give it a rate: `500 ms/usd * cost`" : "give it a rate: `0.002 usd/ms * time`";
                report.Add(PlanDiagnostics.NoRate, term.Syntax.Span, [here, $"`{Written(term.Syntax)}`", other],
                    [new DiagnosticLabel(terms[first].Syntax.Span, "has a rate of exchange")], mend);
            }
        }

        var unit = first < 0 ? "" : terms[first].Rate!.Value.Usd ? "usd" : "s";
        return report.Diagnostics.Count > before ? null : new PlanGoal([.. terms.Select(t => new PlanTerm(t.Metric, t.Weight))], first < 0, unit, text);
    }

    /// <summary>The limit, or null with messages.</summary>
    public static PlanLimit? Limit(LimitSyntax limit, DiagnosticReport report)
    {
        if (Metric(limit.Metric, report) is not { } metric)
        {
            return null;
        }

        if (limit.Comparison.Text != "<=")
        {
            report.Add(PlanDiagnostics.NotALimit, limit.Comparison.Span, [], help: "the metrics are things of which less is better: write `<=`");
            return null;
        }

        var (units, what, example) = metric == PlanMetric.Cost ? (Usd, "money", "0.01 usd") : (Seconds, "time", "100 ms");
        if (limit.Most.Unit is not { } unit)
        {
            report.Add(PlanDiagnostics.NoUnit, limit.Most.Span, [$"a limit of {limit.Metric}"], help: $"write for example `{limit.Metric} <= {example}`");
            return null;
        }

        if (!units.TryGetValue(unit.Text, out var factor))
        {
            report.Add(PlanDiagnostics.WrongUnit, unit.Span, [unit.Text, what], help: $"the units of {what} are {string.Join(", ", units.Keys)}");
            return null;
        }

        return Number(limit.Most, "a limit", report) is { } number
            ? new PlanLimit(metric, Scaled(number, factor), $"{limit.Metric} <= {Written(limit.Most)}")
            : null;
    }

    private static PlanMetric? Metric(NameSyntax name, DiagnosticReport report)
    {
        switch (name.Text)
        {
            case "time":
                return PlanMetric.Time;
            case "cost":
                return PlanMetric.Cost;
            case "interval":
                return PlanMetric.Interval;
            default:
                var help = Mends.GetValueOrDefault(name.Text) ?? NameSuggestion.Help(name.Text, ["time", "cost", "interval"]) ?? "goals are time, cost and interval";
                report.Add(PlanDiagnostics.UnknownMetric, name.Span, [name.Text], help: help);
                return null;
        }
    }

    // usd/ms before time and interval, ms/usd before cost; a number alone before all.
    private static bool Weight(QuantitySyntax weight, PlanMetric metric, out double value, out (bool Usd, bool PerUsd)? rate, DiagnosticReport report)
    {
        rate = null;
        if (Number(weight, "a weight", report) is not { } number)
        {
            value = 0;
            return false;
        }

        value = number;
        if (weight.Unit is not { } unit)
        {
            return true;
        }

        var parts = unit.Text.Split('/');
        var isCost = metric == PlanMetric.Cost;
        var (above, below) = isCost ? (Seconds, Usd) : (Usd, Seconds);
        if (parts.Length != 2 || !above.TryGetValue(parts[0], out var factor) || !below.TryGetValue(parts[1], out var divisor))
        {
            report.Add(PlanDiagnostics.WrongUnit, unit.Span, [unit.Text, $"a rate of exchange for {metric.ToString().ToLowerInvariant()}"],
                help: isCost ? "cost is weighed in time per money: `500 ms/usd * cost`" : $"it is weighed in money per time: `0.002 usd/ms * {metric.ToString().ToLowerInvariant()}`");
            return false;
        }

        rate = (!isCost, isCost);
        value = Scaled(number, factor) / divisor;
        return true;
    }

    private static double? Number(QuantitySyntax quantity, string what, DiagnosticReport report)
    {
        var number = double.Parse(quantity.Number, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (number > 0 && double.IsFinite(number))
        {
            return number;
        }

        report.Add(PlanDiagnostics.OutOfRange, quantity.Span, [what, quantity.Number]);
        return null;
    }

    // 5 us is 5 / 10⁶ and not 5 · 10⁻⁶, which is another double.
    private static double Scaled(double number, double factor) => factor < 1 ? number / Math.Round(1 / factor) : number * factor;

    private static string Written(GoalTermSyntax term) => string.Join(" * ", term.Weights.Select(Written).Concat(term.Metrics.Select(m => m.Text)));

    private static string Written(QuantitySyntax quantity) => quantity.Unit is null ? quantity.Number : $"{quantity.Number} {quantity.Unit}";
}
