namespace Lepton.Runtime.Devices;

/// <summary>How to run a placed program. Immutable: make one and use it for every run.</summary>
public sealed record PlacedRunOptions
{
    /// <summary>No parameters; a device that fails ends the run.</summary>
    public static readonly PlacedRunOptions Default = new();

    /// <summary>The values of the program's parameters; may be null for a program without any.</summary>
    public ParameterSet? Parameters { get; init; }

    /// <summary>
    /// Asked when a device has failed or has no memory, when nothing runs any more: for a program that makes what is still missing from what is there, without that
    /// device; null: the run fails. The run goes on with it, and disposes it.
    /// </summary>
    public Func<DeviceFailure, PlacedProgram?>? OnFailure { get; init; }

    /// <summary>Hears after a run what every device did, also when it failed.</summary>
    public Action<PlacedTimeline>? Timeline { get; init; }

    /// <summary>Puts kernels into the timeline: of code that was compiled for profiling.</summary>
    public bool Kernels { get; init; }
}

/// <summary>A device failed in the middle of a run, or has no memory for it.</summary>
/// <param name="Device">The device.</param>
/// <param name="Error">Why.</param>
/// <param name="Finished">The names of the segments that are done.</param>
/// <param name="Tensors">
/// The names of the tensors that are there: arguments, finished results, and what segments made that nothing was written over. What lay in the memory
/// of the failed device alone is not among them.
/// </param>
public sealed record DeviceFailure(Device Device, DeviceFailedException Error, IReadOnlyList<string> Finished, IReadOnlySet<string> Tensors);
