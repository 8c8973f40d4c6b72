using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>
/// What the work alone enforces. With λ ≥ 0, Σ λ = 1 and loads L(d) = Σ p / Streams[d] over the kernels on d:
/// <code>
///   wT · max L(d) + wM · money  ≥  Σ over d of wT · λ(d) · L(d) + wM · money
///                               ≥  Σ over v of  min over d   p(v, d) · (wT · λ(d) / Streams[d] + wM · price(d))
/// </code>
/// for each λ, so the best λ is looked for by subgradient steps (Held and Karp's way): a device that most kernels choose becomes dearer.
/// It converges to the linear program's bound; every step's value is valid.
/// </summary>
internal static class LoadBounds
{
    private const int Steps = 60;

    /// <summary>No plan has a smaller weightTime · (largest load in seconds) + weightMoney · (busy money in usd).</summary>
    public static double Of(Tables tables, double weightTime, double weightMoney, IReadOnlyList<int>? kernels = null) =>
        Best(tables, weightTime, weightMoney, kernels ?? tables.Order).Value;

    /// <summary>The best λ that was found for the loads of all kernels, by device; all 0 when one of them can stand nowhere.</summary>
    public static double[] Shares(Tables tables) => Best(tables, 1, 0, tables.Order).Share;

    private static (double Value, double[] Share) Best(Tables tables, double weightTime, double weightMoney, IReadOnlyList<int> kernels)
    {
        var devices = tables.Devices;
        var usable = Enumerable.Range(0, devices).Where(d => kernels.Any(v => tables.Allowed(v, d))).ToArray();
        if (usable.Length == 0 || kernels.Any(v => !usable.Any(d => tables.Allowed(v, d))))
        {
            return (kernels.Count == 0 ? 0 : double.PositiveInfinity, new double[devices]);
        }

        var streams = usable.Sum(d => tables.Problem.Devices[d].Streams);
        var share = new double[devices];
        foreach (var d in usable)
        {
            share[d] = (double)tables.Problem.Devices[d].Streams / streams;
        }

        var (best, bestShare) = (0.0, share.ToArray());
        for (var step = 0; step < Steps; step++)
        {
            var load = new double[devices];
            var value = Value(tables, kernels, usable, share, weightTime, weightMoney, load);
            if (value > best)
            {
                best = value;
                share.CopyTo(bestShare, 0);
            }

            var most = load.Max();
            if (weightTime == 0 || most == 0)
            {
                break;
            }

            // Multiplicative steps keep λ positive; the sum is brought back to 1.
            var length = 1.0 / Math.Sqrt(step + 1);
            foreach (var d in usable)
            {
                share[d] *= Math.Exp(length * ((load[d] / most) - 0.5));
            }

            var sum = share.Sum();
            foreach (var d in usable)
            {
                share[d] /= sum;
            }
        }

        return (best, bestShare);
    }

    private static double Value(
        Tables tables, IReadOnlyList<int> kernels, int[] usable, double[] share, double weightTime, double weightMoney, double[] load)
    {
        var total = 0.0;
        foreach (var v in kernels)
        {
            var (least, chosen) = (double.PositiveInfinity, -1);
            foreach (var d in usable.Where(d => tables.Allowed(v, d)))
            {
                var device = tables.Problem.Devices[d];
                var cost = tables.Seconds[v, d] * ((weightTime * share[d] / device.Streams) + (weightMoney * device.UsdPerSecond));
                if (cost < least)
                {
                    (least, chosen) = (cost, d);
                }
            }

            total += least;
            load[chosen] += tables.Seconds[v, chosen] / tables.Problem.Devices[chosen].Streams;
        }

        return total;
    }

    /// <summary>
    /// Jackson's bound on several machines: kernels that all start after h and end before the last q,
    /// <code>T ≥ h + load of { v : head(v) ≥ h, tail(v) ≥ q } + q</code>
    /// with loads spread evenly over the streams.
    /// </summary>
    public static double BetweenHeadsAndTails(Tables tables, PathBounds paths)
    {
        var all = Enumerable.Range(0, tables.Devices);
        var streams = tables.Problem.Devices.Sum(d => (double)d.Streams);
        var kernels = tables.Order.Select(v => (
            Head: all.Min(d => paths.Head[v, d]), Tail: all.Min(d => paths.Tail[v, d]), Seconds: all.Min(d => tables.Seconds[v, d]))).ToArray();
        var byTail = kernels.OrderByDescending(k => k.Tail).ToArray();
        var best = 0.0;
        foreach (var head in kernels.Select(k => k.Head).Distinct())
        {
            var load = 0.0;
            foreach (var kernel in byTail.Where(k => k.Head >= head))
            {
                load += kernel.Seconds;
                best = Math.Max(best, head + (load / streams) + kernel.Tail);
            }
        }

        return best;
    }
}
