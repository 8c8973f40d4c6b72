using System.Diagnostics;
using Lepton.Placement.Exact;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>How long and how the solver works.</summary>
public sealed record SolverOptions
{
    /// <summary>Wall time, in seconds.</summary>
    public double Seconds { get; init; } = 10;

    /// <summary>A limit in the solver's own count of work, the same on each run; null for none.</summary>
    public double? DeterministicTime { get; init; }

    public int Seed { get; init; } = 1;

    /// <summary>Hears, from another thread, what the solver has found (+∞: nothing) and proved so far, in the goal's unit.</summary>
    public Action<double, double>? Progress { get; init; }
}

/// <param name="Note">What went wrong with a lane, or empty.</param>
public sealed record SolverRun(SolverAnswer Answer, string Note);

/// <summary>
/// One problem with one absolute goal by CP-SAT: a lane that searches (pairs, no relaxation) and one that proves side by side. For time alone the second
/// one looks for plans at the bound, and above it where there are none; for other goals it has flows and the full relaxation.
/// What they find is run by the simulator, and a plan is called optimal only when its value there meets the solver's bound to a millionth.
/// </summary>
public static class PlacementSolver
{
    // The part of the time that is left in which the engines search: they look at the clock between steps, and what they find is judged.
    private const double Searched = 0.95;

    /// <summary>The part of a value by which rounding to ticks may part it from the bound.</summary>
    public const double Agreement = 1e-6;

    /// <param name="known">The best plan so far, to start from; null for none.</param>
    /// <param name="engines">One or two; with one the lane that searches runs alone.</param>
    public static SolverRun Solve(
        PlacementProblem problem, Plan? known, IReadOnlyList<ICpEngine> engines, SolverOptions? options = null, CancellationToken cancel = default)
    {
        options ??= new SolverOptions();
        var watch = Stopwatch.StartNew();
        var goal = Weights.Of(problem.Objective.Goals[0]);
        var knownRun = known is null ? null : Simulator.Run(problem, known);
        var best = knownRun is { Score.Feasible: true } ? knownRun : null;
        var value = best is null ? double.PositiveInfinity : goal.Value(best.Score);
        var tables = Reduced(problem, goal, best, value);
        var bound = Bounds.Of(tables, goal);
        if (double.IsPositiveInfinity(bound) && best is null)
        {
            return new SolverRun(new SolverAnswer(null, bound, SolverStatus.Infeasible), "");
        }

        bound = Math.Min(bound, value);
        var note = "";
        var horizon = Horizon(tables, goal, value);
        var scale = double.IsFinite(value) ? value : Ceiling(tables, goal, horizon);
        while (engines.Count > 0 && value > bound * (1 + Agreement) && problem.Kernels.Count > 0 && watch.Elapsed.TotalSeconds < options.Seconds)
        {
            var units = Units.Choose(tables, goal, scale, horizon);
            var hint = best is null ? null : new TickSchedule(tables, units, best.Plan);
            var parameters = new CpParameters
            {
                MaxSeconds = (options.Seconds - watch.Elapsed.TotalSeconds) * Searched, MaxDeterministicTime = options.DeterministicTime, Seed = options.Seed,
                Log = options.Progress is not null,
            };
            var lanes = Lanes(tables, units, goal, hint, bound, value, parameters);
            var results = CpLanes.Run(
                engines,
                [.. lanes.Select(l => l.Lane)],
                cancel,
                options.Progress is { } hear ? new ProgressLines(value, bound, units.Goal, hear).Read : null);
            if (best is null && results.Any(r => r.Outcome == CpOutcome.Infeasible))
            {
                return new SolverRun(new SolverAnswer(null, double.PositiveInfinity, SolverStatus.Infeasible), "");
            }

            note = string.Join("; ", results.Where(r => r.Outcome is CpOutcome.EngineFailed or CpOutcome.ModelRefused).Select(r => r.Message).Distinct());
            bound = Math.Max(bound, results.Max(r => r.Bound) * units.Goal);
            foreach (var (result, reader) in results.Zip(lanes.Select(l => l.Reader)).Where(p => p.First.HasSolution))
            {
                var run = Simulator.Run(problem, reader.Read(result.Solution));
                if (run.Score.Feasible && goal.Value(run.Score) < value)
                {
                    (best, value) = (run, goal.Value(run.Score));
                }
            }

            // What is proved in ticks that were meant for a much worse value is proved again in finer ones.
            if (!results.Any(r => r.Outcome == CpOutcome.Optimal) || !(value < scale * 0.5))
            {
                break;
            }

            (scale, horizon) = (value, Math.Min(horizon, Horizon(tables, goal, value)));
        }

        return best is null ? new SolverRun(new SolverAnswer(null, bound, SolverStatus.Unknown), note)
            : value <= bound * (1 + Agreement) ? new SolverRun(new SolverAnswer(best.Plan, value, SolverStatus.Optimal), "")
            : new SolverRun(new SolverAnswer(best.Plan, Math.Min(bound, value), SolverStatus.Feasible), note);
    }

