using Lepton.Abi;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Machines;

/// <summary>How fast a device is.</summary>
/// <param name="FlopsPerSecond">Multiplications and additions per second, each counted.</param>
/// <param name="BytesPerSecond">Bytes per second to and from its memory.</param>
/// <param name="LaunchSeconds">Seconds before a kernel's first result.</param>
public sealed record DeviceProfile(double FlopsPerSecond, double BytesPerSecond, double LaunchSeconds)
{
    /// <summary>Seconds that a run takes besides its kernels where arguments and results are at home on this device: its thread is woken, and its end told.</summary>
    public double RunSeconds { get; init; }

    /// <summary>Memories nearer than the main one, the smallest first.</summary>
    public ValueList<CacheProfile> Caches { get; init; } = [];

    /// <summary>
    /// At how many bytes per second weights come that a run has pushed out of the caches since they were read last, by how many bytes a run touches, the
    /// smallest first. That comes on top of a kernel's time, for first uses are not hidden behind arithmetic. Between two sizes seconds per byte are a line over
    /// the logarithm of the size; up to the first size nothing comes on top, beyond the last one it is level.
    /// </summary>
    public ValueList<CacheProfile> Cold { get; init; } = [];

    /// <summary>Seconds per byte of weights on top of a kernel's time, in a run that touches so many bytes.</summary>
    public double ColdSecondsPerByte(double runBytes)
    {
        var next = Cold.Count(c => c.Bytes < runBytes);
        if (next == 0 || next == Cold.Count)
        {
            return next == 0 ? 0 : 1 / Cold[^1].BytesPerSecond;
        }

        var (low, high) = (Cold[next - 1], Cold[next]);
        return ((1 / high.BytesPerSecond) - (1 / low.BytesPerSecond)) * Math.Log(runBytes / low.Bytes) / Math.Log(high.Bytes / low.Bytes) + (1 / low.BytesPerSecond);
    }

    /// <summary>How much of what can be pushed out of the caches is, in a run that touches so many bytes: 0 to 1.</summary>
    public double ColdShare(double runBytes) => Cold.Count > 0 && double.IsFinite(Cold[^1].BytesPerSecond) ? Math.Min(1, ColdSecondsPerByte(runBytes) * Cold[^1].BytesPerSecond) : 0;

    /// <summary>How kernels of some classes differ from the numbers above; at most one each.</summary>
    public ValueList<ClassProfile> Classes { get; init; } = [];
}

/// <summary>What a kernel whose tensors together fit a memory gets from it.</summary>
/// <param name="Bytes">So many bytes fit.</param>
/// <param name="BytesPerSecond">Bytes per second.</param>
public sealed record CacheProfile(double Bytes, double BytesPerSecond);

/// <summary>How fast a class of kernels is at some size.</summary>
/// <param name="Operations">Operations of one kernel.</param>
public sealed record SizeProfile(double Operations, double OperationsPerSecond);

/// <summary>What is known of one class of kernels; null: as the device's profile says.</summary>
public sealed record ClassProfile(KernelClass Class, double? OperationsPerSecond = null, double? BytesPerSecond = null, double? LaunchSeconds = null)
{
    /// <summary>Memories nearer than the main one, as this class uses them; empty: as the device's profile says.</summary>
    public ValueList<CacheProfile> Caches { get; init; } = [];

    /// <summary>
    /// Rates of smaller kernels, the smallest first: between two sizes the logarithm of the rate is a line over the logarithm of the size, beyond
    /// the first and the last it is theirs. Empty: <see cref="OperationsPerSecond"/> at any size.
    /// </summary>
    public ValueList<SizeProfile> Sizes { get; init; } = [];
}

/// <summary>What programs are placed on: devices, their profiles (null: nothing is known), links between them.</summary>
public sealed record Machine(ValueList<Device> Devices, ValueList<DeviceProfile?> Profiles, ValueList<Link> Links, MoneyModel Money)
{
    /// <summary>The index of the device where arguments lie and results are wanted.</summary>
    public int Home { get; init; }
}
