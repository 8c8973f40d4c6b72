using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>One device that kernels can be placed on.</summary>
/// <param name="Name">As in the machine file: <c>cpu</c>, <c>opencl:0</c>.</param>
/// <param name="Kind">What executes there: <c>cpu</c>, <c>clr</c>, <c>opencl:1</c>, <c>ilgpu:cuda:0</c>, or a name of the user's for an imagined
/// device.</param>
/// <param name="MemoryBytes">Bytes; +∞ where it does not limit.</param>
/// <param name="UsdPerHour">Price of one hour, busy or rented (<see cref="MoneyModel"/>).</param>
/// <param name="Streams">How many kernels it executes at a time.</param>
/// <param name="MinimumSeconds">A rental of it is billed for at least this long, in seconds.</param>
/// <param name="CopiesOccupy">
/// In a pipeline its copies take their time from its stage (<see cref="Metric.Interval"/>): true for a device that stands still while it
/// sends or receives, false where copies overlap with work.
/// </param>
public sealed record Device(
    string Name,
    string Kind = "cpu",
    double MemoryBytes = double.PositiveInfinity,
    double UsdPerHour = 0,
    int Streams = 1,
    double MinimumSeconds = 0,
    bool CopiesOccupy = false)
{
    /// <summary>Threads that a kernel there may use; 0: nobody said, one. Of devices that are processors.</summary>
    public int Threads { get; init; }

    /// <summary>Numbers of the processor cores that it runs on; empty: any.</summary>
    public ValueList<int> Cores { get; init; } = [];

    /// <summary>What it cannot do: <c>f64</c>, <c>sparse</c> (storing results in sparse formats).</summary>
    public ValueList<string> Lacks { get; init; } = [];

    /// <summary>Price of one second, in usd.</summary>
    public double UsdPerSecond => UsdPerHour / 3600;
}
