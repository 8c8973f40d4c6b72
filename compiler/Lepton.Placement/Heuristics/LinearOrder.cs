using System.Numerics;
using System.Runtime.InteropServices;
using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// The best pipeline that cuts one linear order of the kernels into contiguous segments, one device each, by dynamic programming over
/// (kernels placed, devices used, last device, next device):
/// <code>
///   order  k1 k2 | k3 k4 k5 | k6        slowest stage = max over segments of work + copies in + copies out
/// </code>
/// Copies are exact between neighbouring segments; a tensor that jumps over a segment is taken to come from, or go to, the neighbour. On a
/// chain nothing jumps, so there the result is the optimum, without memory and limits.
/// </summary>
internal static class LinearOrder
{
    private const int MostDevices = 6;
    private const int MostSteps = 20_000_000;

    /// <summary>Devices by kernel and the slowest stage in seconds; null where it does not apply.</summary>
    public static (int[] Devices, double Value)? Solve(Tables tables, IReadOnlyList<int> order)
    {
        var (n, devices) = (order.Count, tables.Devices);
        var sets = 1 << devices;
        if (n == 0 || devices > MostDevices || (long)n * n * sets * devices * devices / 8 > MostSteps || tables.Members.Any(m => m.Length > 1))
        {
            return null;
        }

        var segments = new Segments(tables, order);
        var fits = Fits(tables, order);

        // best[i, set, d, b]: first i kernels placed on the set, the last segment on d, the next one (if any) on b; b = d: none follows.
        var best = new double[n + 1, sets, devices, devices];
        var from = new (int Begin, int Before)[n + 1, sets, devices, devices];
        best.Fill(double.PositiveInfinity);
        for (var i = 1; i <= n; i++)
        {
            for (var begin = i - 1; begin >= 0; begin--)
            {
                for (var d = 0; d < devices; d++)
                {
                    if (fits[begin, d] < i)
                    {
                        continue;
                    }

                    for (var set = 0; set < sets; set++)
                    {
                        if ((set >> d & 1) == 0 || (begin == 0) != (BitOperations.PopCount((uint)set) == 1))
                        {
                            continue;
                        }

                        Extend(begin, i, d, set);
                    }
                }
            }
        }

        var (value, last) = (double.PositiveInfinity, (Set: 0, Device: 0));
        for (var set = 1; set < sets; set++)
        {
            for (var d = 0; d < devices; d++)
            {
                if (best[n, set, d, d] < value)
                {
                    (value, last) = (best[n, set, d, d], (set, d));
                }
            }
        }

        return double.IsInfinity(value) ? ([], value) : (Walk(), value);

        void Extend(int begin, int end, int d, int set)
        {
            for (var next = 0; next < devices; next++)
            {
                // The last segment has no next device, the others one that is not used yet.
                if ((next == d) != (end == n) || (next != d && (set >> next & 1) != 0))
                {
                    continue;
                }

                for (var before = 0; before < devices; before++)
                {
                    if (begin == 0 ? before != d : before == d || (set >> before & 1) == 0)
                    {
                        continue;
                    }

                    var earlier = begin == 0 ? 0 : best[begin, set & ~(1 << d), before, d];
                    var stage = Math.Max(earlier, segments.Stage(begin, end, d, before, next));
                    if (stage < best[end, set, d, next])
                    {
                        best[end, set, d, next] = stage;
                        from[end, set, d, next] = (begin, before);
                    }
                }
            }
        }

        int[] Walk()
        {
            var device = new int[n];
            var (end, set, d, next) = (n, last.Set, last.Device, last.Device);
            while (end > 0)
            {
                var (begin, before) = from[end, set, d, next];
                for (var i = begin; i < end; i++)
                {
                    device[order[i]] = d;
                }

                (end, set, d, next) = (begin, set & ~(1 << d), before, d);
            }

            return device;
        }
    }

    // fits[begin, d]: the end of the longest segment from begin that may stand on d and, by weights, has room there.
    private static int[,] Fits(Tables tables, IReadOnlyList<int> order)
    {
        var fits = new int[order.Count, tables.Devices];
        for (var begin = 0; begin < order.Count; begin++)
        {
            for (var d = 0; d < tables.Devices; d++)
            {
                var (end, bytes) = (begin, 0.0);
                while (end < order.Count && tables.Allowed(order[end], d)
                    && (bytes += tables.Problem.Kernels[order[end]].WeightBytes) <= tables.Problem.Devices[d].MemoryBytes)
                {
                    end++;
                }

                fits[begin, d] = end;
            }
        }

        return fits;
    }

    private static void Fill(this double[,,,] array, double value)
    {
        MemoryMarshal.CreateSpan(ref array[0, 0, 0, 0], array.Length).Fill(value);
    }

    /// <summary>Work of the segments of one order, and what crosses their borders: number of tensors and bytes.</summary>
    private sealed class Segments
    {
        private readonly Tables _tables;
        private readonly double[,] _work;
        private readonly (int Count, double Bytes)[,] _into;
        private readonly (int Count, double Bytes)[,] _outof;

        public Segments(Tables tables, IReadOnlyList<int> order)
        {
            _tables = tables;
            var n = order.Count;
            var position = new int[n];
            (_work, _into, _outof) = (new double[n + 1, tables.Devices], new (int, double)[n + 1, n + 1], new (int, double)[n + 1, n + 1]);
            for (var i = 0; i < n; i++)
            {
                position[order[i]] = i;
                for (var d = 0; d < tables.Devices; d++)
                {
                    var seconds = tables.Seconds[order[i], d];
                    _work[i + 1, d] = _work[i, d] + (double.IsInfinity(seconds) ? 0 : seconds / tables.Problem.Devices[d].Streams);
                }
            }

            for (var t = 0; t < tables.Tensors; t++)
            {
                int[] readers = [.. tables.Consumers[t].Select(v => position[v]).Order()];
                if (readers.Length > 0)
                {
                    Cross(position[tables.Producer[t]], readers, tables.Bytes[t], n);
                }
            }
        }

        /// <summary>Seconds of the slowest of the device and its two links, for kernels begin … end − 1 on d between two neighbours.</summary>
        public double Stage(int begin, int end, int d, int before, int next)
        {
            var into = Copies(_into[begin, end], before, d);
            var outof = Copies(_outof[begin, end], d, next);
            var work = _work[end, d] - _work[begin, d];
            return Math.Max(_tables.Problem.Devices[d].CopiesOccupy ? work + into + outof : work, Math.Max(into, outof));
        }

        private double Copies((int Count, double Bytes) tensors, int from, int to) =>
            tensors.Count == 0 ? 0 : _tables.Copies(tensors.Count, tensors.Bytes, from, to);

        private void Cross(int made, int[] readers, double bytes, int n)
        {
            for (var begin = 0; begin < n; begin++)
            {
                // The first reader from begin on, if the tensor was made before it.
                var first = begin > made ? readers.FirstOrDefault(r => r >= begin, n) : n;
                for (var end = begin + 1; end <= n; end++)
                {
                    if (first < end)
                    {
                        _into[begin, end] = (_into[begin, end].Count + 1, _into[begin, end].Bytes + bytes);
                    }

                    if (made >= begin && made < end && readers[^1] >= end)
                    {
                        _outof[begin, end] = (_outof[begin, end].Count + 1, _outof[begin, end].Bytes + bytes);
                    }
                }
            }
        }
    }
}
