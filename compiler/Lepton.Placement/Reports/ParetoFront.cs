using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Reports;

/// <summary>
/// Plans that no other one beats in time and money both: the ends first, then the least money within a limit of time, in the middle of the widest
/// gap that is left (ε-constraint method; Haimes, Lasdon, Wismer, IEEE SMC 1 (1971)).
/// <code>
///   usd ▲ ●                 ● found
///       │   ●               the gap between two: minimize money subject to time ≤ middle
///       │        ?
///       │             ●
///       └───────────────▶ seconds
/// </code>
/// </summary>
public static class ParetoFront
{
    // Times closer than this part of the whole range are one.
    private const double Finest = 1e-3;

    // Values that differ by rounding.
    private const double Same = 1e-9;

    /// <param name="problem">Its limits and rules hold for every point; its goals do not matter.</param>
    /// <param name="count">So many points at most; fewer where there are no more.</param>
    /// <param name="progress">Hears how many points there are.</param>
    public static ValueList<FrontPoint> Of(PlacementProblem problem, int count, PlacerOptions options, IEnumerable<Plan> known, Action<int>? progress = null)
    {
        var plans = known.ToList();
        FrontPoint? Ask(ValueList<Goal> goals, double most)
        {
            var limits = problem.Objective.Limits.Where(l => l.Metric != Metric.Time || l.Most < most).ToList();
            if (double.IsFinite(most))
            {
                limits.Add(new Limit(Metric.Time, most));
            }

            if (problem.NeedsPipeline)
            {
                limits.Add(new Limit(Metric.Interval, double.PositiveInfinity)); // What was a pipeline stays one.
            }

            var found = Placer.Place(problem with { Objective = new Objective(goals, [.. limits]) }, options with { Known = [.. plans] });
            if (found.Run is not { } run)
            {
                return null;
            }

            plans.Add(run.Plan);
            return new FrontPoint(run, found.Goals.Select(g => g.Gap).Max());
        }

        var (time, money) = (Goal.Of(Metric.Time), Goal.Of(Metric.Money));
        if (count < 1 || Ask([time, money], double.PositiveInfinity) is not { } fastest)
        {
            return [];
        }

        var points = new SortedList<double, FrontPoint> { [fastest.Seconds] = fastest };
        progress?.Invoke(1);
        if (count > 1 && Ask([money, time], double.PositiveInfinity) is { } cheapest && cheapest.Usd < fastest.Usd * (1 - Finest) && cheapest.Seconds > fastest.Seconds)
        {
            points[cheapest.Seconds] = cheapest;
        }

        // A gap [low, high] has a point at high and nothing else above low; the one at low is dearer.
        var gaps = new List<(double Low, double High)>();
        if (points.Count == 2)
        {
            gaps.Add((points.Keys[0], points.Keys[1]));
        }

        var range = points.Keys[^1] - points.Keys[0];
        for (var asked = 2; points.Count < count && gaps.Count > 0 && asked < 4 * count; asked++)
        {
            progress?.Invoke(points.Count);
            var gap = gaps.MaxBy(g => g.High - g.Low);
            gaps.Remove(gap);
            var middle = (gap.Low + gap.High) / 2;
            if (gap.High - gap.Low < Finest * range || Ask([money, time], middle) is not { } point)
            {
                continue;
            }

            // Else it is a point that is there already, and nothing between it and the middle is cheaper.
            if (!points.Values.Any(p => p.Seconds <= point.Seconds * (1 + Same) && p.Usd <= point.Usd * (1 + Same)))
            {
                points[point.Seconds] = point;
                gaps.Add((gap.Low, point.Seconds));
            }

            gaps.Add((middle, gap.High));
        }

        return Undominated(points.Values);
    }

    // Plans that were not proven best may turn out to be beaten by later ones.
    private static ValueList<FrontPoint> Undominated(IEnumerable<FrontPoint> points)
    {
        var (kept, least) = (new List<FrontPoint>(), double.PositiveInfinity);
        foreach (var point in points.OrderBy(p => p.Seconds).ThenBy(p => p.Usd))
        {
            if (point.Usd < least)
            {
                kept.Add(point);
                least = point.Usd;
            }
        }

        return [.. kept];
    }
}
