using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;

namespace Lepton.Embedding;

/// <summary>How to run a placed program. Immutable: make one and use it for every run.</summary>
public sealed record PlacedOptions
{
    /// <summary>No parameters; a device that fails ends the run.</summary>
    public static readonly PlacedOptions Default = new();

    /// <summary>The values of the program's parameters; may be null for a program without any.</summary>
    public ParameterSet? Parameters { get; init; }

    /// <summary>
    /// Asked when a device has failed, in a kernel, a copy or an allocation, or while code is made for what goes on: where to run what is still needed, each kernel behind those that it reads from; null: the run fails. The run goes
    /// on from what is there. Later runs ask again, for the whole program, once, before they start.
    /// </summary>
    public Func<PlacedFailure, IReadOnlyList<PlacedGroup>?>? OnFailure { get; init; }

    /// <summary>Hears after a run what every device did.</summary>
    public Action<PlacedTimeline>? Timeline { get; init; }

    /// <summary>Puts kernels into the timeline: of programs that were compiled for profiling.</summary>
    public bool Kernels { get; init; }
}

/// <summary>A device failed.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Error">Why.</param>
/// <param name="Finished">Kernels that are done.</param>
/// <param name="Needed">Kernels that must run, in an order in which they can: those that are not done, and those whose results were lost.</param>
/// <param name="Devices">The devices that are left.</param>
public sealed record PlacedFailure(string Device, DeviceFailedException Error, IReadOnlyList<string> Finished, IReadOnlyList<string> Needed, IReadOnlyList<string> Devices);
