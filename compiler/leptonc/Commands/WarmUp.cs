using System.Diagnostics;
using System.Runtime;

namespace Lepton.CommandLine.Commands;

/// <summary>
/// Runs something until its times are those of any later run. Code of .NET that runs often is compiled anew, by a thread that takes a core while it does:
/// on a machine of two cores everything else is then up to twice as slow.
/// </summary>
internal static class WarmUp
{
    // .NET looks each tenth of a second for what is worth compiling.
    private const double QuietSeconds = 0.25;
    private const double MostSeconds = 2;

    /// <summary>Runs for so long, and on until nothing has been compiled for a quarter of a second, or two seconds are over.</summary>
    /// <returns>How many runs, and seconds of all of them.</returns>
    public static (long Runs, double Seconds) Run(Action run, double seconds)
    {
        run();
        var (start, runs, compiled, since) = (Stopwatch.GetTimestamp(), 0L, JitInfo.GetCompiledMethodCount(), 0.0);
        while (true)
        {
            run();
            runs++;
            var (now, count) = (Stopwatch.GetElapsedTime(start).TotalSeconds, JitInfo.GetCompiledMethodCount());
            if (count != compiled)
            {
                (compiled, since) = (count, now);
            }

            if (now >= seconds && (now - since >= QuietSeconds || now >= MostSeconds))
            {
                return (runs, now);
            }
        }
    }
}
