using Lepton.Runtime.Devices;
using Link = Lepton.Placement.Problem.Link;

namespace Lepton.CommandLine.Calibration;

/// <summary>What it takes to give a device its tensors, or to get them back.</summary>
/// <param name="Seconds">Each time.</param>
/// <param name="BytesPerSecond">+∞ where it works in the host's memory.</param>
internal sealed record CopyTime(double Seconds, double BytesPerSecond)
{
    /// <summary>Faster than any copy: nothing was copied.</summary>
    private const double NoCopy = 200e9;

    /// <summary>Of a processor of the host.</summary>
    public static CopyTime None { get; } = new(0, double.PositiveInfinity);

    /// <summary>
    /// Of a device that was asked for its kernels' times. What a run takes besides is half way there, half back:
    /// <code>
    /// seconds   (trivial run - its kernel) / 2         bytes per second   bytes / (largest run - its kernel - 2 · seconds)
    /// </code>
    /// </summary>
    public static CopyTime Of(IReadOnlyList<CalibrationSample> samples)
    {
        var trivial = samples.First(s => s.Purpose == Purpose.Run);
        var beside = Math.Max(0, trivial.Seconds - (trivial.KernelSeconds ?? 0));
        var largest = samples.Where(s => s.Purpose == Purpose.Move).MaxBy(s => s.Bytes)!;
        var copying = largest.Seconds - (largest.KernelSeconds ?? 0) - beside;
        var rate = copying > 0 ? largest.Bytes / copying : double.PositiveInfinity;
        return new CopyTime(beside / 2, rate < NoCopy ? rate : double.PositiveInfinity);
    }
}

/// <summary>What it takes to hand a tensor from one device of this machine to another one.</summary>
internal static class CopyTimes
{
    private const int Rounds = 200;

    /// <summary>Links both ways between all of them: another queue takes over, and each device copies as it does.</summary>
    public static IEnumerable<Link> Between(IReadOnlyList<CopyTime> devices, CancellationToken cancel)
    {
        if (devices.Count < 2)
        {
            return [];
        }

        var handOver = HandOver(cancel);
        return Enumerable.Range(0, devices.Count).SelectMany(a => Enumerable.Range(0, devices.Count).Where(b => b != a).Select(b => new Link(
            a, b, handOver + devices[a].Seconds + devices[b].Seconds, 1 / ((1 / devices[a].BytesPerSecond) + (1 / devices[b].BytesPerSecond)))));
    }

    // From the end of something on one queue to the start of what waits for it on another one: the median.
    private static double HandOver(CancellationToken cancel)
    {
        using var one = new HostDevice("one", threads: 1);
        using var other = new HostDevice("other", threads: 1);
        var times = new List<double>();
        for (var i = 0; i < Rounds; i++)
        {
            cancel.ThrowIfCancellationRequested();
            var first = one.Work.Submit(() => Thread.SpinWait(1000));
            var second = other.Work.Submit(() => { }, first);
            second.Wait(cancel);
            times.Add((double)(second.Start - first.End) / System.Diagnostics.Stopwatch.Frequency);
        }

        return times.Order().ElementAt(Rounds / 2);
    }
}
