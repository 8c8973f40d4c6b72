using System.Globalization;
using Lepton.Graphs;
using Lepton.Placement.Machines;

namespace Lepton.Placement.Costs;

/// <summary>
/// Seconds of a group on a device. For each of its kernels, after the roofline (Williams, Waterman, Patterson, CACM 52 (2009)):
/// <code>
/// seconds = launch + max(Σ over classes of operations / rate of the class, bytes / bandwidth of the smallest memory that holds them)
/// </code>
/// and once for the group, for its weights lie in caches no more when the next run comes to them: their bytes · seconds per byte
/// (<see cref="DeviceProfile.Cold"/>) of a run that touches as much as this one.
/// </summary>
/// <param name="machine">The devices, with their profiles.</param>
/// <param name="learned">Times that were measured: they stand before the formula.</param>
public sealed class CostModel(Machine machine, LearnedCosts? learned = null)
{
    // One core of an ordinary processor with vectors of 256 bits.
    private static readonly DeviceProfile Ordinary = new(30e9, 10e9, 1e-6);

    public Machine Machine { get; } = machine;

    /// <summary>How long a group takes on the device with the given index.</summary>
    public TimeEstimate Estimate(FusedGraph fused, FusionGroup group, int device, WorkAssumptions? assumptions = null) =>
        Abilities.Problem(Machine.Devices[device], fused, group) is { } problem
            ? new TimeEstimate(double.PositiveInfinity, TimeSource.Given, problem)
            : Estimate(WorkCounter.Of(fused, group, assumptions), device, GroupKey.Of(fused, group), WorkCounter.RunBytes(fused, assumptions));

    /// <summary>How long some work takes on the device with the given index.</summary>
    /// <param name="work">The work.</param>
    /// <param name="device">The index of the device.</param>
    /// <param name="key">The group's <see cref="GroupKey"/>; null: its time cannot have been learned.</param>
    /// <param name="runBytes">How many bytes a run touches that this is part of (<see cref="WorkCounter.RunBytes"/>).</param>
    public TimeEstimate Estimate(GroupWork work, int device, string? key = null, double runBytes = 0)
    {
        if (key is not null && learned?.Find(Machine.Devices[device].Name, key) is { } known)
        {
            return new TimeEstimate(known, TimeSource.Learned, "measured");
        }

        var profile = Machine.Profiles[device] ?? Ordinary;
        var cold = work.ColdBytes * profile.ColdSecondsPerByte(runBytes);
        var (seconds, launch, arithmetic, memory, isCalibrated) = (cold, 0.0, 0.0, cold, false);
        foreach (var kernel in work.Kernels)
        {
            var of = profile.Classes.FirstOrDefault(c => c.Class == kernel.Class);
            var start = of?.LaunchSeconds ?? profile.LaunchSeconds;
            var compute = kernel.Operations.Sum(o => o.Operations / Rate(profile, o.Class, o.Operations));
            var bytes = kernel.BytesRead + kernel.BytesWritten;
            var move = bytes / Bandwidth(profile, kernel.Class, bytes);
            isCalibrated |= of is not null || kernel.Operations.Any(o => profile.Classes.Any(c => c.Class == o.Class));
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

    /// <summary>Operations of a class per second, in a kernel that has so many of them.</summary>
    public static double Rate(DeviceProfile profile, KernelClass kind, double operations)
    {
        var of = profile.Classes.FirstOrDefault(c => c.Class == kind);
        return of is { Sizes.Count: > 0 }
            ? OnLine([.. of.Sizes.Select(s => (s.Operations, s.OperationsPerSecond))], operations)
            : of?.OperationsPerSecond ?? profile.FlopsPerSecond;
    }

    /// <summary>Bytes per second of a kernel of a class whose tensors together have so many bytes.</summary>
    public static double Bandwidth(DeviceProfile profile, KernelClass kind, double bytes)
    {
        var of = profile.Classes.FirstOrDefault(c => c.Class == kind);
        var caches = of is { Caches.Count: > 0 } ? of.Caches : profile.Caches;
        return caches.Count > 0 && bytes <= caches[^1].Bytes
            ? OnLine([.. caches.Select(c => (c.Bytes, c.BytesPerSecond))], bytes)
            : of?.BytesPerSecond ?? profile.BytesPerSecond;
    }

    // Between two points the logarithms lie on a line; beyond the first and the last it is level.
    private static double OnLine(ReadOnlySpan<(double At, double Value)> points, double at)
    {
        var next = 0;
        while (next < points.Length && points[next].At < at)
        {
            next++;
        }

        if (next == 0 || next == points.Length)
        {
            return points[Math.Min(next, points.Length - 1)].Value;
        }

        var (low, high) = (points[next - 1], points[next]);
        return low.Value * Math.Pow(high.Value / low.Value, Math.Log(at / low.At) / Math.Log(high.At / low.At));
    }
}
