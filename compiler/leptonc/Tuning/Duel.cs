using System.Diagnostics;

namespace Lepton.CommandLine.Tuning;

/// <summary>
/// Two ways to do the same, timed in turn, so that whatever else the machine does meets both. One is clearly faster when the median over the
/// rounds of its time as a share of the other's is below <see cref="Clearly"/>, and it won most rounds.
/// </summary>
internal static class Duel
{
    /// <summary>Three percent less time: below that, repeated measurements of the same code differ.</summary>
    public const double Clearly = 0.97;

    private const double MostRounds = 0.8;

    // One that is so much slower in the first rounds is given up.
    private const double Hopeless = 1.05;
    private const int FirstRounds = 3;

    // What the clock can measure well.
    private const double RoundSeconds = 300e-6;

    /// <summary>Whether one is clearly faster than the other, from its shares of the other's time, one for each round.</summary>
    public static bool IsClearlyFaster(IReadOnlyList<double> shares) =>
        Median(shares) < Clearly && shares.Count(s => s < 1) >= MostRounds * shares.Count;

    /// <summary>The middle one; of an even number, the larger of the two.</summary>
    public static double Median(IEnumerable<double> values) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[sorted.Length / 2] : double.NaN;

    /// <summary>Seconds of one run of each (medians), and the shares of the second's time that the first takes.</summary>
    public static (double First, double Second, IReadOnlyList<double> Shares) Of(Action first, Action second, int rounds, double seconds, CancellationToken cancel)
    {
        // The first run of each warms caches; the second says how many make a round.
        Time(first, 1);
        Time(second, 1);
        var (once, other) = (Time(first, 1), Time(second, 1));
        var runs = (int)Math.Clamp(RoundSeconds / Math.Max(Math.Min(once, other), 1e-9), 1, 1000);
        var (firsts, others, shares) = (new List<double>(), new List<double>(), new List<double>());
        var start = Stopwatch.GetTimestamp();
        while (shares.Count < rounds && (shares.Count < FirstRounds || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
        {
            cancel.ThrowIfCancellationRequested();
            double a, b;
            if (shares.Count % 2 == 0)
            {
                a = Time(first, runs);
                b = Time(second, runs);
            }
            else
            {
                b = Time(second, runs);
                a = Time(first, runs);
            }

            firsts.Add(a);
            others.Add(b);
            shares.Add(a / b);
            if (shares.Count == FirstRounds && Median(shares) > Hopeless)
            {
                break;
            }
        }

        return (Median(firsts), Median(others), shares);
    }

    private static double Time(Action work, int runs)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < runs; i++)
        {
            work();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / runs;
    }
}
