using Lepton.Placement.Exact;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// The worth of an assignment and an order, fast and without allocation, for searches that ask many thousand times. It knows neither
/// exclusive links nor what is alive in memory (there it takes the sum of all); what it finds is judged by the simulator.
/// </summary>
internal sealed class Evaluator
{
    // A rule that is broken by 1 % weighs as much as a goal that is 10 % worse, and never less than a tenth.
    private const double Penalty = 10;
    private const double LeastPenalty = 0.1;

    private readonly Tables _tables;
    private readonly Weights _goal;
    private readonly (Weights Sum, double Most)[] _limits;
    private readonly double[] _end;
    private readonly double[] _ready;
    private readonly double[][] _streams;
    private readonly double[] _bytes;
    private readonly int[] _missing;
    private readonly int[] _readers;
    private readonly bool[] _used;
    private readonly bool[] _sent;
    private readonly int[] _arrival;
    private readonly int[] _occupant;
    private readonly int[][] _last;
    private readonly PriorityQueue<int, (double, int)> _queue = new();

    public Evaluator(Tables tables, Weights goal)
    {
        (_tables, _goal, _limits) = (tables, goal, Weights.Limits(tables.Problem.Objective));
        (_end, _ready, _missing, _readers) = (new double[tables.Kernels], new double[tables.Kernels], new int[tables.Kernels],
            new int[tables.Kernels]);
        _streams = [.. tables.Problem.Devices.Select(d => new double[d.Streams])];
        (_bytes, _used, _sent) = (new double[tables.Devices], new bool[tables.Devices], new bool[tables.Devices]);
        (_arrival, _occupant) = (new int[tables.Kernels], new int[tables.Kernels]);
        _last = [.. tables.Problem.Devices.Select(d => new int[d.Streams])];
        for (var v = 0; v < tables.Kernels; v++)
        {
            _readers[v] = tables.Inputs[v].Length;
        }
    }

    /// <summary>
    /// Why the run that was looked at last is as long as it is: from the kernel that ends last back to one that starts at 0, each kernel
    /// waits for the next one of the list, as its reader or behind it on its stream (then Behind is that kernel, else −1).
    /// </summary>
    public void CriticalChain(List<(int Kernel, int Behind)> chain)
    {
        chain.Clear();
        var v = 0;
        for (var u = 1; u < _end.Length; u++)
        {
            v = _end[u] > _end[v] ? u : v;
        }

        while (v >= 0)
        {
            chain.Add((v, _occupant[v]));
            v = _occupant[v] >= 0 ? _occupant[v] : _arrival[v];
        }
    }

    /// <summary>
    /// The goal's value, made worse where rules of memory or limits are broken (Excess &gt; 0); +∞ where a kernel or copy has no place.
    /// </summary>
    /// <param name="priorities">Of the kernels that are ready, the smallest starts first.</param>
    public (double Value, double Excess) Value(int[] device, double[] priorities)
    {
        var (time, usd) = Run(device, priorities);
        if (double.IsInfinity(time) || (_tables.Problem.NeedsPipeline && !Stages.Ordered(_tables, device)))
        {
            return (double.PositiveInfinity, double.PositiveInfinity);
        }

        var excess = 0.0;
        for (var d = 0; d < _tables.Devices; d++)
        {
            var machine = _tables.Problem.Devices[d];
            usd += _tables.Problem.Money == MoneyModel.Rental && _used[d] ? Math.Max(time, machine.MinimumSeconds) * machine.UsdPerSecond : 0;
            excess += Over(_bytes[d], machine.MemoryBytes);
        }

        var interval = _tables.Problem.NeedsPipeline ? Stages.Slowest(_tables, device) : 0;
        foreach (var (sum, most) in _limits)
        {
            excess += Over(sum.Value(time, usd, interval), most);
        }

        return (_goal.Value(time, usd, interval), excess);
    }

    /// <summary>One number for a search: the goal in units of <paramref name="unit"/> and what broken rules weigh.</summary>
    public static double Energy((double Value, double Excess) worth, double unit) =>
        (worth.Value / unit) + (worth.Excess > 0 ? LeastPenalty + (Penalty * worth.Excess) : 0);

    private static double Over(double amount, double most) =>
        amount <= most * (1 + Simulator.Tolerance) ? 0 : most > 0 ? Math.Min(1e3, (amount - most) / most) : 1e3;

    // Makespan and usd of busy seconds and copies.
    private (double Time, double Usd) Run(int[] device, double[] priorities)
    {
        Array.Clear(_ready);
        Array.Fill(_arrival, -1);
        Array.Clear(_bytes);
        Array.Clear(_used);
        _readers.CopyTo(_missing, 0);
        foreach (var streams in _streams)
        {
            Array.Clear(streams);
        }

        for (var v = 0; v < _missing.Length; v++)
        {
            if (_missing[v] == 0)
            {
                _queue.Enqueue(v, (priorities[v], v));
            }
        }

        var (time, usd) = (0.0, 0.0);
        while (_queue.TryDequeue(out var v, out _))
        {
            var d = device[v];
            var seconds = _tables.Seconds[v, d];
            _occupant[v] = -1;
            _end[v] = seconds > 0 ? Occupy(v, d, seconds) : _ready[v];
            time = Math.Max(time, _end[v]);
            usd += _tables.Problem.Money == MoneyModel.Busy ? _tables.Usd(v, d) : 0;
            _used[d] = true;
            _bytes[d] += _tables.Problem.Kernels[v].WeightBytes;
            foreach (var t in _tables.Outputs[v])
            {
                usd += Send(t, d, _end[v], device, priorities);
            }
        }

        return (time, double.IsInfinity(time) ? 0 : usd);
    }

    private double Occupy(int v, int d, double seconds)
    {
        var (streams, first) = (_streams[d], 0);
        for (var s = 1; s < streams.Length; s++)
        {
            first = streams[s] < streams[first] ? s : first;
        }

        _occupant[v] = streams[first] > _ready[v] ? _last[d][first] : -1;
        _last[d][first] = v;
        return streams[first] = Math.Max(_ready[v], streams[first]) + seconds;
    }

    private double Send(int t, int from, double end, int[] device, double[] priorities)
    {
        var usd = 0.0;
        var count = _tables.Problem.Memory != MemoryModel.Weights;
        _bytes[from] += count ? _tables.Bytes[t] : 0;
        Array.Clear(_sent);
        foreach (var w in _tables.Consumers[t])
        {
            var to = device[w];
            if (end + _tables.Copy(t, from, to) is var arrival && arrival > _ready[w])
            {
                (_ready[w], _arrival[w]) = (arrival, _tables.Producer[t]);
            }

            if (to != from && !_sent[to])
            {
                _sent[to] = true;
                usd += _tables.CopyUsd(t, from, to);
                _bytes[to] += count ? _tables.Bytes[t] : 0;
            }

            if (--_missing[w] == 0)
            {
                _queue.Enqueue(w, (priorities[w], w));
            }
        }

        return usd;
    }
}
