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
            var compute = kernel.Operations.Sum(o => o.Operations / Rate(profile, o.Class, o.Operations));
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

    private static double Rate(DeviceProfile profile, KernelClass kind, double operations)
    {
        var of = profile.Classes.FirstOrDefault(c => c.Class == kind);
        var rate = of?.OperationsPerSecond ?? profile.FlopsPerSecond;
        if (of is not { Sizes.Count: > 0 and var count })
        {
            return rate;
        }

        var next = of.Sizes.Count(s => s.Operations < operations);
        if (next == 0 || next == count)
        {
            return of.Sizes[Math.Min(next, count - 1)].OperationsPerSecond;
        }

        var (low, high) = (of.Sizes[next - 1], of.Sizes[next]);
        var share = Math.Log(operations / low.Operations) / Math.Log(high.Operations / low.Operations);
        return low.OperationsPerSecond * Math.Pow(high.OperationsPerSecond / low.OperationsPerSecond, share);
    }

    private static double Bandwidth(DeviceProfile profile, ClassProfile? of, double bytes)
    {
        var caches = of is { Caches.Count: > 0 } ? of.Caches : profile.Caches;
        return caches.FirstOrDefault(c => bytes <= c.Bytes)?.BytesPerSecond ?? of?.BytesPerSecond ?? profile.BytesPerSecond;
    }
}
