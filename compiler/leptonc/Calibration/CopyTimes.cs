using System.Diagnostics;
using Lepton.Abi;
using Lepton.Runtime.Tensors;
using Link = Lepton.Placement.Problem.Link;

namespace Lepton.CommandLine.Calibration;

/// <summary>What it takes to hand a tensor from one device of this machine to another one.</summary>
internal static class CopyTimes
{
    private const long Bytes = 32 << 20;
    private const int Rounds = 200;
    private const int Copies = 7;

    /// <summary>Links both ways between all of them: of devices in the same memory, handing over to another thread, and a copy.</summary>
    public static IEnumerable<Link> Between(IReadOnlyList<string> devices, CancellationToken cancel)
    {
        if (devices.Count < 2)
        {
            return [];
        }

        var (latency, rate) = (HandOver(cancel), CopyRate(cancel));
        return Enumerable.Range(0, devices.Count).SelectMany(a => Enumerable.Range(0, devices.Count).Where(b => b != a).Select(b => new Link(a, b, latency, rate)));
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

    private static double CopyRate(CancellationToken cancel)
    {
        using var from = Tensor.Allocate(ElementType.U8, [Bytes]);
        using var to = Tensor.Allocate(ElementType.U8, [Bytes]);
        from.AsBytes().Fill(1);
        to.AsBytes().Fill(2);
        var times = new List<double>();
        for (var i = 0; i < Copies; i++)
        {
            cancel.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            from.AsBytes().CopyTo(to.AsBytes());
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return Bytes / times.Order().ElementAt(Copies / 2);
    }
}
