using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// The whole numbers of a model. A goal wT·time + wM·money + wI·interval has one unit, and each metric counts in its share of it,
/// <code>
///   seconds = unit / wT      usd = unit / wM      interval = unit / wI
/// </code>
/// so that the objective is a plain sum. All amounts are rounded down: a plan then takes at most as many ticks as it takes time, so bounds and proofs of
/// infeasibility hold for the problem itself. Where all durations are whole multiples of a nanosecond or more, nothing is lost.
/// </summary>
/// <param name="Goal">Of the objective, in the goal's unit.</param>
/// <param name="Seconds">One tick of time.</param>
/// <param name="Usd">One tick of money.</param>
/// <param name="Interval">One tick of the interval, in seconds.</param>
/// <param name="Horizon">Ticks of time after which no plan ends that is looked for.</param>
internal sealed record Units(double Goal, double Seconds, double Usd, double Interval, long Horizon)
{
    // Far below a millionth of the value after as many roundings as a plan can have; and room below 2⁶³ for sums of products.
    private const double Fine = 1 << 22, Most = 1L << 42;

    /// <param name="value">Of a known plan, or an upper bound: better ones are looked for.</param>
    /// <param name="horizon">Seconds.</param>
    /// <param name="resolution">Ticks that the value is cut into, where a millionth is more than is needed.</param>
    public static Units Choose(Tables tables, Weights goal, double value, double horizon, double? resolution = null)
    {
        var steps = resolution ?? Math.Min(Fine * (tables.Kernels + (tables.Tensors * tables.Devices) + 4), Most);
        horizon = Math.Max(horizon, double.Epsilon * Most * Most);
        value = Math.Max(value, double.Epsilon * Most * Most);
        var seconds = Exact(tables, horizon) ?? horizon / steps;
        var unit = value / steps;
        if (goal.Time > 0)
        {
            // A part of a tick that loses nothing is as good, and what else is in the goal may need it. Where time is a small part of the goal, it
            // need not be finer than the rest.
            var alone = goal is { Money: 0, Interval: 0 };
            seconds /= alone || goal.Time * seconds <= unit ? 1 : Math.Pow(2, Math.Ceiling(Math.Log2(goal.Time * seconds / unit)));
            seconds = Math.Max(seconds, Math.Max(horizon, value / goal.Time) / Most);
            unit = goal.Time * seconds;
        }

        double Share(double weight, Metric metric) =>
            weight > 0 ? unit / weight : Math.Max(Limit(tables.Problem.Objective, metric), double.Epsilon * Most * Most) / steps;
        return new Units(unit, seconds, Share(goal.Money, Metric.Money), Share(goal.Interval, Metric.Interval), Down(horizon, seconds));
    }

    /// <summary>How many units an amount holds. An amount that is whole but for rounding is whole.</summary>
    public static long Down(double amount, double unit) => (long)Math.Min(Math.Floor((amount / unit) + 1e-7), Most * 4);

    /// <summary>Rounding to ticks loses nothing of it.</summary>
    public bool IsWhole(double seconds) => Math.Abs((seconds / Seconds) - Math.Round(seconds / Seconds)) <= 1e-7;

    public long Ticks(double seconds) => Down(seconds, Seconds);

    // A metric without weight is counted only where something limits it.
    private static double Limit(Objective objective, Metric metric)
    {
        var limits = objective.Limits.Where(l => l.Metric == metric).Select(l => l.Most)
            .Concat(objective.Ceilings.SelectMany(c => c.Goal.Terms.Where(t => t.Metric == metric && t.Weight > 0).Select(t => c.Most / t.Weight)));
        return limits.Where(double.IsFinite).DefaultIfEmpty(1).Min();
    }

    // The coarsest of 1 s, 1 ms, 1 µs, 1 ns of which every duration is a whole multiple.
    private static double? Exact(Tables tables, double horizon)
    {
        var durations = new HashSet<double>();
        for (var a = 0; a < tables.Devices; a++)
        {
            for (var v = 0; v < tables.Kernels; v++)
            {
                durations.Add(tables.Seconds[v, a]);
            }

            for (var b = 0; b < tables.Devices; b++)
            {
                for (var t = 0; t < tables.Tensors; t++)
                {
                    durations.Add(tables.Copy(t, a, b));
                }
            }
        }

        bool Whole(double seconds, double perSecond) =>
            !double.IsFinite(seconds) || Math.Abs((seconds * perSecond) - Math.Round(seconds * perSecond)) <= 1e-9 * Math.Max(1, seconds * perSecond);
        foreach (var perSecond in new[] { 1, 1e3, 1e6, 1e9 })
        {
            if (horizon * perSecond < Most && durations.All(s => Whole(s, perSecond)))
            {
                return 1 / perSecond;
            }
        }

        return null;
    }
}
