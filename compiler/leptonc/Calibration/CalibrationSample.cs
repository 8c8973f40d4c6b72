using Lepton.Placement.Costs;

namespace Lepton.CommandLine.Calibration;

/// <summary>One measurement: what a program did, and the seconds of a run.</summary>
/// <param name="Launches">Kernels that a run starts.</param>
/// <param name="KernelSeconds">Of them, what the device says that its kernels took; null: it was not asked.</param>
/// <param name="BetweenSeconds">From the end of one kernel to the start of the next one, by the device's clock; 0: it was not asked, or there is one kernel.</param>
internal sealed record CalibrationSample(
    KernelClass Class, Purpose Purpose, IReadOnlyList<ClassWork> Operations, double Bytes, double Launches, double Seconds, double? KernelSeconds = null, double BetweenSeconds = 0)
{
    private const double Far = 1.25;

    /// <summary>Bytes of weights that a run reads.</summary>
    public double ColdBytes { get; init; }

    /// <summary>Bytes that a run touches.</summary>
    public double RunBytes { get; init; }

    /// <summary>
    /// Of several measurements of the same programs the fastest of each: what else the machine does only ever slows down. Of chains that push their weights out of
    /// the caches the middle one: others on the same processor push too, as they will in the runs that are predicted.
    /// </summary>
    /// <param name="passes">Each with all programs in the same order.</param>
    /// <param name="apart">The share of the programs of which half the measurements took a quarter more than the fastest.</param>
    public static IReadOnlyList<CalibrationSample> Best(IReadOnlyList<IReadOnlyList<CalibrationSample>> passes, out double apart)
    {
        var each = Enumerable.Range(0, passes[0].Count).Select(i => passes.Select(p => p[i]).OrderBy(s => s.KernelSeconds ?? s.Seconds).ToArray()).ToArray();
        apart = each.Count(s => (s[s.Length / 2].KernelSeconds ?? s[s.Length / 2].Seconds) > Far * (s[0].KernelSeconds ?? s[0].Seconds)) / (double)each.Length;
        return [.. each.Select(s => s[s[0].Purpose == Purpose.Cold ? s.Length / 2 : 0])];
    }
}
