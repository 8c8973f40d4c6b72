using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Exact;

/// <summary>Proofs without search that no plan exists. Each rule gives its contradiction.</summary>
internal static class Infeasibility
{
    // The weights of two limits in a sum: each ratio gives a bound of its own.
    private static readonly double[] Ratios = [1, 0.25, 4, 0.05, 20];

    /// <summary>
    /// <code>
    ///   some kernel has no device left                     after reductions
    ///   Σ weights &gt; Σ memory
    ///   bound of a metric &gt; its limit                       also by minimum cut and on trees
    ///   bound of a / A + r · b / B &gt; 1 + r                  two limits a ≤ A, b ≤ B
    /// </code>
    /// </summary>
    /// <param name="reduced">The problem's tables; more pairs may be forbidden, for limits and rules alone.</param>
    public static bool Proven(PlacementProblem problem, Tables reduced)
    {
        if (Enumerable.Range(0, reduced.Kernels).Any(v => !Enumerable.Range(0, reduced.Devices).Any(d => reduced.Allowed(v, d))))
        {
            return true;
        }

        var most = 1 + Simulator.Tolerance;
        if (problem.Kernels.Sum(k => k.WeightBytes) > problem.Devices.Sum(d => d.MemoryBytes) * most)
        {
            return true;
        }

        var limits = Weights.Limits(problem.Objective).Where(l => double.IsFinite(l.Most)).ToArray();
        if (limits.Any(l => Bound(reduced, l.Sum) > l.Most * most))
        {
            return true;
        }

        var pairs = from i in Enumerable.Range(0, limits.Length)
                    from j in Enumerable.Range(0, i)
                    where limits[i].Most > 0 && limits[j].Most > 0
                    from ratio in Ratios
                    select (Sum: Sum(limits[i], limits[j], ratio), Most: 1 + ratio);
        return pairs.Any(p => Bound(reduced, p.Sum) > p.Most * most);
    }

    private static Weights Sum((Weights Sum, double Most) a, (Weights Sum, double Most) b, double ratio) => new(
        (a.Sum.Time / a.Most) + (ratio * b.Sum.Time / b.Most),
        (a.Sum.Money / a.Most) + (ratio * b.Sum.Money / b.Most),
        (a.Sum.Interval / a.Most) + (ratio * b.Sum.Interval / b.Most));

    private static double Bound(Tables tables, Weights sum) =>
        Math.Max(Bounds.Of(tables, sum), Math.Max(AdditiveTree.Solve(tables, sum)?.Value ?? 0, MinCut.Solve(tables, sum)?.Value ?? 0));
}
