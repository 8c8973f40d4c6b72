namespace Lepton.Placement.Problem;

/// <summary>What a search for a plan has shown.</summary>
public enum SolverStatus
{
    /// <summary>No plan is better than the given one.</summary>
    Optimal,

    /// <summary>A plan, and a bound below its value.</summary>
    Feasible,

    /// <summary>No plan keeps all rules and limits.</summary>
    Infeasible,

    /// <summary>Neither a plan nor a proof that there is none: out of time, or the engine failed.</summary>
    Unknown,
}

/// <summary>
/// The answer to a problem with one absolute goal; who wants several goals in order, or relative ones, asks several times with the values
/// found before as limits and references.
/// </summary>
/// <param name="Bound">No plan has a value below it, in the goal's unit; −∞ where nothing is known.</param>
public sealed record SolverAnswer(Plan? Best, double Bound, SolverStatus Status);
