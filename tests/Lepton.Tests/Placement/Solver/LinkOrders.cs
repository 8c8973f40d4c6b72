using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement.Solver;

/// <summary>
/// The shortest run when a link carries one copy at a time: every assignment, and every order in which kernels and copies are appended, each as early as
/// it can behind what uses the same device or link. For a goal that only grows with the ends some best schedule is among these.
/// </summary>
internal sealed class LinkOrders
{
    private readonly PlacementProblem _problem;
    private readonly int[] _device;
    private readonly double[] _end;
    private readonly Dictionary<(int Tensor, int To), double> _arrival = [];
    private readonly Dictionary<(int From, int To), double> _link = [];
    private readonly double[] _busy;
    private double _best = double.PositiveInfinity;

    private LinkOrders(PlacementProblem problem) =>
        (_problem, _device, _end, _busy) = (problem, new int[problem.Kernels.Count], new double[problem.Kernels.Count], new double[problem.Devices.Count]);

    public static double ShortestTime(PlacementProblem problem)
    {
        var search = new LinkOrders(problem);
        search.Assign(0);
        return search._best;
    }

    private void Assign(int v)
    {
        if (v == _device.Length)
        {
            Append(0, 0);
            return;
        }

        for (_device[v] = 0; _device[v] < _problem.Devices.Count; _device[v]++)
        {
            if (_problem.Kernels[v].Allows(_device[v]))
            {
                Assign(v + 1);
            }
        }
    }

    private void Append(int done, double time)
    {
        if (done == (1 << _device.Length) - 1)
        {
            _best = Math.Min(_best, time);
            return;
        }

        for (var v = 0; v < _device.Length; v++)
        {
            if ((done >> v & 1) == 0 && Ready(v, done) is { } ready)
            {
                var d = _device[v];
                var before = _busy[d];
                _busy[d] = _end[v] = Math.Max(ready, before) + _problem.Kernels[v].Seconds[d];
                Append(done | 1 << v, Math.Max(time, _end[v]));
                _busy[d] = before;
            }
        }

        for (var t = 0; t < _problem.Tensors.Count; t++)
        {
            var tensor = _problem.Tensors[t];
            foreach (var to in tensor.Consumers.Select(c => _device[c]).Distinct().Where(to => to != _device[tensor.Producer] && !_arrival.ContainsKey((t, to))))
            {
                if ((done >> tensor.Producer & 1) == 0)
                {
                    continue;
                }

                var key = (_device[tensor.Producer], to);
                var before = _link.GetValueOrDefault(key);
                var link = _problem.Links.Single(l => l.From == key.Item1 && l.To == to);
                var start = _problem.ExclusiveLinks ? Math.Max(before, _end[tensor.Producer]) : _end[tensor.Producer];
                _arrival[(t, to)] = _link[key] = start + link.LatencySeconds + (tensor.Bytes / link.BytesPerSecond);
                Append(done, time);
                _arrival.Remove((t, to));
                _link[key] = before;
            }
        }
    }

    private double? Ready(int v, int done)
    {
        var ready = 0.0;
        for (var t = 0; t < _problem.Tensors.Count; t++)
        {
            var tensor = _problem.Tensors[t];
            if (!tensor.Consumers.Contains(v))
            {
                continue;
            }

            if (_device[tensor.Producer] == _device[v])
            {
                if ((done >> tensor.Producer & 1) == 0)
                {
                    return null;
                }

                ready = Math.Max(ready, _end[tensor.Producer]);
            }
            else if (_arrival.TryGetValue((t, _device[v]), out var arrival))
            {
                ready = Math.Max(ready, arrival);
            }
            else
            {
                return null;
            }
        }

        return ready;
    }
}
