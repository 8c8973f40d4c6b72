using Lepton.Abi;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>One tensor on its way. Times in seconds from the start of the run.</summary>
public sealed record CopyRun(int Tensor, int From, int To, double Start, double End);

/// <summary>A rule of the problem that an execution breaks.</summary>
public enum Rule
{
    /// <summary>A kernel stands where it cannot run, or must not, or not where it is pinned.</summary>
    Device,

    /// <summary>Kernels of one group stand on several devices.</summary>
    Group,

    /// <summary>A tensor is needed where no link leads.</summary>
    Link,

    /// <summary>A kernel starts before an input is there.</summary>
    Order,

    /// <summary>More kernels at a time than the device has streams.</summary>
    Streams,

    /// <summary>Two copies at a time on an exclusive link.</summary>
    Contention,

    /// <summary>More bytes than the device has.</summary>
    Memory,

    /// <summary>Stages that feed each other in a circle.</summary>
    Pipeline,

    /// <summary>A limit of the objective.</summary>
    Limit,
}

/// <summary>One broken rule, in words that name kernels and devices.</summary>
/// <param name="Subject">Index of the device (Memory, Streams), kernel (Device, Order, Link, Group) or limit (Limit); else −1.</param>
public sealed record Violation(Rule Rule, int Subject, string Message);

/// <summary>What one device does in a run.</summary>
/// <param name="Busy">Sum of its kernels' durations, in seconds.</param>
/// <param name="Peak">Most bytes by the memory model.</param>
/// <param name="Stage">Its time per item in a pipeline, in seconds.</param>
/// <param name="Usd">Its share of the money, without copies.</param>
public sealed record DeviceLoad(double Busy, double Peak, double Stage, double Usd);

/// <summary>A run as it happens, in seconds, by kernel; what it costs; which rules it breaks.</summary>
public sealed record Execution(
    ValueList<int> Devices,
    ValueList<double> Starts,
    ValueList<double> Ends,
    ValueList<CopyRun> Copies,
    ValueList<DeviceLoad> Loads,
    PlanScore Score,
    ValueList<Violation> Violations)
{
    /// <summary>The plan that this run follows.</summary>
    public Plan Plan => new(Devices, Starts, [.. Copies.Select(c => new CopyStart(c.Tensor, c.To, c.Start))]);
}

/// <summary>Times alone, before they are judged.</summary>
internal sealed record Timeline(double[] Starts, double[] Ends, List<CopyRun> Copies);
