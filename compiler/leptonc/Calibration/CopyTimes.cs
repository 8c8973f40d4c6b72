namespace Lepton.CommandLine.Calibration;

/// <summary>What a run takes besides its kernels on a device that was asked for their times.</summary>
internal static class CopyTimes
{
    /// <summary>Faster than any copy: nothing was copied.</summary>
    private const double NoCopy = 200e9;

    /// <summary>Seconds in which a device is given its kernels, and asked whether they are done: what a trivial run takes besides.</summary>
    public static double BesideSeconds(IReadOnlyList<CalibrationSample> samples) =>
        samples.First(s => s.Purpose == Purpose.Run) is var trivial ? Math.Max(0, trivial.Seconds - (trivial.KernelSeconds ?? 0)) : 0;

    /// <summary>Bytes per second, from what a large run takes besides; +∞ where the device works in the host's memory.</summary>
    public static double BytesPerSecond(IReadOnlyList<CalibrationSample> samples)
    {
        var largest = samples.Where(s => s.Purpose == Purpose.Move).MaxBy(s => s.Bytes)!;
        var copying = largest.Seconds - (largest.KernelSeconds ?? 0) - BesideSeconds(samples);
        var rate = copying > 0 ? largest.Bytes / copying : double.PositiveInfinity;
        return rate < NoCopy ? rate : double.PositiveInfinity;
    }
}
