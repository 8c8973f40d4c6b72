using System.Globalization;
using Lepton.Language.Semantics;
using Lepton.Placement;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;

namespace Lepton.CommandLine.Placing;

/// <summary>Numbers with their units, as they are shown.</summary>
internal static class Shown
{
    public static string Time(double seconds) => Math.Abs(seconds) switch
    {
        double.PositiveInfinity => "never",
        0 => "0",
        < 1e-6 => Inv($"{seconds * 1e9:G4} ns"),
        < 1e-3 => Inv($"{seconds * 1e6:G4} us"),
        < 1 => Inv($"{seconds * 1e3:G4} ms"),
        _ => Inv($"{seconds:G4} s"),
    };

    public static string Usd(double usd) => usd == 0 ? "0" : Inv($"{usd:G4} usd");

    public static string Price(double usdPerHour) => Inv($"{usdPerHour:G4} usd/h");

    public static string Bytes(double bytes) => bytes switch
    {
        double.PositiveInfinity => "no limit",
        < 1e3 => Inv($"{bytes:F0} B"),
        < 1e6 => Inv($"{bytes / 1e3:G4} kB"),
        < 1e9 => Inv($"{bytes / 1e6:G4} MB"),
        _ => Inv($"{bytes / 1e9:G4} GB"),
    };

    public static string Percent(double part) => double.IsInfinity(part) ? "infinitely" : Inv($"{100 * part:0.##} %");

    /// <summary>The value of a goal in its unit; a relative one has none.</summary>
    public static string Value(double value, PlanGoal? goal) => goal?.Unit switch
    {
        null or "s" => Time(value),
        "usd" => Usd(value),
        _ => Inv($"{value:G6}"),
    };

    /// <summary>How much is known: for the lockfile and for people.</summary>
    public static string Status(PlacementResult result) => result.Status switch
    {
        PlacementStatus.Optimal => "OPTIMAL",
        PlacementStatus.Gap => $"GAP {Percent(result.Goals.Select(g => g.Gap).DefaultIfEmpty(0).Max())}",
        PlacementStatus.Heuristic => "HEURISTIC",
        PlacementStatus.Infeasible => "INFEASIBLE",
        _ => "UNKNOWN",
    };

    /// <summary><c>time &lt;= 400 us</c>.</summary>
    public static string Limit(Limit limit) => limit.Metric == Metric.Money ? $"cost <= {Usd(limit.Most)}" : $"{limit.Metric.ToString().ToLowerInvariant()} <= {Time(limit.Most)}";

    /// <summary>Why there is no plan, in one sentence.</summary>
    public static string Conflict(Conflict? conflict, PlacementProblem problem)
    {
        string[] items = [.. (conflict?.Limits ?? []).Select(l => $"`{Limit(l)}`"), .. (conflict?.Memories ?? []).Select(d => $"the {Bytes(problem.Devices[d].MemoryBytes)} of `{problem.Devices[d].Name}`")];
        return items.Length switch
        {
            0 => conflict?.Message ?? "no plan keeps all rules",
            1 => $"no plan keeps {items[0]}",
            _ => $"no plan keeps {string.Join(" and ", items)} together; without any one of them there may be one",
        };
    }

    /// <summary>The first rule that a plan breaks; empty when it breaks none.</summary>
    public static string Broken(Execution run, PlacementProblem problem) => run.Violations.FirstOrDefault() switch
    {
        null => "",
        { Rule: Rule.Limit, Subject: >= 0 and var limit } when limit < problem.Objective.Limits.Count => $"breaks {Limit(problem.Objective.Limits[limit])}",
        var other => other.Message,
    };

    /// <summary><c>+3.1 %</c>; <c>at most</c> where a better plan may be hidden.</summary>
    public static string Change(ForcedKernel forced) => forced.Score is null ? forced.IsExact ? "impossible" : "none found"
        : $"{(forced.IsExact || forced.Change <= 0 ? "" : "at most ")}{(forced.Change >= 0 ? "+" : "")}{Percent(forced.Change)}";

    public static string Short(string name, int width) => name.Length <= width ? name : name[..(width - 1)] + "…";

    public static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
