using Lepton.Kernels.Loops;

namespace Lepton.CommandLine.Profiling;

/// <summary>A piece of the timeline in microseconds from the start of the run. Row 0: the launches; others: what each thread did.</summary>
internal sealed record Span(int Row, Kernel Kernel, int Launch, double Start, double Duration, long First, long Limit);

/// <summary>The typical run as pieces in rows.</summary>
internal static class Timeline
{
    public static IReadOnlyList<Span> Of(Profile profile)
    {
        var run = profile.Typical;
        var spans = new List<Span>();
        for (var i = 0; i < run.Launches.Length; i++)
        {
            var launch = run.Launches[i];
            spans.Add(new Span(0, profile.Module[(int)launch.Kernel], i, Micro(launch.Start - run.Start), Micro(launch.End - launch.Start), 0, launch.Chunks));
        }

        // The thread that ran first is the caller's, in most runs; rows have no other meaning.
        var rows = new Dictionary<long, int>();
        foreach (var batch in run.Batches.Where(b => b.Launch < run.Launches.Length).OrderBy(b => b.Start))
        {
            var row = rows.TryGetValue(batch.Thread, out var known) ? known : rows[batch.Thread] = rows.Count + 1;
            var kernel = profile.Module[(int)run.Launches[batch.Launch].Kernel];
            spans.Add(new Span(row, kernel, (int)batch.Launch, Micro(batch.Start - run.Start), Micro(batch.End - batch.Start), batch.First, batch.Limit));
        }

        return spans;
    }

    private static double Micro(long ticks) => Profile.SecondsOf(ticks) * 1e6;
}
