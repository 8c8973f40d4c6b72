using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Exact;

/// <summary>
/// Takes pairs of kernel and device out of a problem that no plan, or no plan as good as the best known one, can use. Later steps become
/// smaller, and a device that nothing may use any more has left the problem.
/// </summary>
internal static class Reductions
{
    /// <summary>
    /// Forbids pairs in the tables. Rules, each by itself safe for plans of value ≤ <paramref name="most"/>:
    /// <code>
    ///   no path          head + p + tail = ∞                                    some neighbour has nowhere to stand
    ///   no room          weights + own tensors &gt; memory of the device
    ///   too slow         head + p + tail &gt; a limit of time
    ///   not good enough  goal's bound with the pair &gt; most, or a limit's bound &gt; the limit
    ///   dominated        money alone, no limits: another device does all of it for less, and is linked as well
    /// </code>
    /// </summary>
    /// <returns>The number of pairs (variable, device) that were forbidden.</returns>
    public static int Run(Tables tables, Weights goal, double most = double.PositiveInfinity)
    {
        var forbidden = 0;
        (Weights Sum, double Most)[] sums = [(goal, most), .. Weights.Limits(tables.Problem.Objective)];
        for (var changed = true; changed;)
        {
            var before = forbidden;
            var paths = new PathBounds(tables);
            var usd = Enumerable.Range(0, tables.Kernels).Select(v => Enumerable.Range(0, tables.Devices).Min(d => tables.Usd(v, d))).ToArray();
            var bound = new { paths.Critical, Usd = usd.Sum(), Work = sums.Any(s => s.Sum.Interval > 0) ? LoadBounds.Of(tables, 1, 0) : 0 };
            for (var x = 0; x < tables.Members.Length; x++)
            {
                for (var d = 0; d < tables.Devices; d++)
                {
                    if (!tables.Allowed(tables.Members[x][0], d))
                    {
                        continue;
                    }

                    // With x on d: at least this long, this dear, this slow a stage.
                    var members = tables.Members[x];
                    var time = Math.Max(bound.Critical, members.Max(v => paths.Through(tables, v, d)));
                    var money = tables.Problem.Money == MoneyModel.Busy
                        ? bound.Usd + members.Sum(v => tables.Usd(v, d) - usd[v])
                        : Math.Max(time, tables.Problem.Devices[d].MinimumSeconds) * tables.Problem.Devices[d].UsdPerSecond;
                    var interval = Math.Max(bound.Work, members.Sum(v => tables.Seconds[v, d]) / tables.Problem.Devices[d].Streams);
                    var worse = sums.Any(s => s.Sum.Value(time, money, interval) > s.Most * (1 + Simulator.Tolerance));
                    if (double.IsInfinity(time) || worse
                        || Room(tables, members, d) > tables.Problem.Devices[d].MemoryBytes * (1 + Simulator.Tolerance))
                    {
                        tables.Forbid(x, d);
                        forbidden++;
                    }
                }
            }

            forbidden += Dominated(tables, goal);
            changed = forbidden > before;
        }

        return forbidden;
    }

    // Bytes that the variable needs on its device, wherever the others stand.
    private static double Room(Tables tables, int[] members, int d)
    {
        double Touched(IEnumerable<int> kernels) => kernels.SelectMany(v => tables.Inputs[v].Concat(tables.Outputs[v])).Distinct()
            .Sum(t => tables.Bytes[t]);
        return members.Sum(v => tables.Problem.Kernels[v].WeightBytes) + tables.Problem.Memory switch
        {
            MemoryModel.Weights => 0,
            MemoryModel.Sum => Touched(members),

            // What a kernel reads and makes is alive while it runs.
            _ => members.Max(v => tables.Seconds[v, d] > 0 ? Touched([v]) : 0),
        };
    }

    // Replacing e by d in any plan leaves it valid and no dearer; then e is not needed.
    private static int Dominated(Tables tables, Weights goal)
    {
        var problem = tables.Problem;
        if (goal.NeedsTimes(problem.Money) || goal.Interval > 0 || problem.NeedsPipeline || problem.Objective.Limits.Count > 0
            || problem.Objective.Ceilings.Count > 0)
        {
            return 0;
        }

        var forbidden = 0;
        for (var e = 0; e < tables.Devices; e++)
        {
            var variables = Enumerable.Range(0, tables.Members.Length).Where(x => tables.Allowed(tables.Members[x][0], e)).ToArray();
            if (variables.Length > 0 && Enumerable.Range(0, tables.Devices).Any(d => d != e && Dominates(tables, d, e)))
            {
                foreach (var x in variables)
                {
                    tables.Forbid(x, e);
                }

                forbidden += variables.Length;
            }
        }

        return forbidden;
    }

    private static bool Dominates(Tables tables, int d, int e) =>
        double.IsInfinity(tables.Problem.Devices[d].MemoryBytes)
        && Enumerable.Range(0, tables.Kernels).All(v => !tables.Allowed(v, e) || tables.Usd(v, d) <= tables.Usd(v, e))
        && Enumerable.Range(0, tables.Devices).Where(x => x != d && x != e).All(
            x => NoDearer(tables, (x, d), (x, e)) && NoDearer(tables, (d, x), (e, x)));

    private static bool NoDearer(Tables tables, (int From, int To) link, (int From, int To) than) =>
        Enumerable.Range(0, tables.Tensors).All(t => tables.CopyUsd(t, link.From, link.To) <= tables.CopyUsd(t, than.From, than.To))
        && (tables.Linked(link.From, link.To) || !tables.Linked(than.From, than.To));
}
