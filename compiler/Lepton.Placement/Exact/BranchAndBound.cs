using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Exact;

/// <summary>
/// Exact search of small problems: kernels are appended in the order of their starts, each on each device, as early as it can behind the
/// ones before; what cannot become better than the best plan is cut off. Every best schedule can be had that way, since all metrics grow
/// with the starts; so the search does not apply where waiting can pay (memory that counts what is alive, exclusive links).
/// The number of steps is limited, not the time, so that a result repeats.
/// </summary>
internal sealed class BranchAndBound
{
    public const int MostKernels = 14;

    private readonly Tables _tables;
    private readonly Weights _goal;
    private readonly (Weights Sum, double Most)[] _limits;
    private readonly bool _timed;
    private readonly PathBounds _paths;
    private readonly double[] _leastSeconds;
    private readonly double[] _leastUsd;
    private readonly int[] _device;
    private readonly double[] _start;
    private readonly double[] _end;
    private readonly double[][] _streams;
    private readonly double[] _bytes;
    private readonly int[,] _copies;
    private long _steps;
    private double _best;
    private int[]? _bestDevices;
    private double[]? _bestStarts;

    private BranchAndBound(Tables tables, Weights goal, double best, long steps)
    {
        (_tables, _goal, _best, _steps) = (tables, goal, best, steps);
        var problem = tables.Problem;
        _limits = Weights.Limits(problem.Objective);
        _timed = goal.NeedsTimes(problem.Money) || _limits.Any(l => l.Sum.NeedsTimes(problem.Money));
        _paths = new PathBounds(tables);
        var devices = Enumerable.Range(0, tables.Devices);
        _leastSeconds = [.. Enumerable.Range(0, tables.Kernels).Select(v => devices.Min(d => tables.Seconds[v, d]))];
        _leastUsd = [.. Enumerable.Range(0, tables.Kernels).Select(v => devices.Min(d => tables.Usd(v, d)))];
        (_device, _start, _end) = (new int[tables.Kernels], new double[tables.Kernels], new double[tables.Kernels]);
        Array.Fill(_device, -1);
        _streams = [.. problem.Devices.Select(d => new double[d.Streams])];
        (_bytes, _copies) = (new double[tables.Devices], new int[tables.Tensors, tables.Devices]);
    }

    public static bool Applies(Tables tables, Weights goal)
    {
        var problem = tables.Problem;
        var timed = goal.NeedsTimes(problem.Money) || Weights.Limits(problem.Objective).Any(l => l.Sum.NeedsTimes(problem.Money));
        return tables.Kernels <= MostKernels && problem.Memory != MemoryModel.Residency && !(timed && problem.ExclusiveLinks);
    }

    /// <summary>
    /// The best plan whose value is below <paramref name="best"/>, or null when there is none; Complete says that all was searched.
    /// </summary>
    public static (Plan? Plan, bool Complete) Solve(Tables tables, Weights goal, double best, long steps)
    {
        var search = new BranchAndBound(tables, goal, best, steps);
        search.Append(0, 0, 0, 0);
        var plan = search._bestDevices is { } devices ? new Plan([.. devices], [.. search._bestStarts!]) : null;
        return (plan, search._steps > 0);
    }

    private void Append(int done, double last, double time, double copyUsd)
    {
        if (done == _tables.Kernels)
        {
            // Its value was a bound of itself: it is better than the best.
            _best = Value(last, time, copyUsd).Goal;
            (_bestDevices, _bestStarts) = ([.. _device], [.. _start]);
            return;
        }

        // Without times the order means nothing: one is enough.
        var next = _timed ? Enumerable.Range(0, _tables.Kernels).Where(IsReady) : [_tables.Order[done]];
        var steps = new List<(double Bound, double Start, int Kernel, int Device)>();
        foreach (var v in next)
        {
            for (var d = 0; d < _tables.Devices; d++)
            {
                if (_tables.Allowed(v, d) && GroupAllows(v, d) && Start(v, d) is var start && start >= last * (_timed ? 1 : 0)
                    && !double.IsInfinity(start))
                {
                    var undo = Place(v, d, start);
                    if (Promising(Math.Max(start, last), Math.Max(time, _end[v]), copyUsd + undo.Usd, out var bound))
                    {
                        steps.Add((bound, start, v, d));
                    }

                    Remove(v, d, undo);
                }
            }
        }

        foreach (var step in steps.OrderBy(s => s.Bound).ThenBy(s => s.Start))
        {
            if (--_steps <= 0)
            {
                return;
            }

            if (step.Bound < Threshold)
            {
                var undo = Place(step.Kernel, step.Device, step.Start);
                Append(done + 1, Math.Max(step.Start, last), Math.Max(time, _end[step.Kernel]), copyUsd + undo.Usd);
                Remove(step.Kernel, step.Device, undo);
            }
        }
    }

