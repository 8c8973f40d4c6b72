using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>A pipeline's stages for kernels of which some may have no device yet (−1): these count nothing, so values only grow.</summary>
internal static class Stages
{
    /// <summary>The slowest device or link, in seconds, as <see cref="Metric.Interval"/> defines it.</summary>
    public static double Slowest(Tables tables, ReadOnlySpan<int> device)
    {
        var machines = tables.Problem.Devices;
        var (work, links) = (new double[tables.Devices], new double[tables.Devices, tables.Devices]);
        for (var v = 0; v < device.Length; v++)
        {
            if (device[v] >= 0)
            {
                work[device[v]] += tables.Seconds[v, device[v]] / machines[device[v]].Streams;
            }
        }

        var slowest = 0.0;
        Span<bool> sent = stackalloc bool[tables.Devices];
        for (var t = 0; t < tables.Tensors; t++)
        {
            var from = device[tables.Producer[t]];
            if (from < 0)
            {
                continue;
            }

            sent.Clear();
            var longest = 0.0;
            foreach (var v in tables.Consumers[t])
            {
                if (device[v] is var to && to >= 0 && to != from && !sent[to])
                {
                    sent[to] = true;
                    var seconds = tables.Copy(t, from, to);
                    longest = Math.Max(longest, seconds);
                    work[to] += machines[to].CopiesOccupy ? seconds : 0;
                    slowest = Math.Max(slowest, links[from, to] += seconds);
                }
            }

            work[from] += machines[from].CopiesOccupy ? longest : 0;
        }

        foreach (var stage in work)
        {
            slowest = Math.Max(slowest, stage);
        }

        return slowest;
    }

    /// <summary>The devices can be put in an order in which every tensor stays or goes forward.</summary>
    public static bool Ordered(Tables tables, ReadOnlySpan<int> device)
    {
        var feeds = new bool[tables.Devices, tables.Devices];
        for (var t = 0; t < tables.Tensors; t++)
        {
            foreach (var v in tables.Consumers[t])
            {
                if (device[tables.Producer[t]] is var a && device[v] is var b && a >= 0 && b >= 0 && a != b)
                {
                    feeds[a, b] = true;
                }
            }
        }

        // Sources are taken away until nothing is left, or only circles.
        var left = Enumerable.Range(0, tables.Devices).ToList();
        while (left.Count > 0)
        {
            if (left.RemoveAll(d => left.All(a => !feeds[a, d])) == 0)
            {
                return false;
            }
        }

        return true;
    }
}
