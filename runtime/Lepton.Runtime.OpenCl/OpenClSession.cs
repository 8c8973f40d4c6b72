using Lepton.Abi.Devices;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// What the runs of some modules on one device share: queues and memory for intermediate results, kept from run to run. Thread-safe. Dispose it after the
/// modules, when no run is in flight.
/// </summary>
/// <param name="device">Where the runs are.</param>
public sealed class OpenClSession(OpenClDevice device) : IKeepsMemory, IDisposable
{
    private readonly Slots<RunSpace> _free = new(64);
    private long _launches;

    /// <summary>Where the runs are.</summary>
    public OpenClDevice Device => device;

    /// <summary>Memory of the device that is kept for the next runs, in bytes.</summary>
    public long ReservedBytes => _free.Sum(static s => s.Bytes);

    /// <summary>Whether kernels work in the memory of the process; else what they read and write is copied.</summary>
    internal bool IsInPlace { get; init; } = device.SharesMemory;

    /// <summary>What stays on the device between runs.</summary>
    internal ResidentMemory Resident { get; } = new();

    /// <summary>The driver's compiler takes less time and makes slower code: for tests.</summary>
    internal bool IsQuick { get; init; }

    /// <summary>The device is lost at this launch, from 0, and does nothing from then on: for tests of what happens then.</summary>
    internal long FailsAtLaunch { get; init; } = long.MaxValue;

    /// <summary>Compiles a module for the device.</summary>
    /// <exception cref="OpenClBuildException">The driver's compiler does not take the source.</exception>
    /// <exception cref="LeptonRunException">The device failed.</exception>
    public OpenClModule Build(DeviceModule module) => new(this, module);

    /// <summary>Gives back the memory that is kept for the next runs.</summary>
    public void Trim()
    {
        while (_free.Take() is { } space)
        {
            space.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Trim();

    internal RunSpace Rent() => _free.Take() ?? new RunSpace(device);

    /// <param name="space">What the run used; nothing is under way in it.</param>
    /// <param name="isUsable">It is not kept after a failure.</param>
    internal void Return(RunSpace space, bool isUsable)
    {
        if (!isUsable || !_free.Put(space))
        {
            space.Dispose();
        }
    }

    /// <summary>Before each launch.</summary>
    internal void Count()
    {
        if (Interlocked.Increment(ref _launches) > FailsAtLaunch)
        {
            throw device.Failure(ClErrors.DeviceNotAvailable, "clEnqueueNDRangeKernel");
        }
    }
}
