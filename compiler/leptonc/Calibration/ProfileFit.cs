using Lepton.Abi;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;

namespace Lepton.CommandLine.Calibration;

/// <summary>
/// The profile that explains samples, by what remains when the rest is taken off, class after class in the order of <see cref="KernelClass"/>:
/// <code>
/// empty           seconds of the program of many empty kernels / their number
/// launch          empty + the time between two kernels that all threads of a device share, of which its clock tells nothing
/// in kernels      seconds - (seconds of a trivial run - empty) - launches · empty
/// bandwidth(set)  bytes / seconds in kernels                                                       of programs that move
///                 (of a device that was asked: what it says that they took - what a trivial one took, which launch has)
/// cold(set)       bytes of weights / (seconds of a chain of products, each with its own weights - as many times one of them alone)
/// rate(size)      operations of the class / (seconds in kernels - other operations / their rates)  of programs that compute
/// </code>
/// </summary>
internal static class ProfileFit
{
    // What other classes are taken for may be wrong: the class itself keeps at least this share of the time.
    private const double LeastShare = 0.25;

    // A sample that is mostly the run around it says little of its kernels.
    private const double LeastInKernels = 0.5;

    /// <param name="samples">Of all programs.</param>
    /// <param name="between">Of a device that was asked: seconds between two kernels in the middle of a run, of which its clock for kernels does not tell.</param>
    public static DeviceProfile Of(IReadOnlyList<CalibrationSample> samples, double between = 0)
    {
        var start = samples.First(s => s.Purpose == Purpose.Launch);
        var empty = start.Seconds / start.Launches;
        var run = Math.Max(0, samples.First(s => s.Purpose == Purpose.Run).Seconds - empty);
        var trivial = samples.First(s => s.Purpose == Purpose.Run).KernelSeconds ?? 0;
        var profile = new DeviceProfile(1, 1, empty + between) { Cold = Cold(samples) };
        foreach (var kind in Enum.GetValues<KernelClass>())
        {
            var moves = Of(kind, Purpose.Move)
                .Select(s => new CacheProfile(s.Bytes, s.Bytes / InKernels(s))).OrderBy(c => c.Bytes).ToArray();
            var sizes = Of(kind, Purpose.Compute).Where(s => Own(s) > 0)
                .Select(s => new SizeProfile(Own(s), Own(s) / Remaining(s))).OrderBy(s => s.Operations).ToArray();
            if (kind == KernelClass.Elementwise)
            {
                profile = profile with { FlopsPerSecond = sizes[^1].OperationsPerSecond, BytesPerSecond = moves[^1].BytesPerSecond, Caches = [.. moves[..^1]] };
            }
            else if (sizes.Length > 0)
            {
                profile = profile with
                {
                    Classes =
                    [
                        .. profile.Classes,
                        new ClassProfile(kind, sizes[^1].OperationsPerSecond, moves.Length > 0 ? moves[^1].BytesPerSecond : null)
                        {
                            Caches = moves.Length > 1 ? [.. moves[..^1]] : [],
                            Sizes = sizes.Length > 1 ? [.. sizes] : [],
                        },
                    ],
                };
            }
        }

        return profile;

        // The largest always counts.
        IEnumerable<CalibrationSample> Of(KernelClass kind, Purpose purpose)
        {
            var all = samples.Where(s => s.Class == kind && s.Purpose == purpose).ToArray();
            return all.Where(s => s == all[^1] || (s.KernelSeconds is { } told ? told - trivial >= LeastInKernels * told : s.Seconds - run >= LeastInKernels * s.Seconds));
        }

        double InKernels(CalibrationSample sample) => sample.KernelSeconds is { } told ? Math.Max(told - trivial, told * LeastShare) : Math.Max(sample.Seconds - run - (sample.Launches * empty), sample.Seconds * LeastShare);

        double Remaining(CalibrationSample sample)
        {
            var rest = sample.Operations.Where(o => o.Class != sample.Class).Sum(o => o.Operations / CostModel.Rate(profile, o.Class, o.Operations));
            return Math.Max(InKernels(sample) - (profile.FlopsPerSecond > 1 ? rest : 0), InKernels(sample) * LeastShare);
        }
    }

    // The shortest chain is what nothing comes on top of.
    private static ValueList<CacheProfile> Cold(IReadOnlyList<CalibrationSample> samples)
    {
        var chains = samples.Where(s => s.Purpose == Purpose.Cold).OrderBy(s => s.RunBytes).ToArray();
        return [.. chains.Select(s => Each(s) - Each(chains[0]) is > 0 and var more
            ? new CacheProfile(s.RunBytes, s.ColdBytes / s.Launches / more)
            : new CacheProfile(s.RunBytes, double.PositiveInfinity))];

        static double Each(CalibrationSample sample) => (sample.KernelSeconds ?? sample.Seconds) / sample.Launches;
    }

    private static double Own(CalibrationSample sample) => sample.Operations.Where(o => o.Class == sample.Class).Sum(o => o.Operations);
}
