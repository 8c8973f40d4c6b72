using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>
/// Every assignment of devices and every order of kernels, with formulas of its own: the oracle of everything that claims to be exact.
/// For memory that counts what is alive, and for exclusive links, waiting can pay, so orders do not suffice: there <see cref="ShortestRun"/> goes on.
/// </summary>
public sealed class BruteForce
{
    private readonly PlacementProblem _problem;
    private readonly int _kernels;
    private readonly int[] _device;
    private readonly double[] _end;
    private readonly List<PlanScore> _front = [];
    private readonly double[][] _streams;

    private BruteForce(PlacementProblem problem)
    {
        (_problem, _kernels) = (problem, problem.Kernels.Count);
        (_device, _end) = (new int[_kernels], new double[_kernels]);
        _streams = [.. problem.Devices.Select(d => new double[d.Streams])];
    }

    /// <summary>The scores that no other one beats in time, money and interval at once, limits aside; none where rules cannot be kept.</summary>
    public static IReadOnlyList<PlanScore> Front(PlacementProblem problem)
    {
        var search = new BruteForce(problem);
        search.Assign(0);
        return search._front;
    }

    /// <summary>The best values of the goals in order, within the limits; null where nothing is within them.</summary>
    public static double[]? Best(IReadOnlyList<PlanScore> front, Objective objective)
    {
        var left = front.Where(s => objective.Limits.All(l => s.Of(l.Metric) <= l.Most * (1 + 1e-9))).ToList();
        if (left.Count == 0)
        {
            return null;
        }

        var references = new References(left.Min(s => s.Time), left.Min(s => s.Money), left.Min(s => s.Interval));
        var values = new List<double>();
        foreach (var goal in objective.Goals.Select(g => g.Resolve(references)))
        {
            values.Add(left.Min(goal.Value));
            left.RemoveAll(s => goal.Value(s) > values[^1] * (1 + 1e-9));
        }

        return [.. values];
    }

    private static bool Beats(PlanScore a, PlanScore b) => a.Time <= b.Time && a.Money <= b.Money && a.Interval <= b.Interval;

    private Link? LinkOf(int a, int b) => _problem.Links.FirstOrDefault(l => l.From == a && l.To == b);

    private void Assign(int v)
    {
        if (v == _kernels)
        {
            if (Allowed() && Fits() && Interval() is { } interval)
            {
                var copies = Copies().Sum(c => LinkOf(c.From, c.To)!.UsdPerGigabyte * c.Bytes / 1e9);
                if (_problem.Memory != MemoryModel.Residency && !_problem.ExclusiveLinks)
                {
                    Order(0, 0, copies, interval);
                }
                else if (ShortestRun.Of(_problem, _device) is var time && double.IsFinite(time))
                {
                    Keep(new PlanScore(time, copies + Paid(time), interval, true));
                }
            }

            return;
        }

        for (_device[v] = 0; _device[v] < _problem.Devices.Count; _device[v]++)
        {
            Assign(v + 1);
        }
    }

    private IEnumerable<(int Tensor, int From, int To, double Bytes)> Copies() =>
        from t in Enumerable.Range(0, _problem.Tensors.Count)
        let tensor = _problem.Tensors[t]
        from to in tensor.Consumers.Select(c => _device[c]).Distinct()
        where to != _device[tensor.Producer]
        select (t, _device[tensor.Producer], to, tensor.Bytes);

    private bool Allowed()
    {
        for (var v = 0; v < _kernels; v++)
        {
            var kernel = _problem.Kernels[v];
            if (double.IsInfinity(kernel.Seconds[_device[v]]) || kernel.Forbidden.Contains(_device[v])
                || (kernel.Pin >= 0 && kernel.Pin != _device[v]))
            {
                return false;
            }

            for (var u = 0; u < v; u++)
            {
                if (kernel.Group >= 0 && _problem.Kernels[u].Group == kernel.Group && _device[u] != _device[v])
                {
                    return false;
                }
            }
        }

        return Copies().All(c => LinkOf(c.From, c.To) is not null);
    }

