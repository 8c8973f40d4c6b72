using Lepton.Benchmarks.Contenders;
using Lepton.Benchmarks.Workloads;

namespace Lepton.Benchmarks;

/// <summary>One contender's time for a workload: the median over the rounds of the medians in them.</summary>
/// <param name="Difference">From ours: the largest |ours - theirs| / (1 + |theirs|); nan where one of the two is nan alone.</param>
internal sealed record Timing(string Contender, double Seconds, double Difference);

/// <summary>A workload on some threads: ours, theirs, and how they compare.</summary>
internal sealed record Measurement(Workload Workload, int Threads, double Ours, IReadOnlyList<Timing> Peers)
{
    private const int Rounds = 5;
    private const double SecondsPerTurn = 0.12;

    // Longer than the threads of any library spin after their work, so that nobody's idle threads cost another's turn.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    public Timing? Best => Peers.MinBy(p => p.Seconds);

    /// <summary>Our time by that of the best peer; null when nobody else computes it here.</summary>
    public double? Ratio => Best is { } best ? Ours / best.Seconds : null;

    public bool Met => Ratio <= Workload.Goal;

    /// <summary>A nan is never within a tolerance.</summary>
    public IEnumerable<Timing> Wrong => Peers.Where(p => !(p.Difference <= Workload.Tolerance));

    /// <summary>Everybody in turn, round by round.</summary>
    public static Measurement Of(Workload workload, int threads, IReadOnlyList<IContender> contenders, Action<string> progress)
    {
        var times = contenders.ToDictionary(c => c.Name, _ => new List<double>());
        for (var round = -1; round < Rounds; round++)
        {
            foreach (var contender in contenders)
            {
                progress(round < 0 ? $"{contender.Name} warms up" : $"round {round + 1} of {Rounds}");
                Thread.Sleep(Pause);
                var time = contender.Time(SecondsPerTurn);
                if (round >= 0)
                {
                    times[contender.Name].Add(time);
                }
            }
        }

        var ours = contenders[0].Output();
        return new Measurement(
            workload,
            threads,
            Median(times[contenders[0].Name]),
            [.. contenders.Skip(1).Select(c => new Timing(c.Name, Median(times[c.Name]), Difference(ours, c.Output())))]);
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    private static double Difference(float[] ours, float[] theirs)
    {
        if (ours.Length != theirs.Length)
        {
            return double.NaN;
        }

        var largest = 0.0;
        for (var i = 0; i < ours.Length; i++)
        {
            var difference = ours[i].Equals(theirs[i]) ? 0 : Math.Abs((double)ours[i] - theirs[i]) / (1 + Math.Abs(theirs[i]));
            if (!(difference <= largest))
            {
                largest = difference;
            }

            if (double.IsNaN(largest))
            {
                break;
            }
        }

        return largest;
    }
}
