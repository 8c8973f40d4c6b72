using System.Diagnostics;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Runtime;
using Lepton.Runtime.Profiling;

namespace Lepton.CommandLine.Calibration;

/// <summary>Compiles calibration programs for a device of this machine and times them.</summary>
/// <param name="compile">How to compile for it.</param>
/// <param name="threads">How many threads it may use.</param>
/// <param name="asksDevice">Whether a run's time is mostly not the kernels', which the device is asked for: of what is not the host's own processor.</param>
internal sealed class SampleRunner(CompileOptions compile, int threads, bool asksDevice)
{
    // A batch is what the clock can measure well; the median of the batches is what a run takes on an ordinary day.
    private const double BatchSeconds = 200e-6;
    private const int LeastBatches = 5;
    private const int RecordedRuns = 15;

    /// <summary>One measurement of about so many seconds.</summary>
    public CalibrationSample Run(CalibrationProgram program, long size, double seconds, CancellationToken cancel)
    {
        var compilation = Compilation.Of(new SourceText("calibration.lep", program.Text), compile with { Profile = asksDevice });
        if (compilation.Report.HasErrors)
        {
            throw new CompilerBugException("calibrate", $"{compilation.Report.Diagnostics.First()}: {program.Text}");
        }

        using var engine = LeptonEngine.Of(compilation);
        var name = compilation.Entries.Single();
        var entry = engine[name];
        var given = new Dictionary<string, long> { [program.Size] = size };
        using var made = Inputs.Make(entry, [], given, null, 1, i => BenchCommand.Standard(entry.Manifest.Arguments[i], i));
        FillIndices(made, program.Limit);
        using var invocation = made.Bind(entry, new RunOptions { Threads = threads, Parameters = made.Parameters, Sizes = made.Sizes });
        var time = Time(() => invocation.Run(), seconds, cancel);
        var (inKernels, between) = asksDevice ? Recorded(made, entry, seconds) : default((double?, double));
        var fused = compilation.Fuse(name, given);
        var prepared = PreparedGroup.Of(fused).Groups;
        var stored = fused.Graph.Inputs.Select(i => (InputNode)fused.Graph[i]).Where(i => i.Format is not null)
            .SelectMany(i => new TensorManifest(i.Label, i.Type.Element, i.Type.Shape, null) { Format = i.Format }.StoredNames)
            .ToDictionary(n => n, n => made.SizeOf(n, entry.Manifest));
        var work = fused.Groups.Where(g => !prepared.Contains(g.Name))
            .SelectMany(g => WorkCounter.Of(fused, g, new WorkAssumptions { Stored = stored }).Kernels).ToArray();
        return new CalibrationSample(
            program.Class,
            program.Purpose,
            [.. work.SelectMany(k => k.Operations.Select(o => o with { Operations = o.Operations * k.Times })).GroupBy(o => o.Class)
                .Select(g => new ClassWork(g.Key, g.Sum(o => o.Operations)))],
            work.Sum(k => k.Times * (k.BytesRead + k.BytesWritten)),
            work.Sum(k => k.Times),
            time,
            inKernels,
            between);
    }

    // What the kernels of a run took, and the time from one to the next, by the device's own clock: medians.
    private (double? Kernels, double Between) Recorded(Inputs made, Entry entry, double seconds)
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

    // All over the table, as data does; always the same ones.
    private static void FillIndices(Inputs made, long limit)
    {
        var random = new Random(1);
        foreach (var tensor in made.Arguments.Select(a => a.Dense).Where(d => d?.Element == ElementType.I32 && limit > 0))
        {
            foreach (ref var index in tensor!.AsSpan<int>())
            {
                index = (int)random.NextInt64(limit);
            }
        }
    }
}
