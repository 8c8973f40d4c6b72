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

    private readonly ICpEngine[] _engines;
    private readonly SolverOptions _options;

    private CpPlacement(ICpEngine[] engines, SolverOptions options) => (_engines, _options) = (engines, options);

    /// <summary>Null with what is missing and how to get it.</summary>
    public static CpPlacement? Create(out string missing, SolverOptions? options = null)
    {
        ICpEngine?[] engines = [CpEngines.Create(out missing), CpEngines.Create(out missing)];
        return engines.Any(e => e is null) ? null : new CpPlacement([.. engines.OfType<ICpEngine>()], options ?? new SolverOptions());
    }

    /// <summary>The options with this solver in them.</summary>
    public PlacerOptions Options(PlacerOptions? others = null) => (others ?? new PlacerOptions()) with { Solver = Solve, Improve = Improve };

    public SolverAnswer Solve(PlacementProblem problem, Plan? known)
    {
        if (PipelineSolver.Applies(problem) && PipelineSolver.Solve(problem, _engines, _options.Seconds, _options.Seed).Answer is { Best: not null } pipeline)
        {
            return pipeline;
        }

        var engines = problem.Kernels.Count > Large && known is not null ? [] : _engines;
        return PlacementSolver.Solve(problem, known, engines, _options).Answer;
    }

    public Plan Improve(PlacementProblem problem, Plan plan) =>
        problem.Kernels.Count > Large && !PipelineSolver.Applies(problem) ? Windows.Improve(problem, plan, _engines, _options.Seconds, _options.Seed) : plan;

    public void Dispose()
    {
        foreach (var engine in _engines)
        {
            engine.Dispose();
        }
    }
}