    private bool Fits()
    {
        var bytes = new double[_problem.Devices.Count];
        for (var v = 0; v < _kernels; v++)
        {
            bytes[_device[v]] += _problem.Kernels[v].WeightBytes;
        }

        if (_problem.Memory == MemoryModel.Sum)
        {
            foreach (var tensor in _problem.Tensors)
            {
                bytes[_device[tensor.Producer]] += tensor.Bytes;
            }

            foreach (var copy in Copies())
            {
                bytes[copy.To] += copy.Bytes;
            }
        }

        for (var v = 0; v < _kernels && _problem.Memory == MemoryModel.Residency; v++)
        {
            // While it runs, what it reads and makes is there.
            var touched = _problem.Tensors.Where(t => t.Producer == v || t.Consumers.Contains(v)).Sum(t => t.Bytes);
            if (_problem.Kernels[v].Seconds[_device[v]] > 0 && bytes[_device[v]] + touched > _problem.Devices[_device[v]].MemoryBytes * (1 + 1e-9))
            {
                return false;
            }
        }

        return !bytes.Where((b, d) => b > _problem.Devices[d].MemoryBytes * (1 + 1e-9)).Any();
    }

    // The slowest stage; null where a pipeline is asked for and some device could be reached from itself through others.
    private double? Interval()
    {
        var devices = _problem.Devices.Count;
        var reach = new bool[devices, devices];
        foreach (var copy in Copies())
        {
            reach[copy.From, copy.To] = true;
        }

        for (var m = 0; m < devices; m++)
        {
            for (var a = 0; a < devices; a++)
            {
                for (var b = 0; b < devices; b++)
                {
                    reach[a, b] |= reach[a, m] && reach[m, b];
                }
            }
        }

        if (Enumerable.Range(0, devices).Any(d => reach[d, d]))
        {
            return _problem.NeedsPipeline ? null : 0;
        }

        var worst = Copies().GroupBy(c => (c.From, c.To)).Select(g => g.Sum(Seconds)).DefaultIfEmpty(0).Max();
        for (var d = 0; d < devices; d++)
        {
            var stage = Enumerable.Range(0, _kernels).Where(v => _device[v] == d)
                .Sum(v => _problem.Kernels[v].Seconds[d]) / _problem.Devices[d].Streams;
            if (_problem.Devices[d].CopiesOccupy)
            {
                stage += Copies().Where(c => c.To == d).Sum(Seconds);
                stage += Copies().Where(c => c.From == d).GroupBy(c => c.Tensor).Sum(g => g.Max(Seconds));
            }

            worst = Math.Max(worst, stage);
        }

        return worst;
    }

    private double Seconds((int Tensor, int From, int To, double Bytes) copy)
    {
        var link = LinkOf(copy.From, copy.To)!;
        return link.LatencySeconds + (copy.Bytes / link.BytesPerSecond);
    }

    // Appends, of all kernels whose inputs are made, each in turn; each starts as early as it can behind the ones before it.
    private void Order(int done, double time, double copies, double interval)
    {
        if (done == (1 << _kernels) - 1)
        {
            Keep(new PlanScore(time, copies + Paid(time), interval, true));
            return;
        }

        for (var v = 0; v < _kernels; v++)
        {
            if ((done >> v & 1) == 0 && Ready(v, done) is { } ready)
            {
                var streams = _streams[_device[v]];
                var length = _problem.Kernels[v].Seconds[_device[v]];
                var stream = Array.IndexOf(streams, streams.Min());
                var before = streams[stream];
                _end[v] = length + (length > 0 ? Math.Max(ready, before) : ready);
                streams[stream] = length > 0 ? _end[v] : before;
                Order(done | 1 << v, Math.Max(time, _end[v]), copies, interval);
                streams[stream] = before;
            }
        }
    }

    private double? Ready(int v, int done)
    {
        var ready = 0.0;
        foreach (var tensor in _problem.Tensors.Where(t => t.Consumers.Contains(v)))
        {
            if ((done >> tensor.Producer & 1) == 0)
            {
                return null;
            }

            var (from, to) = (_device[tensor.Producer], _device[v]);
            ready = Math.Max(ready, _end[tensor.Producer] + (from == to ? 0 : Seconds((0, from, to, tensor.Bytes))));
        }

        return ready;
    }

    private double Paid(double time) => Enumerable.Range(0, _problem.Devices.Count).Where(_device.Contains)
        .Sum(d => _problem.Devices[d].UsdPerHour / 3600
        * (_problem.Money == MoneyModel.Rental
            ? Math.Max(time, _problem.Devices[d].MinimumSeconds)
            : Enumerable.Range(0, _kernels).Where(v => _device[v] == d).Sum(v => _problem.Kernels[v].Seconds[d])));

    private void Keep(PlanScore score)
    {
        if (!_front.Any(s => Beats(s, score)))
        {
            _front.RemoveAll(s => Beats(score, s));
            _front.Add(score);
        }
    }
}
