using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement;

/// <summary>How much is known about the plan.</summary>
public enum PlacementStatus
{
    /// <summary>No plan is better: proven, and the simulator agrees.</summary>
    Optimal,

    /// <summary>A solver has searched; its bound is below the plan's value.</summary>
    Gap,

    /// <summary>Found without a solver; the bound comes from paths and loads.</summary>
    Heuristic,

    /// <summary>Proven that no plan keeps all rules and limits; <see cref="PlacementResult.Conflict"/> says why.</summary>
    Infeasible,

    /// <summary>No plan was found that keeps all limits, and no proof that there is none.</summary>
    Unknown,
}

/// <summary>What became of one goal.</summary>
/// <param name="Goal">Absolute; references are divided in.</param>
/// <param name="Value">Of the final plan, in the goal's unit.</param>
/// <param name="Bound">No plan that keeps the earlier goals has a smaller value.</param>
/// <param name="Proven">Value and bound are one.</param>
/// <param name="Method">The step that found the plan.</param>
public sealed record GoalOutcome(Goal Goal, double Value, double Bound, bool Proven, string Method)
{
    /// <summary>(value − bound) / value; 0 when proven.</summary>
    public double Gap => Proven || Value <= 0 ? 0 : Math.Max(0, (Value - Bound) / Value);
}

/// <summary>A plan that one could have had without optimisation; Run.Score.Feasible says whether it keeps the limits.</summary>
public sealed record Alternative(string Name, Execution Run);

/// <summary>Limits that cannot hold together; without any of them there is no contradiction.</summary>
/// <param name="Limits">Of time, money, interval.</param>
/// <param name="Memories">Devices whose memory takes part.</param>
/// <param name="Message">In words.</param>
public sealed record Conflict(ValueList<Limit> Limits, ValueList<int> Memories, string Message);

/// <summary>The answer of <see cref="Placer.Place"/>.</summary>
/// <param name="Run">The plan as the simulator runs it; null where none is known.</param>
/// <param name="Goals">In order; the status is that of the worst of them.</param>
/// <param name="References">Divisors of relative goals; 0 where none was needed.</param>
/// <param name="ReferencesProven">They are the true optima of the single metrics.</param>
public sealed record PlacementResult(
    PlacementStatus Status,
    Execution? Run,
    ValueList<GoalOutcome> Goals,
    References References,
    bool ReferencesProven,
    ValueList<Alternative> Alternatives,
    Conflict? Conflict);
