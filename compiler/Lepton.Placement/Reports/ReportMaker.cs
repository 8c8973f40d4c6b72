using Lepton.Placement.Costs;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Reports;

/// <summary>Places a program and asks everything else about its plan.</summary>
public static class ReportMaker
{
    /// <param name="front">Points of the Pareto front; 0: none.</param>
    /// <param name="options">For the plan itself.</param>
    /// <param name="frontOptions">For each point of the front.</param>
    /// <param name="points">Hears how many points of the front there are.</param>
    /// <exception cref="OperationCanceledException">As the options ask for.</exception>
    public static PlacementReport Make(ProgramProblem program, int front, PlacerOptions options, PlacerOptions frontOptions, Action<int>? points = null)
    {
        var result = Placer.Place(program.Problem, options);
        if (result.Run is not { } run)
        {
            return new PlacementReport(program, result, [], [], [], []);
        }

        var variations = new Variations(program.Problem, result, options.Cancel);
        var kernels = program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group).Select(k => k.Index).ToArray();
        var known = result.Alternatives.Where(a => a.Run.Score.Feasible).Select(a => a.Run.Plan).Append(run.Plan);
        return new PlacementReport(
            program,
            result,
            CriticalPath.Of(program.Problem, run),
            variations.Elsewhere(kernels),
            variations.Prices(),
            ParetoFront.Of(program.Problem, front, frontOptions, known, points));
    }
}
