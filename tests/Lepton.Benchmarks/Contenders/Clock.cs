using System.Diagnostics;

namespace Lepton.Benchmarks.Contenders;

/// <summary>Times what runs inside this process; peers.py does the same in its own.</summary>
internal static class Clock
{
    // A sample takes some 20 µs or one run, so that reading the clock does not count.
    private const double Sample = 20e-6;

    public static double Median(Action run, double seconds)
    {
        var start = Stopwatch.GetTimestamp();
        run();
        var batch = Math.Max(1, (int)(Sample / Stopwatch.GetElapsedTime(start).TotalSeconds));
        var times = new List<double>();
        do
        {
            var before = Stopwatch.GetTimestamp();
            for (var i = 0; i < batch; i++)
            {
                run();
            }

            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds / batch);
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
        times.Sort();
        return times[times.Count / 2];
    }
}
