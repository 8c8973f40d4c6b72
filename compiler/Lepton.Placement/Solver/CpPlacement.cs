using Lepton.Placement.Problem;
using Lepton.Placement.Solver.Engines;
using Lepton.Placement.Solver.Pipelines;
using Lepton.Placement.Solver.Scheduling;

namespace Lepton.Placement.Solver;

/// <summary>
/// What <see cref="Placer"/> takes for a solver: two engines that live as long as this, and for each problem the model that suits it. Pipelines over equal
/// links have one of their own; problems above <see cref="Large"/> kernels are improved by neighbourhoods instead of being solved at once.
/// </summary>
public sealed class CpPlacement : IDisposable
{
    /// <summary>Kernels beyond which one model finds and proves little.</summary>
    public const int Large = 150;

    // However long the rest has taken, the solver is asked for this part of the limit.
    private const double LeastPart = 0.05;

    // However short the limit is, annealing has this part of its work: fractions of a second.
    private const double LeastWork = 0.1;

    private readonly ICpEngine[] _engines;
    private readonly SolverOptions _options;
    private readonly CancellationToken _cancel;

    internal CpPlacement(ICpEngine[] engines, SolverOptions options, CancellationToken cancel) => (_engines, _options, _cancel) = (engines, options, cancel);

    /// <summary>What went wrong with the engines, in sentences for the user, the last one first; the answers hold all the same.</summary>
    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>
    /// Null with what is missing and how to get it. One engine begins to start at once, so that who makes this early finds it ready; the other one starts
    /// when there is something to solve.
    /// </summary>
    /// <param name="cancel">Ends the engines in the middle of their work.</param>
    public static CpPlacement? Create(out string missing, SolverOptions? options = null, CancellationToken cancel = default)
    {
        ICpEngine?[] engines = [CpEngines.Create(out missing), CpEngines.Create(out missing)];
        if (engines.Any(e => e is null))
        {
            return null;
        }

        engines[0]!.Start();
        return new CpPlacement([.. engines.OfType<ICpEngine>()], options ?? new SolverOptions(), cancel);
    }

    /// <summary>
    /// The options with this solver in them; it reports to their <see cref="PlacerOptions.Progress"/>. What a goal has taken before the solver is asked
    /// counts, and annealing is shorter where there are few seconds.
    /// </summary>
    /// <param name="seconds">For each goal; null: as this was made with.</param>
    public PlacerOptions Options(PlacerOptions? others = null, double? seconds = null)
    {
        var options = _options with { Seconds = Math.Min(_options.Seconds, seconds ?? _options.Seconds), Progress = others?.Progress ?? _options.Progress };
        SolverOptions After(TimeSpan used) =>
            options with { Seconds = Math.Max(options.Seconds - used.TotalSeconds, options.Seconds * LeastPart) };
        others ??= new PlacerOptions();
        return others with
        {
            AnnealingWork = (int)(others.AnnealingWork * Math.Clamp(options.Seconds / new SolverOptions().Seconds, LeastWork, 1)),
            Solver = (p, k, used) => Solve(p, k, After(used)),
            Improve = (p, k, used) => Improve(p, k, After(used)),
        };
    }

    public SolverAnswer Solve(PlacementProblem problem, Plan? known) => Solve(problem, known, _options);

    private SolverAnswer Solve(PlacementProblem problem, Plan? known, SolverOptions options)
    {
        if (PipelineSolver.Applies(problem))
        {
            var pipeline = PipelineSolver.Solve(problem, _engines, options.Seconds, options.Seed, _cancel);
            Note(pipeline.Note);
            if (pipeline.Answer.Best is not null)
            {
                return pipeline.Answer;
            }
        }

        _engines[^1].Start();
        var engines = problem.Kernels.Count > Large && known is not null ? [] : _engines;
        var run = PlacementSolver.Solve(problem, known, engines, options, _cancel);
        Note(run.Note);
        return run.Answer;
    }

    public Plan Improve(PlacementProblem problem, Plan plan) => Improve(problem, plan, _options);

    private Plan Improve(PlacementProblem problem, Plan plan, SolverOptions options) =>
        problem.Kernels.Count > Large && !PipelineSolver.Applies(problem) ? Windows.Improve(problem, plan, _engines, options.Seconds, options.Seed, _cancel) : plan;

    private void Note(string note) => Notes = note.Length == 0 || Notes.Contains(note) ? Notes : [note, .. Notes];

    public void Dispose()
    {
        foreach (var engine in _engines)
        {
            engine.Dispose();
        }
    }
}
