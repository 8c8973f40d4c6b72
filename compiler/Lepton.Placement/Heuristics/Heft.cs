using Lepton.Placement.Exact;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// Heterogeneous earliest finish time (Topcuoglu, Hariri, Wu, 2002): kernels by falling upward rank, each on the device where it costs
/// least, in the first gap that is wide enough.
/// <code>
///   rank(v) = mean p(v) + max over readers w   mean τ(v → w) + rank(w)
///   cost(v, d) = wT · finish(v, d) + wM · usd that v and the copies to it add + wI · stage of d with v
/// </code>
/// With wT alone this is HEFT; with the goal's weights the cost-aware variant.
/// </summary>
internal sealed class Heft
{
    private readonly Tables _tables;
    private readonly Weights _weights;
    private readonly int[] _device;
    private readonly double[] _start;
    private readonly double[] _end;
    private readonly List<(double Start, double End)>[][] _busy;
    private readonly double[] _bytes;
    private readonly double[] _work;

    private Heft(Tables tables, Weights weights)
    {
        (_tables, _weights) = (tables, weights);
        (_device, _start, _end) = (new int[tables.Kernels], new double[tables.Kernels], new double[tables.Kernels]);
        Array.Fill(_device, -1);
        _busy = [.. tables.Problem.Devices.Select(d => Enumerable.Range(0, d.Streams).Select(_ => new List<(double, double)>()).ToArray())];
        (_bytes, _work) = (new double[tables.Devices], new double[tables.Devices]);
    }

    /// <summary>Devices and starts; null when some kernel finds no device that is linked to its inputs.</summary>
    public static Plan? Run(Tables tables, Weights weights)
    {
        var heft = new Heft(tables, weights);
        var rank = Ranks(tables);
        foreach (var v in Orders.Topological(tables.Problem, [.. rank.Select(r => -r)])!)
        {
            if (!heft.Place(v))
            {
                return null;
            }
        }

        return new Plan([.. heft._device], [.. heft._start]);
    }

    /// <summary>Upward ranks in seconds: about how long the run lasts from a kernel's start.</summary>
    public static double[] Ranks(Tables tables)
    {
        var rank = new double[tables.Kernels];
        foreach (var v in tables.Order.Reverse())
        {
            var seconds = Enumerable.Range(0, tables.Devices).Select(d => tables.Seconds[v, d]).Where(double.IsFinite).DefaultIfEmpty(0).Average();
            var rest = 0.0;
            foreach (var t in tables.Outputs[v].Where(t => tables.Consumers[t].Length > 0))
            {
                rest = Math.Max(rest, MeanCopy(tables, t) + tables.Consumers[t].Max(w => rank[w]));
            }

            rank[v] = seconds + rest;
        }

        return rank;
    }

    private static double MeanCopy(Tables tables, int t)
    {
        // Staying on a device counts as a copy of no length.
        var links = tables.Problem.Links;
        return links.Count == 0 ? 0 : links.Sum(l => l.Seconds(tables.Bytes[t])) / (links.Count + tables.Devices);
    }

    private bool Place(int v)
    {
        var (best, cost, start, stream) = (-1, double.PositiveInfinity, 0.0, 0);
        for (var d = 0; d < _tables.Devices; d++)
        {
            if (!_tables.Allowed(v, d) || _tables.Members[_tables.VariableOf[v]].Any(u => _device[u] >= 0 && _device[u] != d) || !InOrder(v, d))
            {
                continue;
            }

            var (ready, usd, bytes) = Arrivals(v, d);
            var (at, on) = Gap(d, ready, _tables.Seconds[v, d]);
            var money = usd + (_tables.Problem.Money == MoneyModel.Busy ? _tables.Usd(v, d) : Rent(d, at + _tables.Seconds[v, d]));
            var stage = _work[d] + (_tables.Seconds[v, d] / _tables.Problem.Devices[d].Streams);
            var value = _weights.Value(at + _tables.Seconds[v, d], money, stage);

            // A full device is taken only when every other one is full or impossible too.
            var full = _bytes[d] + bytes > _tables.Problem.Devices[d].MemoryBytes;
            value = double.IsInfinity(ready) ? ready : full ? 1e30 * (1 + value) : value;
            if (value < cost)
            {
                (best, cost, start, stream) = (d, value, at, on);
            }
        }

        if (best >= 0)
        {
            _bytes[best] += Arrivals(v, best).Bytes;
            (_device[v], _start[v], _end[v]) = (best, start, start + _tables.Seconds[v, best]);
            _work[best] += _tables.Seconds[v, best] / _tables.Problem.Devices[best].Streams;
            if (_tables.Seconds[v, best] > 0)
            {
                var busy = _busy[best][stream];
                busy.Insert(busy.Count(b => b.Start < start), (start, _end[v]));
            }
        }

        return best >= 0;
    }

    private bool InOrder(int v, int d)
    {
        if (!_tables.Problem.NeedsPipeline)
        {
            return true;
        }

        _device[v] = d;
        var ordered = Stages.Ordered(_tables, _device);
        _device[v] = -1;
        return ordered;
    }

    // When all inputs are there, what their copies cost, and what v adds to the device's memory.
    private (double Ready, double Usd, double Bytes) Arrivals(int v, int d)
    {
        var (ready, usd, bytes) = (0.0, 0.0, _tables.Problem.Kernels[v].WeightBytes);
        foreach (var t in _tables.Inputs[v])
        {
            var from = _device[_tables.Producer[t]];
            ready = Math.Max(ready, _end[_tables.Producer[t]] + _tables.Copy(t, from, d));
            if (from != d && !_tables.Consumers[t].Any(w => w != v && _device[w] == d))
            {
                usd += _tables.CopyUsd(t, from, d);
                bytes += _tables.Bytes[t];
            }
        }

        return (ready, usd, bytes + _tables.Outputs[v].Sum(t => _tables.Bytes[t]));
    }

    // A rented device that is used for the first time is paid from the start of the run.
    private double Rent(int d, double end) =>
        _device.Contains(d) ? 0 : Math.Max(end, _tables.Problem.Devices[d].MinimumSeconds) * _tables.Problem.Devices[d].UsdPerSecond;

    private (double Start, int Stream) Gap(int d, double ready, double seconds)
    {
        if (seconds == 0 || double.IsInfinity(ready))
        {
            return (ready, 0);
        }

        var (best, stream) = (double.PositiveInfinity, 0);
        for (var s = 0; s < _busy[d].Length; s++)
        {
            var start = ready;
            foreach (var busy in _busy[d][s])
            {
                if (busy.Start - start >= seconds)
                {
                    break;
                }

                start = Math.Max(start, busy.End);
            }

            if (start < best)
            {
                (best, stream) = (start, s);
            }
        }

        return (best, stream);
    }
}
