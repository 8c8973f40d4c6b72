using System.Collections.Immutable;
using System.Diagnostics;
using Google.Protobuf;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Placement.Solver;

/// <summary>How a solve ended.</summary>
public enum CpOutcome
{
    /// <summary>The solution is proved best.</summary>
    Optimal,

    /// <summary>A solution, and a bound on how much better another can be.</summary>
    Feasible,

    /// <summary>It is proved that there is no solution.</summary>
    Infeasible,

    /// <summary>The limit came before a solution did.</summary>
    NothingFound,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>The engine was lost, hung, is missing, or what it said is not true: <see cref="CpResult.Message"/> says which.</summary>
    EngineFailed,

    /// <summary>The solver refused the model: our mistake.</summary>
    ModelRefused,
}

/// <param name="Solution">A value per variable, checked against the model; empty where there is none.</param>
/// <param name="Objective">That of the solution, computed from it.</param>
/// <param name="Bound">No solution is below it, as far as the solver knows.</param>
/// <param name="Message">What went wrong, or empty.</param>
public sealed record CpResult(CpOutcome Outcome, ImmutableArray<long> Solution, double Objective, double Bound, string Message, TimeSpan Elapsed)
{
    public bool HasSolution => Outcome is CpOutcome.Optimal or CpOutcome.Feasible;
}

/// <summary>Encodes, asks an engine, decodes, and believes nothing that it has not checked.</summary>
public static class CpSolver
{
    internal static CpResult Cancelled { get; } = Without(CpOutcome.Cancelled, "cancelled", TimeSpan.Zero);

    public static CpResult Solve(
        ICpEngine engine, CpModel model, CpParameters parameters, Action<string>? log = null, CancellationToken cancel = default)
    {
        var watch = Stopwatch.StartNew();
        var answer = engine.Solve(CpWire.Encode(model), parameters, log, cancel);
        return answer.Outcome switch
        {
            EngineOutcome.Answered => Judge(model, answer.Response, watch.Elapsed),
            EngineOutcome.Cancelled => Without(CpOutcome.Cancelled, answer.Message, watch.Elapsed),
            _ => Without(CpOutcome.EngineFailed, answer.Message, watch.Elapsed),
        };
    }

    // The objective is computed again from the solution, and a proof must say the same number.
    private static CpResult Judge(CpModel model, byte[] bytes, TimeSpan elapsed)
    {
        CpResponse response;
        try
        {
            response = CpResponse.Decode(bytes);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            return Without(CpOutcome.EngineFailed, $"the solver's answer cannot be read: {e.Message}", elapsed);
        }

        var known = model.Hint.IsEmpty || CpChecker.FirstViolation(model, model.Hint) is not null ? null : model.Objective?.Value(model.Hint);
        switch (response.Status)
        {
            case CpSolverStatus.Unknown: return Without(CpOutcome.NothingFound, "the limit came before a solution", elapsed, response.BestBound);
            case CpSolverStatus.ModelInvalid: return Without(CpOutcome.ModelRefused, $"the solver refused the model: {response.Info}", elapsed);
            case CpSolverStatus.Infeasible when known is not null:
                return Without(CpOutcome.EngineFailed, "the solver contradicts itself: it calls infeasible what its hint solves", elapsed);
            case CpSolverStatus.Infeasible: return Without(CpOutcome.Infeasible, "", elapsed);
        }

        if (CpChecker.FirstViolation(model, response.Solution) is { } violation)
        {
            return Without(CpOutcome.EngineFailed, $"the solver's answer is no solution: {violation}", elapsed);
        }

        var objective = (double)(model.Objective?.Value(response.Solution) ?? 0);
        var bound = model.Objective is null ? 0 : response.BestBound;
        var tolerance = 1e-9 * Math.Max(1, Math.Abs(objective));
        if (Math.Abs(objective - response.Objective) > tolerance || bound > objective + tolerance)
        {
            var said = $"it says {response.Objective:R} with bound {bound:R}, its solution gives {objective:R}";
            return Without(CpOutcome.EngineFailed, $"the solver contradicts itself: {said}", elapsed);
        }

        if (bound > known + tolerance)
        {
            return Without(CpOutcome.EngineFailed, $"the solver contradicts itself: its bound {bound:R} is above its hint's {known}", elapsed);
        }

        // With a relative gap allowed the solver calls optimal what is within it.
        var proved = response.Status == CpSolverStatus.Optimal && bound >= objective - tolerance;
        return new CpResult(proved ? CpOutcome.Optimal : CpOutcome.Feasible, response.Solution, objective, bound, "", elapsed);
    }

    private static CpResult Without(CpOutcome outcome, string message, TimeSpan elapsed, double bound = double.NegativeInfinity) =>
        new(outcome, [], double.PositiveInfinity, bound, message, elapsed);
}
