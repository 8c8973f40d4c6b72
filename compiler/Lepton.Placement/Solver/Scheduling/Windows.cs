using Lepton.Placement.Exact;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// Large-neighbourhood search (Shaw, CP 1998) for problems that are too large for one model: kernels of a window of time may go anywhere, all others keep
/// their device and their order on it, and CP-SAT looks for the best of that in a second.
/// <code>
///   d0  ▓▓▓▓░░░░▓▓▓▓▓     ░ 20 to 30 kernels that start near each other: free
///   d1  ▓▓▓░░░░░░▓▓▓▓     ▓ device and order stay, starts move
/// </code>
/// Each engine works on a window of its own; a plan is taken over when the simulator calls it better.
/// </summary>
public static class Windows
{
    private const int Least = 20, Most = 30;

    // Ticks of a whole run: the simulator has the last word, and finer ones make propagation slow.
    private const double Resolution = 1e6;

    /// <summary>A plan that is at least as good as the given one.</summary>
    public static Plan Improve(
        PlacementProblem problem, Plan plan, IReadOnlyList<ICpEngine> engines, double seconds, int seed = 1, CancellationToken cancel = default)
    {
        var goal = Weights.Of(problem.Objective.Goals[0]);
        var best = Simulator.Run(problem, plan);
        var end = DateTime.UtcNow.AddSeconds(seconds);
        var random = new Random(seed);
        while (best.Score.Feasible && engines.Count > 0 && DateTime.UtcNow < end && !cancel.IsCancellationRequested)
        {
            var left = Math.Min(1, (end - DateTime.UtcNow).TotalSeconds);
            var lanes = engines.Select((e, i) => (Engine: e, Free: Choose(problem, best, random), Seed: random.Next(1, 1 << 20), Level: i % 2)).ToArray();
            var from = best;
            Task<Execution?>[] tasks = [.. lanes.Select(l => Task.Run(() => Solve(problem, goal, from, l.Free, l.Engine, left, l.Seed, l.Level, cancel)))];
            foreach (var run in tasks.Select(t => t.GetAwaiter().GetResult()).OfType<Execution>())
            {
                best = goal.Value(run.Score) < goal.Value(best.Score) ? run : best;
            }
        }

        return best.Plan;
    }

    private static Execution? Solve(
        PlacementProblem problem,
        Weights goal,
        Execution best,
        HashSet<int> free,
        ICpEngine engine,
        double seconds,
        int seed,
        int level,
        CancellationToken cancel)
    {
        var tables = new Tables(problem);
        for (var x = 0; x < tables.Members.Length; x++)
        {
            for (var d = 0; d < tables.Devices && !tables.Members[x].Any(free.Contains); d++)
            {
                if (d != best.Devices[tables.Members[x][0]])
                {
                    tables.Forbid(x, d);
                }
            }
        }

        var value = goal.Value(best.Score);
        var horizon = PlacementSolver.Horizon(tables, goal, value);
        var units = Units.Choose(tables, goal, value, horizon, Resolution);
        var (model, reader) = PlacementModel.Make(
            tables, units, goal, EdgeForm.Pair, new TickSchedule(tables, units, best.Plan), 0, value, Chains(problem, best, free));
        var parameters = PlacementSolver.Searching(new CpParameters { MaxSeconds = seconds, Seed = seed }) with { LinearizationLevel = level };
        var result = CpSolver.Solve(engine, model, parameters, null, cancel);
        var run = result.HasSolution ? Simulator.Run(problem, reader.Read(result.Solution)) : null;
        return run is { Score.Feasible: true } ? run : null;
    }

    // Fixed kernels of each device in the order of their starts; with several streams nothing orders them.
    private static List<FixedOrder> Chains(PlacementProblem problem, Execution best, HashSet<int> free)
    {
        var (from, to) = (free.Min(v => best.Starts[v]), free.Max(v => best.Ends[v]));
        var chains = new List<FixedOrder>();
        for (var d = 0; d < problem.Devices.Count; d++)
        {
            if (problem.Devices[d].Streams == 1)
            {
                int[] stay = [.. Enumerable.Range(0, problem.Kernels.Count)
                    .Where(v => best.Devices[v] == d && !free.Contains(v) && problem.Kernels[v].Seconds[d] > 0).OrderBy(v => best.Starts[v])];
                var before = stay.Count(v => best.Ends[v] <= from);
                chains.Add(new FixedOrder(d, stay, before, Math.Max(before, stay.Count(v => best.Starts[v] < to))));
            }
        }

        return chains;
    }

    private static HashSet<int> Choose(PlacementProblem problem, Execution best, Random random)
    {
        var size = Math.Min(random.Next(Least, Most + 1), problem.Kernels.Count);
        int[] order = [.. Enumerable.Range(0, problem.Kernels.Count).OrderBy(v => best.Starts[v])];
        return [.. order.AsSpan(random.Next(order.Length - size + 1), size)];
    }
}
