using System.Diagnostics;
using Link = Lepton.Placement.Problem.Link;

namespace Lepton.CommandLine.Calibration;

/// <summary>What it takes to hand a tensor from one device of this machine to another one.</summary>
internal static class CopyTimes
{
    private const int Rounds = 200;

    /// <summary>Links both ways between all of them. Devices that work in one memory copy nothing: another thread takes over.</summary>
    public static IEnumerable<Link> Between(IReadOnlyList<string> devices, CancellationToken cancel)
    {
        if (devices.Count < 2)
        {
            return [];
        }

        var latency = HandOver(cancel);
        return Enumerable.Range(0, devices.Count)
            .SelectMany(a => Enumerable.Range(0, devices.Count).Where(b => b != a).Select(b => new Link(a, b, latency, double.PositiveInfinity)));
    }

    // Half of what waking another thread and hearing from it takes: the median.
    private static double HandOver(CancellationToken cancel)
    {
        using var there = new SemaphoreSlim(0);
        using var back = new SemaphoreSlim(0);
        var other = new Thread(() =>
        {
            for (var i = 0; i < Rounds; i++)
            {
                there.Wait();
                back.Release();
            }
        }) { IsBackground = true };
        other.Start();
        var times = new List<double>();
        for (var i = 0; i < Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            there.Release();
            back.Wait();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / 2);
        }

        other.Join();
        cancel.ThrowIfCancellationRequested();
        return times.Order().ElementAt(Rounds / 2);
    }
}
