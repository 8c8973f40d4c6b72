using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Reports;

/// <summary>Two devices that are the same processor, and what a plan has them do at the same time.</summary>
/// <param name="A">Index of a device.</param>
/// <param name="B">Index of another one.</param>
/// <param name="Cores">The numbers of the cores that both run on.</param>
/// <param name="Seconds">For how long both have work.</param>
/// <param name="MayAdd">
/// Seconds by which that may take longer, for the plan has each as fast as alone: with threads a and b on c cores, seconds · ((a + b) / c - 1).
/// </param>
public sealed record SharedCores(int A, int B, ValueList<int> Cores, double Seconds, double MayAdd)
{
    /// <summary>Of a run, the pairs that share cores and have work at the same time. A processor whose cores are not said runs on any that others name.</summary>
    public static ValueList<SharedCores> Of(PlacementProblem problem, Execution run)
    {
        var named = problem.Devices.SelectMany(d => d.Cores).Distinct().Order().ToArray();
        var found = new List<SharedCores>();
        for (var a = 0; a < problem.Devices.Count; a++)
        {
            for (var b = a + 1; b < problem.Devices.Count; b++)
            {
                var (first, second) = (CoresOf(problem.Devices[a], named), CoresOf(problem.Devices[b], named));
                var (both, all) = (first.Intersect(second).ToValueList(), first.Union(second).Count());
                var crowd = all == 0 ? 0 : ((double)(ThreadsOf(problem.Devices[a]) + ThreadsOf(problem.Devices[b])) / all) - 1;
                if (both.Count > 0 && crowd > 0 && Together(problem, run, a, b) is > 0 and var seconds)
                {
                    found.Add(new SharedCores(a, b, both, seconds, seconds * crowd));
                }
            }
        }

        return [.. found];
    }

    /// <summary>Seconds of a run with all that devices which share cores may add.</summary>
    public static double Time(PlacementProblem problem, Execution run) => run.Score.Time + Of(problem, run).Sum(s => s.MayAdd);

    private static IEnumerable<int> CoresOf(Device device, int[] named) =>
        device.Cores.Count > 0 ? device.Cores : device.Kind is "cpu" or "clr" ? named : [];

    private static int ThreadsOf(Device device) => device.Threads > 0 ? device.Threads : Math.Max(1, device.Cores.Count);

    private static double Together(PlacementProblem problem, Execution run, int a, int b) => (
        from v in Enumerable.Range(0, problem.Kernels.Count)
        where run.Devices[v] == a
        from w in Enumerable.Range(0, problem.Kernels.Count)
        where run.Devices[w] == b
        select Math.Max(0, Math.Min(run.Ends[v], run.Ends[w]) - Math.Max(run.Starts[v], run.Starts[w]))).Sum();
}
