using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Placement.Solver.Pipelines;

/// <param name="Note">Why there is no proof, where something went wrong; otherwise empty.</param>
public sealed record PipelineAnswer(SolverAnswer Answer, string Note);

/// <summary>
/// The pipeline of the least interval over devices with equal links: contraction, the best cuts of many orders, then a proof by CP-SAT. The plan's
/// value is the simulator's; it is called optimal only when that meets the solver's bound.
/// </summary>
public static class PipelineSolver
{
    // Of the value known at the start: n durations rounded down lose less than n / 2³⁰ of it.
    private const double Ticks = 1 << 30;
    private const int Orders = 60;

    /// <summary>The part of a value by which rounding to ticks may part it from the bound.</summary>
    public const double Agreement = 1e-6;

    /// <summary>One goal, the interval alone, no limits; all links alike; at most one device that copies do not occupy; memory for weights.</summary>
    public static bool Applies(PlacementProblem problem) => StageContraction.Applies(problem);

    /// <param name="engines">One or two; none for the cuts and a bound alone.</param>
    /// <param name="seconds">Wall time for the proof.</param>
    public static PipelineAnswer Solve(
        PlacementProblem problem, IReadOnlyList<ICpEngine> engines, double seconds, int seed = 1, CancellationToken cancel = default)
    {
        var graph = StageContraction.Run(problem, double.PositiveInfinity);
        var best = StageCuts.Best(graph, Orders, seed);
        if (best is not null && StageContraction.Run(problem, best.Slowest) is var smaller && smaller.Nodes < graph.Nodes
            && StageCuts.Best(smaller, Orders, seed) is { } better && better.Slowest <= best.Slowest)
        {
            // What the known pipeline says must not be cut makes the graph smaller.
            (graph, best) = (smaller, better);
        }

        if (best is null || graph.Nodes == 0)
        {
            return new PipelineAnswer(new SolverAnswer(null, 0, SolverStatus.Unknown), "no order of the kernels can be cut into stages that fit");
        }

        var bound = Bound(graph);
        var note = "";
        if (engines.Count > 0 && best.Slowest > bound)
        {
            var tick = best.Slowest / Ticks;
            var (model, reader) = StageModel.Make(graph, best, bound, tick);
            var proof = new CpParameters { MaxSeconds = seconds, LinearizationLevel = 2, KeepAllSolutions = true, Seed = seed };
            var results = CpLanes.Run(engines, [new CpLane(model, proof), new CpLane(model, proof with { KeepAllSolutions = false, Seed = seed + 1 })], cancel);
            bound = Math.Max(bound, results.Max(r => r.Bound) * tick);
            best = results.Where(r => r.HasSolution).Select(r => reader.Read(r.Solution)).Append(best).MinBy(p => p.Slowest)!;
            note = results.FirstOrDefault(r => r.Outcome is CpOutcome.EngineFailed or CpOutcome.ModelRefused)?.Message ?? "";
        }

        return Judge(problem, graph, best, bound, note);
    }

    // T ≥ the longest node, T ≥ all work, where each unit of it is on the device that does it best
    private static double Bound(StageGraph graph) =>
        Math.Max(graph.Seconds.Max(s => s.Min()), graph.Seconds.Sum(s => s.Min()) / graph.Stages);

    private static PipelineAnswer Judge(PlacementProblem problem, StageGraph graph, StagePlan plan, double bound, string note)
    {
        var free = graph.Classes.Select(c => new Queue<int>(c.Devices)).ToArray();
        int[] deviceAt = [.. plan.ClassAt.Select(c => free[c].Dequeue())];
        int[] devices = [.. graph.NodeOf.Select(v => deviceAt[plan.Position[v]])];
        var run = Simulator.Run(problem, devices, new double[devices.Length]);
        if (!run.Score.Feasible)
        {
            return new PipelineAnswer(new SolverAnswer(null, bound, SolverStatus.Unknown), "the simulator refuses the pipeline that was found");
        }

        var value = run.Score.Interval;
        var proved = value <= bound * (1 + Agreement);
        var found = new Plan([.. devices], run.Starts);
        return new PipelineAnswer(new SolverAnswer(found, proved ? value : Math.Min(bound, value), proved ? SolverStatus.Optimal : SolverStatus.Feasible), proved ? "" : note);
    }
}
