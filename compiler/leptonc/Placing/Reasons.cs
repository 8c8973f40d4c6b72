using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;

namespace Lepton.CommandLine.Placing;

/// <summary>Why things of a plan are as they are, in sentences for text and page alike.</summary>
internal static class Reasons
{
    /// <summary>What one step of the critical path is.</summary>
    public static string What(ProgramProblem program, Execution run, CriticalStep step)
    {
        var problem = program.Problem;
        if (step.Copy < 0)
        {
            return $"{problem.Kernels[step.Kernel].Name} on {problem.Devices[run.Devices[step.Kernel]].Name}";
        }

        var copy = run.Copies[step.Copy];
        return $"copy of {problem.Tensors[copy.Tensor].Name} from {problem.Devices[copy.From].Name} to {problem.Devices[copy.To].Name}";
    }

    /// <summary>Why it does not start earlier, and what bounds it.</summary>
    public static string Why(ProgramProblem program, Execution run, CriticalStep step)
    {
        var problem = program.Problem;
        var waited = step.Waited switch
        {
            Wait.Nothing => "starts with the run",
            Wait.Input => "after what it reads is made",
            Wait.Copy => "after what it reads has arrived",
            Wait.Device => "after the device is free",
            Wait.Link => "after the link is free",
            _ => "waits to save memory",
        };
        return step.Copy >= 0
            ? $"{waited}; {Shown.Bytes(problem.Tensors[run.Copies[step.Copy].Tensor].Bytes)}"
            : $"{waited}; {program.Kernels[step.Kernel].Times[run.Devices[step.Kernel]].Reason}";
    }

    /// <summary>What two devices that are one processor make of a plan.</summary>
    public static string Shared(PlacementProblem problem, SharedCores shared) =>
        $"{problem.Devices[shared.A].Name} and {problem.Devices[shared.B].Name} share core{(shared.Cores.Count == 1 ? "" : "s")} {string.Join(", ", shared.Cores)}, and both have work for {Shown.Time(shared.Seconds)}: "
        + $"planned as if each had them alone; that may add {Shown.Time(shared.MayAdd)}, which the time in a plan file has";

    /// <summary>Which plan would be slower on cores of its own and may be done sooner than this one, whose devices share cores; null: none.</summary>
    public static string? Sooner(PlacementProblem problem, PlacementResult result)
    {
        var time = SharedCores.Time(problem, result.Run!);
        var other = result.Alternatives.Where(a => a.Run.Score.Feasible && a.Run.Score.Time >= result.Run!.Score.Time).MinBy(a => SharedCores.Time(problem, a.Run));
        return other is not null && SharedCores.Time(problem, other.Run) is var less && less < time * (1 - Simulator.Tolerance)
            ? $"with that the plan may take {Shown.Time(time)}, and {other.Name} {Shown.Time(less)}: pin kernels, or place without one of the devices"
            : null;
    }

    /// <summary><c>changes above 3.1 usd/h</c>.</summary>
    public static string Price(PriceEdge edge) => (edge.UsdPerHour, edge.IsUp) switch
    {
        (null, true) => $"no change up to {Shown.Price(edge.Most)}{(edge.IsExact ? "" : ", as far as was seen")}",
        (null, false) => $"no change down to 0{(edge.IsExact ? "" : ", as far as was seen")}",
        ({ } price, true) => $"changes above {Shown.Price(price)}{(edge.IsExact ? "" : " at the latest")}",
        ({ } price, false) => $"changes below {Shown.Price(price)}{(edge.IsExact ? "" : " at the latest")}",
    };

    /// <summary>Where the times come from: how many of each source, by device.</summary>
    public static IEnumerable<string> Sources(ProgramProblem program)
    {
        for (var d = 0; d < program.Problem.Devices.Count; d++)
        {
            var counts = program.Kernels.Where(k => k.Role == KernelRole.Group).GroupBy(k => k.Times[d].Source).OrderBy(g => g.Key)
                .Select(g => $"{g.Count()} {Source(g.Key)}");
            yield return $"{program.Problem.Devices[d].Name}: {string.Join(", ", counts)}";
        }
    }

    public static string Source(TimeSource source) => source switch
    {
        TimeSource.Given => "cannot run there",
        TimeSource.Learned => "measured (learned)",
        TimeSource.Calibrated => "by formula from the calibration of its class",
        TimeSource.Profile => "by formula from the profile",
        _ => "by formula for an ordinary core: the machine file says nothing",
    };
}
