using System.Diagnostics;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Placement.Solver;

/// <summary>One way to ask the solver: a model and how to work on it.</summary>
public sealed record CpLane(CpModel Model, CpParameters Parameters);

/// <summary>Several ways to ask the same question side by side, one engine each: the first proof ends the others.</summary>
public static class CpLanes
{
    // Most models are done before; a lane that is ended takes its process with it, and starting one costs as much.
    private static readonly TimeSpan HeadStart = TimeSpan.FromSeconds(0.5);

    // Seconds: a limit that is no limit yet.
    private const double Least = 0.01;

    /// <summary>
    /// The result of each lane, in order; <see cref="CpOutcome.Cancelled"/> for one that another lane made needless. As many lanes run as there are
    /// engines.
    /// </summary>
    /// <remarks>A lane that starts later has less time: all end together. What <paramref name="log"/> throws is thrown here.</remarks>
    /// <param name="log">Gets the lines of all lanes, from other threads, where their parameters ask for them.</param>
    public static CpResult[] Run(
        IReadOnlyList<ICpEngine> engines, IReadOnlyList<CpLane> lanes, CancellationToken cancel = default, Action<string>? log = null)
    {
        using var proved = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var (tasks, watch) = (new List<Task<CpResult>>(), Stopwatch.StartNew());
        for (var i = 0; i < Math.Min(engines.Count, lanes.Count); i++)
        {
            var (engine, lane) = (engines[i], lanes[i]);
            if (i > 0)
            {
                Task.WaitAny([.. tasks], HeadStart);
            }

            tasks.Add(proved.IsCancellationRequested ? Task.FromResult(CpSolver.Cancelled) : OnItsOwnThread(() => Solve(engine, lane, watch, log, proved), proved));
        }

        return Task.WhenAll(tasks).GetAwaiter().GetResult();
    }

    // A lane waits for a process most of the time. Who hears of progress may throw: then the others need not go on.
    private static Task<CpResult> OnItsOwnThread(Func<CpResult> solve, CancellationTokenSource others)
    {
        CpResult Guarded()
        {
            try
            {
                return solve();
            }
            catch
            {
                others.Cancel();
                throw;
            }
        }

        return Task.Factory.StartNew(Guarded, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static CpResult Solve(ICpEngine engine, CpLane lane, Stopwatch watch, Action<string>? log, CancellationTokenSource proved)
    {
        CpParameters Left(CpParameters parameters) =>
            parameters with { MaxSeconds = Math.Max(Least, parameters.MaxSeconds - watch.Elapsed.TotalSeconds) };
        var result = CpSolver.Solve(engine, lane.Model, Left(lane.Parameters), log, proved.Token);
        if (result.Outcome == CpOutcome.EngineFailed && lane.Parameters.Presolve && !proved.IsCancellationRequested)
        {
            // What it got wrong it most likely got wrong while it simplified, and what killed it may have been chance: once more, plainly.
            result = CpSolver.Solve(engine, lane.Model, Left(lane.Parameters with { Presolve = false }), log, proved.Token);
        }

        if (result.Outcome is CpOutcome.Optimal or CpOutcome.Infeasible)
        {
            proved.Cancel();
        }

        return result;
    }
}
