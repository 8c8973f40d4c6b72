using Lepton.Abi;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Reports;

/// <summary>A placed program with everything that can be asked about its plan.</summary>
/// <param name="Critical">From the start of the run to its end; empty where there is no plan.</param>
/// <param name="Elsewhere">What it would cost to have a kernel on another device.</param>
/// <param name="Prices">Where the plan changes with the price of a device; empty where prices do not matter.</param>
/// <param name="Front">The best trades of time against money, the fastest first; empty where nobody asked.</param>
public sealed record PlacementReport(
    ProgramProblem Program,
    PlacementResult Result,
    ValueList<CriticalStep> Critical,
    ValueList<ForcedKernel> Elsewhere,
    ValueList<PriceEdge> Prices,
    ValueList<FrontPoint> Front);

/// <summary>Why something starts when it does.</summary>
public enum Wait
{
    /// <summary>Nothing: it starts with the run.</summary>
    Nothing,

    /// <summary>An input is made on the same device.</summary>
    Input,

    /// <summary>An input is copied from another device.</summary>
    Copy,

    /// <summary>The device is busy with another kernel.</summary>
    Device,

    /// <summary>The link is busy with another copy.</summary>
    Link,

    /// <summary>The plan itself has it wait, to save memory.</summary>
    Plan,
}

/// <summary>One kernel or copy on the path that makes the run as long as it is.</summary>
/// <param name="Kernel">Index of the kernel; −1 for a copy.</param>
/// <param name="Copy">Index in the execution's copies; −1 for a kernel.</param>
/// <param name="Start">Seconds from the start of the run.</param>
/// <param name="Waited">For what it has waited last.</param>
public sealed record CriticalStep(int Kernel, int Copy, double Start, double End, Wait Waited);

/// <summary>What the best plan would be worth if a kernel stood on another device than it does.</summary>
/// <param name="Kernel">Index in the problem.</param>
/// <param name="Score">Of the best plan found so; null where none was found.</param>
/// <param name="Change">(its value − the plan's) / the plan's, of the first goal that differs; +∞ where it cannot be.</param>
/// <param name="IsExact">No plan with the kernel there is better; else there may be one.</param>
public sealed record ForcedKernel(int Kernel, int Device, PlanScore? Score, double Change, bool IsExact);

/// <summary>A price of a device at which another plan becomes better, everything else the same.</summary>
/// <param name="UsdPerHour">Null: at no price in this direction, up to the price that was looked at.</param>
/// <param name="IsUp">Above the price, or below it.</param>
/// <param name="Most">The highest price that was looked at.</param>
/// <param name="IsExact">No plan is better on this side of the price; else the plan may change before.</param>
public sealed record PriceEdge(int Device, double? UsdPerHour, bool IsUp, double Most, bool IsExact);

/// <summary>A plan that no other one beats in time and money both.</summary>
/// <param name="Gap">By how much its money may be above the least for its time, as a part of it; 0: proven.</param>
public sealed record FrontPoint(Execution Run, double Gap)
{
    public double Seconds => Run.Score.Time;

    public double Usd => Run.Score.Money;
}
