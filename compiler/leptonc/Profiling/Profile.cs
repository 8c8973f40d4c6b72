using System.Diagnostics;
using Lepton.Kernels.Loops;
using Lepton.Runtime.Profiling;

namespace Lepton.CommandLine.Profiling;

/// <summary>One run as it was recorded. Times in ticks of <see cref="Stopwatch"/>.</summary>
internal sealed record RecordedRun(long Start, long End, LaunchRecord[] Launches, BatchRecord[] Batches)
{
    public double Seconds => Profile.SecondsOf(End - Start);
}

/// <summary>A kernel over one run: all its launches. Seconds: the median over the runs.</summary>
internal sealed record KernelTime(Kernel Kernel, int Launches, double Seconds, double Flops, double Bytes, double Bound, bool BoundByMemory);

/// <summary>What the recorded runs say of an entry.</summary>
/// <param name="Runs">All of them.</param>
/// <param name="Typical">The one of median length: the timeline.</param>
/// <param name="Kernels">Each kernel that ran, the slowest first.</param>
internal sealed record Profile(
    string Entry,
    int Threads,
    IReadOnlyList<RecordedRun> Runs,
    RecordedRun Typical,
    IReadOnlyList<Kernel> Module,
    IReadOnlyList<KernelTime> Kernels,
    Roofline Roofline,
    long Lost)
{
    /// <summary>Seconds of the typical run that no kernel ran: the host program, copies, waking threads.</summary>
    public double Outside => Typical.Seconds - Typical.Launches.Sum(l => SecondsOf(l.End - l.Start));

    /// <summary>Seconds of the run of median length.</summary>
    public static double Median(IReadOnlyList<RecordedRun> runs) => runs.Select(r => r.Seconds).Order().ElementAt(runs.Count / 2);

    public static double SecondsOf(long ticks) => (double)ticks / Stopwatch.Frequency;

    public static Profile Of(string entry, int threads, IReadOnlyList<Kernel> module, IReadOnlyList<RecordedRun> runs, Roofline roofline, long lost, Func<string, long> sizeOf)
    {
        var typical = runs.OrderBy(r => r.Seconds).ElementAt(runs.Count / 2);
        var perRun = runs.Select(r => r.Launches.GroupBy(l => l.Kernel).ToDictionary(g => g.Key, g => g.Sum(l => SecondsOf(l.End - l.Start)))).ToList();
        var kernels = typical.Launches.GroupBy(l => l.Kernel).Select(group =>
        {
            var (kernel, launches) = (module[(int)group.Key], group.Count());
            var seconds = perRun.Select(r => r.GetValueOrDefault(group.Key)).Order().ElementAt(runs.Count / 2);
            double flops = kernel.Flops.Evaluate(sizeOf), bytes = kernel.Bytes.Evaluate(sizeOf);
            var (bound, memory) = roofline.Bound(flops / ArithmeticRate.Of(kernel), bytes, threads);
            return new KernelTime(kernel, launches, seconds, launches * flops, launches * bytes, launches * bound, memory);
        });
        return new Profile(entry, threads, runs, typical, module, [.. kernels.OrderByDescending(k => k.Seconds)], roofline, lost);
    }
}