    private double Threshold => double.IsInfinity(_best) ? _best : _best - (1e-12 * Math.Abs(_best));

    private bool IsReady(int v) => _device[v] < 0 && _tables.Inputs[v].All(t => _device[_tables.Producer[t]] >= 0);

    private bool GroupAllows(int v, int d) => _tables.Members[_tables.VariableOf[v]].All(u => _device[u] < 0 || _device[u] == d);

    private double Start(int v, int d)
    {
        var ready = 0.0;
        foreach (var t in _tables.Inputs[v])
        {
            var u = _tables.Producer[t];
            ready = Math.Max(ready, _end[u] + _tables.Copy(t, _device[u], d));
        }

        return _tables.Seconds[v, d] > 0 && _timed ? Math.Max(ready, _streams[d].Min()) : ready;
    }

    private (int Stream, double Before, double Usd, double[] Bytes) Place(int v, int d, double start)
    {
        var stream = Array.IndexOf(_streams[d], _streams[d].Min());
        var undo = (stream, _streams[d][stream], 0.0, _bytes.ToArray());
        (_device[v], _start[v], _end[v]) = (d, start, start + _tables.Seconds[v, d]);
        if (_tables.Seconds[v, d] > 0)
        {
            _streams[d][stream] = _end[v];
        }

        var sum = _tables.Problem.Memory == MemoryModel.Sum;
        _bytes[d] += _tables.Problem.Kernels[v].WeightBytes + (sum ? _tables.Outputs[v].Sum(t => _tables.Bytes[t]) : 0);
        foreach (var t in _tables.Inputs[v].Where(t => _device[_tables.Producer[t]] != d))
        {
            if (_copies[t, d]++ == 0)
            {
                undo.Item3 += _tables.CopyUsd(t, _device[_tables.Producer[t]], d);
                _bytes[d] += sum ? _tables.Bytes[t] : 0;
            }
        }

        return undo;
    }

    private void Remove(int v, int d, (int Stream, double Before, double Usd, double[] Bytes) undo)
    {
        foreach (var t in _tables.Inputs[v].Where(t => _device[_tables.Producer[t]] != d))
        {
            _copies[t, d]--;
        }

        _device[v] = -1;
        _streams[d][undo.Stream] = undo.Before;
        undo.Bytes.CopyTo(_bytes, 0);
    }

    private bool Promising(double last, double time, double copyUsd, out double bound)
    {
        var problem = _tables.Problem;
        bound = double.PositiveInfinity;
        for (var d = 0; d < _tables.Devices; d++)
        {
            if (_bytes[d] > problem.Devices[d].MemoryBytes * (1 + Simulator.Tolerance))
            {
                return false;
            }
        }

        if (problem.NeedsPipeline && !Stages.Ordered(_tables, _device))
        {
            return false;
        }

        var (goal, kept) = Value(last, time, copyUsd);
        bound = goal;
        return kept && goal < Threshold;
    }

    // Bounds of the three metrics for every way to go on; exact once all kernels are placed.
    private (double Goal, bool Kept) Value(double last, double time, double copyUsd)
    {
        var (usd, left) = (copyUsd, 0.0);
        for (var v = 0; v < _tables.Kernels; v++)
        {
            var d = _device[v];
            time = d < 0 ? time : Math.Max(time, _end[v] + _paths.Tail[v, d]);
            left += d < 0 ? _leastSeconds[v] : 0;
            usd += _tables.Problem.Money == MoneyModel.Rental ? 0 : d < 0 ? _leastUsd[v] : _tables.Usd(v, d);
        }

        if (_timed)
        {
            // Nothing starts before the last start any more: streams are lost up to there.
            var lost = _streams.Sum(s => s.Sum(f => Math.Max(f, last)));
            time = left > 0 ? Math.Max(time, (lost + left) / _streams.Sum(s => s.Length)) : time;
        }

        if (_tables.Problem.Money == MoneyModel.Rental)
        {
            usd += _tables.Problem.Devices.Where((_, d) => _device.Contains(d)).Sum(d => Math.Max(time, d.MinimumSeconds) * d.UsdPerSecond);
        }

        var interval = _tables.Problem.NeedsPipeline ? Stages.Slowest(_tables, _device) : 0;
        return (_goal.Value(time, usd, interval), _limits.All(l => l.Sum.Value(time, usd, interval) <= l.Most * (1 + Simulator.Tolerance)));
    }
}
