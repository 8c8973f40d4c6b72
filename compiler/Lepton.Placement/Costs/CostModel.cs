using System.Globalization;
using Lepton.Placement.Machines;

namespace Lepton.Placement.Costs;

/// <summary>
/// Seconds of a group on a device. For each of its kernels, after the roofline (Williams, Waterman, Patterson, CACM 52 (2009)):
/// <code>
/// seconds = launch + max(Σ over classes of operations / rate of the class, bytes / bandwidth of the smallest memory that holds them)
/// </code>
/// </summary>
public sealed class CostModel(Machine machine)
{
    // One core of an ordinary processor with vectors of 256 bits.
    private static readonly DeviceProfile Ordinary = new(30e9, 10e9, 1e-6);

    public Machine Machine { get; } = machine;

    /// <summary>How long the work takes on the device with the given index.</summary>
    public TimeEstimate Estimate(GroupWork work, int device)
    {
        var profile = Machine.Profiles[device] ?? Ordinary;
        var (seconds, launch, arithmetic, memory, isCalibrated) = (0.0, 0.0, 0.0, 0.0, false);
        foreach (var kernel in work.Kernels)
        {
            var of = profile.Classes.FirstOrDefault(c => c.Class == kernel.Class);
            var start = of?.LaunchSeconds ?? profile.LaunchSeconds;
            var compute = kernel.Operations.Sum(o => o.Operations / Rate(profile, o.Class));
            var bytes = kernel.BytesRead + kernel.BytesWritten;
            var move = bytes / Bandwidth(profile, of, bytes);
            isCalibrated |= of is not null;
            launch += kernel.Times * start;
            arithmetic += kernel.Times * compute;
            memory += kernel.Times * move;
            seconds += kernel.Times * (start + Math.Max(compute, move));
        }

        var bound = launch > Math.Max(arithmetic, memory) ? "starting kernels" : arithmetic > memory ? "arithmetic" : "memory";
        var source = Machine.Profiles[device] is null ? TimeSource.Assumed : isCalibrated ? TimeSource.Calibrated : TimeSource.Profile;
        return new TimeEstimate(seconds, source, string.Create(CultureInfo.InvariantCulture,
            $"{work.Flops:G3} FLOPs, {work.BytesRead + work.BytesWritten:G3} bytes: bound by {bound}"));
    }

    private static double Rate(DeviceProfile profile, KernelClass kind) =>
        profile.Classes.FirstOrDefault(c => c.Class == kind)?.OperationsPerSecond ?? profile.FlopsPerSecond;

    // What fits a cache runs from it; a class that is slower than memory is as slow in the cache's share of it.
    private static double Bandwidth(DeviceProfile profile, ClassProfile? of, double bytes)
    {
        var memory = of?.BytesPerSecond ?? profile.BytesPerSecond;
        return profile.Caches.FirstOrDefault(c => bytes <= c.Bytes) is { } cache ? memory * (cache.BytesPerSecond / profile.BytesPerSecond) : memory;
    }
}
