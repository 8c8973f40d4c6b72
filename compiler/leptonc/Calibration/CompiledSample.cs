using System.Diagnostics;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Placement.Costs;
using Lepton.Runtime;
using Lepton.Runtime.Profiling;

namespace Lepton.CommandLine.Calibration;

/// <summary>A calibration program that is compiled for a device and has its inputs: measured again and again, between others.</summary>
/// <remarks>For one thread at a time. It owns the engine and the inputs.</remarks>
internal sealed class CompiledSample(
    Compilation compilation, LeptonEngine engine, Inputs made, CalibrationProgram program, long size, int threads, bool asksDevice) : IDisposable
{
    // A batch is what the clock can measure well; the median of the batches is what a run takes on an ordinary day.
    private const double BatchSeconds = 200e-6;
    private const int LeastBatches = 5;
    private const int RecordedRuns = 15;

    private CalibrationSample? _work;

    /// <summary>One measurement of about so many seconds.</summary>
    public CalibrationSample Measure(double seconds, CancellationToken cancel)
    {
        var entry = engine[compilation.Entries.Single()];
        using var invocation = made.Bind(entry, new RunOptions { Threads = threads, Parameters = made.Parameters, Sizes = made.Sizes });
        var time = Time(() => invocation.Run(), seconds, cancel);
        var (inKernels, between) = asksDevice ? Recorded(entry, seconds) : default((double?, double));
        _work ??= Work(entry);
        return _work with { Seconds = time, KernelSeconds = inKernels, BetweenSeconds = between };
    }

    public void Dispose()
    {
        made.Dispose();
        engine.Dispose();
    }

    // What a run does, by the cost model's counts.
    private CalibrationSample Work(Entry entry)
    {
        var fused = compilation.Fuse(entry.Manifest.Name, new Dictionary<string, long> { [program.Size] = size });
        var prepared = PreparedGroup.Of(fused).Groups;
        var stored = fused.Graph.Inputs.Select(i => (InputNode)fused.Graph[i]).Where(i => i.Format is not null)
            .SelectMany(i => new TensorManifest(i.Label, i.Type.Element, i.Type.Shape, null) { Format = i.Format }.StoredNames)
            .ToDictionary(n => n, n => made.SizeOf(n, entry.Manifest));
        var assumptions = new WorkAssumptions { Stored = stored };
        var groups = fused.Groups.Where(g => !prepared.Contains(g.Name)).Select(g => WorkCounter.Of(fused, g, assumptions)).ToArray();
        var work = groups.SelectMany(g => g.Kernels).ToArray();
        return new CalibrationSample(
            program.Class,
            program.Purpose,
            [.. work.SelectMany(k => k.Operations.Select(o => o with { Operations = o.Operations * k.Times })).GroupBy(o => o.Class)
                .Select(g => new ClassWork(g.Key, g.Sum(o => o.Operations)))],
            work.Sum(k => k.Times * (k.BytesRead + k.BytesWritten)),
            work.Sum(k => k.Times),
            0)
        {
            ColdBytes = groups.Sum(g => g.ColdBytes),
            RunBytes = WorkCounter.RunBytes(fused, assumptions),
        };
    }

    // What the kernels of a run took, and the time from one to the next, by the device's own clock: medians.
    private (double? Kernels, double Between) Recorded(Entry entry, double seconds)
    {
        using var recorder = new LaunchRecorder();
        using var invocation = made.Bind(entry, new RunOptions { Threads = threads, Parameters = made.Parameters, Sizes = made.Sizes, Recorder = recorder });
        var (times, gaps) = (new List<double>(), new List<double>());
        var start = Stopwatch.GetTimestamp();
        while (times.Count < LeastBatches || (times.Count < RecordedRuns && Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
        {
            recorder.Clear();
            invocation.Run();
            var (ticks, gap, last) = (0L, 0L, default(long?));
            foreach (var launch in recorder.Launches)
            {
                ticks += launch.End - launch.Start;
                gap += launch.Start - (last ?? launch.Start);
                last = launch.End;
            }

            times.Add((double)ticks / Stopwatch.Frequency);
            gaps.Add((double)gap / Stopwatch.Frequency / Math.Max(1, recorder.Launches.Length - 1));
        }

        return (times.Order().ElementAt(times.Count / 2), gaps.Order().ElementAt(gaps.Count / 2));
    }

    /// <summary>Seconds of a call: the median over batches, after a warm-up.</summary>
    public static double Time(Action run, double seconds, CancellationToken cancel)
    {
        run();
        var (start, warm) = (Stopwatch.GetTimestamp(), 0);
        do
        {
            run();
            warm++;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds / 4);
        var batch = (int)Math.Max(1, BatchSeconds * warm / Stopwatch.GetElapsedTime(start).TotalSeconds);
        var times = new List<double>();
        start = Stopwatch.GetTimestamp();
        while (times.Count < LeastBatches || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds * 3 / 4)
        {
            cancel.ThrowIfCancellationRequested();
            var before = Stopwatch.GetTimestamp();
            for (var i = 0; i < batch; i++)
            {
                run();
            }

            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds / batch);
        }

        return times.Order().ElementAt(times.Count / 2);
    }
}