    // Small models are solved before a presolve of them has ended, and large ones are not made smaller by it.
    internal static CpParameters Searching(CpParameters parameters) =>
        parameters with { LinearizationLevel = 0, Presolve = false, ProbingLevel = 0 };

    /// <summary>A lane that searches and one that proves.</summary>
    internal static (CpLane Lane, PlacementModel Reader)[] Lanes(
        Tables tables, Units units, Weights goal, TickSchedule? hint, double bound, double value, CpParameters parameters)
    {
        var (pairs, pairsReader) = PlacementModel.Make(tables, units, goal, EdgeForm.Pair, hint, bound, value);
        var search = (new CpLane(pairs, Searching(parameters)), pairsReader);
        if (goal is { Money: 0, Interval: 0 })
        {
            return [search, (new CpLane(pairs, Searching(parameters) with { FromBound = true }), pairsReader)];
        }

        var (flows, flowsReader) = PlacementModel.Make(tables, units, goal, EdgeForm.Flow, hint, bound, value);
        return [search, (new CpLane(flows, parameters with { LinearizationLevel = 2, ProbingLevel = 0 }), flowsReader)];
    }

    // Without what no plan that is as good can use; but never without the known plan, which stands on the edge.
    private static Tables Reduced(PlacementProblem problem, Weights goal, Execution? best, double value)
    {
        var tables = new Tables(problem);
        Reductions.Run(tables, goal, value * (1 + Agreement));
        return best is null || Enumerable.Range(0, tables.Kernels).All(v => tables.Allowed(v, best.Devices[v])) ? tables : new Tables(problem);
    }

    /// <summary>Seconds after which no plan ends that is as good and keeps the limits, or that is packed as tightly as it can be.</summary>
    internal static double Horizon(Tables tables, Weights goal, double value)
    {
        var packed = 0.0;
        for (var v = 0; v < tables.Kernels; v++)
        {
            packed += Enumerable.Range(0, tables.Devices).Select(d => tables.Seconds[v, d]).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        }

        for (var t = 0; t < tables.Tensors; t++)
        {
            var slowest = tables.Problem.Links.Select(l => tables.Copy(t, l.From, l.To)).DefaultIfEmpty(0).Max();
            packed += slowest * Math.Min(tables.Consumers[t].Length, tables.Devices - 1);
        }

        var limits = Weights.Limits(tables.Problem.Objective).Append((goal, value)).Where(l => l.Item1.Time > 0).Select(l => l.Item2 / l.Item1.Time);
        return Math.Max(limits.Append(packed).Min(), double.Epsilon * (1L << 50));
    }

    // No sensible plan is worth more: for units alone.
    private static double Ceiling(Tables tables, Weights goal, double horizon)
    {
        var price = tables.Problem.Devices.Sum(d => d.UsdPerSecond * Math.Max(horizon, d.MinimumSeconds))
            + tables.Problem.Links.Sum(l => tables.Bytes.Sum(l.Usd));
        return goal.Value(horizon, price, horizon);
    }
}
