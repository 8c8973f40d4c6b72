using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>What no plan can be better than, from paths and loads, without search.</summary>
internal static class Bounds
{
    // All sets of devices are looked at where they are this few.
    private const int MostSets = 8;

    /// <summary>No plan has a smaller value of the sum; +∞ when no plan exists at all.</summary>
    public static double Of(Tables tables, Weights weights)
    {
        var time = weights.NeedsTimes(tables.Problem.Money) ? Time(tables) : 0;
        var apart = weights.Value(time, Money(tables, time), weights.Interval > 0 ? Interval(tables) : 0);
        var together = tables.Problem.Money == MoneyModel.Busy
            ? LoadBounds.Of(tables, weights.Time + weights.Interval, weights.Money)
            : weights.Money > 0 ? BySets(tables, weights) : 0;
        return Math.Max(apart, together);
    }

    public static double Time(Tables tables)
    {
        var paths = new PathBounds(tables);
        return double.IsInfinity(paths.Critical)
            ? paths.Critical
            : Math.Max(paths.Critical, Math.Max(LoadBounds.Of(tables, 1, 0), LoadBounds.BetweenHeadsAndTails(tables, paths)));
    }

    private static double Interval(Tables tables)
    {
        var most = LoadBounds.Of(tables, 1, 0);
        for (var v = 0; v < tables.Kernels; v++)
        {
            most = Math.Max(most, Enumerable.Range(0, tables.Devices).Min(d => tables.Seconds[v, d] / tables.Problem.Devices[d].Streams));
        }

        return most;
    }

    // Busy: Σ of the cheapest places. Rental: one device at least, for the whole run.
    private static double Money(Tables tables, double time)
    {
        if (tables.Problem.Money == MoneyModel.Busy)
        {
            return LoadBounds.Of(tables, 0, 1);
        }

        return tables.Kernels == 0 ? 0 : tables.Problem.Devices.Min(d => Math.Max(time, d.MinimumSeconds) * d.UsdPerSecond);
    }

    /// <summary>min over sets S of devices:  wT · T(S) + wM · Σ over d in S of max(T(S), minimum(d)) · price(d),  T(S) a bound of S.</summary>
    private static double BySets(Tables tables, Weights weights)
    {
        if (tables.Devices > MostSets || tables.Kernels == 0)
        {
            return 0;
        }

        var best = double.PositiveInfinity;
        for (var set = 1u; set < 1u << tables.Devices; set++)
        {
            var inside = Enumerable.Range(0, tables.Devices).Where(d => (set >> d & 1) != 0).ToArray();
            var streams = inside.Sum(d => tables.Problem.Devices[d].Streams);
            var load = tables.Order.Sum(v => inside.Min(d => tables.Seconds[v, d])) / streams;
            var time = double.IsInfinity(load) ? load : Math.Max(load, new PathBounds(tables, set).Critical);
            if (!double.IsInfinity(time))
            {
                var usd = inside.Sum(d => Math.Max(time, tables.Problem.Devices[d].MinimumSeconds) * tables.Problem.Devices[d].UsdPerSecond);
                best = Math.Min(best, weights.Value(time, usd, 0));
            }
        }

        return best;
    }
}
