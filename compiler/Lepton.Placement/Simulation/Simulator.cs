using Lepton.Abi;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>
/// Says what a plan is worth, from the records of the problem alone: shares no code with heuristics, bounds or solver models, so that
/// their agreement means something. Every number that is shown comes from here.
/// </summary>
public static class Simulator
{
    /// <summary>Two times closer than this part of the run are one time; a limit may be missed by this part of it.</summary>
    public const double Tolerance = 1e-9;

    /// <summary>
    /// Runs the plan's kernels in the order of their starts, each as early as it can. Where memory counts only what is alive, waiting
    /// can save memory: then the plan's own times are kept if they keep all rules and the early ones do not. The same for planned copies
    /// that cannot keep their order.
    /// </summary>
    public static Execution Run(PlacementProblem problem, Plan plan)
    {
        if (Judge.Assignment(problem, plan.Devices) is { Count: > 0 } broken)
        {
            return Nowhere(problem, plan, broken);
        }

        var order = Orders.Topological(problem, plan.Starts)!;
        var planned = RunAsPlanned(problem, plan);
        var inTime = !planned.Violations.Any(v => v.Rule is Rule.Order or Rule.Streams or Rule.Contention);
        var early = Judge.Run(problem, plan.Devices, ListExecution.Run(problem, plan.Devices, order, inTime ? plan.Copies : []));
        return planned.Score.Feasible && (!early.Score.Feasible || planned.Score.Time < early.Score.Time) ? planned : early;
    }

    /// <summary>Takes the plan's times as they stand, and says which rules they break.</summary>
    public static Execution RunAsPlanned(PlacementProblem problem, Plan plan)
    {
        var broken = Judge.Assignment(problem, plan.Devices);
        return broken.Count > 0 ? Nowhere(problem, plan, broken) : Judge.Run(problem, plan.Devices, AsPlanned.Run(problem, plan));
    }

    /// <summary>Runs kernels on given devices, on each device in the order of the priorities (smallest first) as far as tensors allow.</summary>
    public static Execution Run(PlacementProblem problem, IReadOnlyList<int> devices, IReadOnlyList<double> priorities)
    {
        if (Judge.Assignment(problem, devices) is { Count: > 0 } broken)
        {
            return Nowhere(problem, new Plan([.. devices], [.. priorities]), broken);
        }

        var order = Orders.Topological(problem, priorities)!;
        return Judge.Run(problem, devices, ListExecution.Run(problem, devices, order, []));
    }

    // Kernels stand where they cannot run: there are no times to speak of.
    private static Execution Nowhere(PlacementProblem problem, Plan plan, List<Violation> broken) => new(
        plan.Devices,
        plan.Starts,
        plan.Starts,
        [],
        problem.Devices.Select(_ => new DeviceLoad(0, 0, 0, 0)).ToValueList(),
        new PlanScore(double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity, false),
        broken.ToValueList());
}
