using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>
/// The shortest run of kernels on given devices where waiting can pay: memory that counts what is alive, and exclusive links. Everything starts as early
/// as the precedences so far allow; where a device, a link or a memory then holds too much at once, two of those things must lie apart in time, so each
/// choice of a first and a second one is tried:
/// <code>
///   start of the second ≥ every end of the first
/// </code>
/// Some choice holds in any schedule, since intervals that all overlap in pairs have an instant in common. Formulas of its own, as an oracle.
/// </summary>
internal sealed class ShortestRun
{
    private const double Rounding = 1e-9;
    private readonly int _kernels;
    private readonly List<double> _seconds = [];
    private readonly List<Resource> _resources = [];
    private readonly List<(int From, int To, double Least)> _rules = [];
    private readonly double _all;
    private double _best = double.PositiveInfinity;

    private ShortestRun(PlacementProblem problem, int[] device)
    {
        _kernels = device.Length;
        _seconds.AddRange(device.Select((d, v) => problem.Kernels[v].Seconds[d]));
        var copies = new Dictionary<(int Tensor, int To), int>();
        for (var t = 0; t < problem.Tensors.Count; t++)
        {
            var tensor = problem.Tensors[t];
            foreach (var to in tensor.Consumers.Select(w => device[w]).Distinct().Where(to => to != device[tensor.Producer]))
            {
                var link = problem.Links.Single(l => l.From == device[tensor.Producer] && l.To == to);
                var copy = copies[(t, to)] = _seconds.Count;
                _seconds.Add(link.LatencySeconds + (tensor.Bytes / link.BytesPerSecond));
                After(tensor.Producer, copy);
                if (!problem.ExclusiveLinks)
                {
                    _rules.Add((copy, tensor.Producer, -_seconds[tensor.Producer]));
                }
            }

            foreach (var w in tensor.Consumers)
            {
                After(device[w] == device[tensor.Producer] ? tensor.Producer : copies[(t, device[w])], w);
            }
        }

        for (var d = 0; d < problem.Devices.Count; d++)
        {
            var here = Enumerable.Range(0, _kernels).Where(v => device[v] == d).ToArray();
            _resources.Add(new Resource(problem.Devices[d].Streams, [.. here.Select(v => new Use(v, [v], 1))]));
            if (problem.Memory == MemoryModel.Residency)
            {
                var alive = new List<Use>();
                for (var t = 0; t < problem.Tensors.Count; t++)
                {
                    var (u, readers) = (problem.Tensors[t].Producer, problem.Tensors[t].Consumers.Intersect(here).ToArray());
                    int[] leaving = [.. copies.Where(c => c.Key.Tensor == t).Select(c => c.Value)];
                    if (device[u] == d)
                    {
                        alive.Add(new Use(u, problem.Tensors[t].Consumers.Count == 0 ? null : [u, .. readers, .. leaving], problem.Tensors[t].Bytes));
                    }
                    else if (copies.TryGetValue((t, d), out var copy))
                    {
                        alive.Add(new Use(copy, [copy, .. readers], problem.Tensors[t].Bytes));
                    }
                }

                _resources.Add(new Resource(problem.Devices[d].MemoryBytes - here.Sum(v => problem.Kernels[v].WeightBytes), [.. alive]));
            }
        }

        foreach (var link in copies.GroupBy(c => (device[problem.Tensors[c.Key.Tensor].Producer], c.Key.To)).Where(_ => problem.ExclusiveLinks))
        {
            _resources.Add(new Resource(1, [.. link.Select(c => new Use(c.Value, [c.Value], 1))]));
        }

        _all = _seconds.Sum();
    }

    /// <summary>From the start of one step to the last end of others; null: to the end of the run.</summary>
    private sealed record Use(int First, int[]? Last, double Amount);

    private sealed record Resource(double Capacity, Use[] Uses);

    /// <summary>Seconds; +∞ where no order fits. Links are there for all copies.</summary>
    public static double Of(PlacementProblem problem, int[] device)
    {
        var search = new ShortestRun(problem, device);
        search.Branch(new double[search._seconds.Count]);
        return search._best;
    }

    private void After(int first, int second) => _rules.Add((first, second, _seconds[first]));

    // Starts are a lower bound from the rules before; they only grow.
    private void Branch(double[] start)
    {
        if (!Relax(start))
        {
            return;
        }

        var time = Enumerable.Range(0, _kernels).Select(v => start[v] + _seconds[v]).DefaultIfEmpty(0).Max();
        if (time >= _best * (1 - Rounding))
        {
            return;
        }

        if (Crowd(start, time) is not { } crowd)
        {
            _best = time;
            return;
        }

        foreach (var first in crowd)
        {
            // What takes no time may also lie apart from all by being empty: then it is its own second, and a result is made when all has ended.
            foreach (var second in first.Last is null ? [first] : crowd)
            {
                var rules = _rules.Count;
                _rules.AddRange((first.Last ?? Enumerable.Range(0, _kernels)).Select(e => (e, second.First, _seconds[e])));
                Branch([.. start]);
                _rules.RemoveRange(rules, _rules.Count - rules);
            }
        }
    }

    // False where the rules go round in a circle that takes time: nothing need be later than after all the rest.
    private bool Relax(double[] start)
    {
        for (var moved = true; moved;)
        {
            moved = false;
            foreach (var (from, to, least) in _rules)
            {
                if (start[from] + least > start[to] + (Rounding * 1e-3 * _all))
                {
                    (start[to], moved) = (start[from] + least, true);
                    if (start[to] > _all * (1 + Rounding))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    // What a resource holds too much of at the first instant of it; null where all is well.
    private List<Use>? Crowd(double[] start, double time)
    {
        foreach (var resource in _resources)
        {
            var uses = resource.Uses.Select(u => (Use: u, From: start[u.First], To: u.Last?.Max(e => start[e] + _seconds[e]) ?? time))
                .Where(u => u.To - (Rounding * _all) > u.From).ToArray();
            foreach (var at in uses.Select(u => u.From).Order())
            {
                var held = uses.Where(u => u.From <= at && at < u.To - (Rounding * _all)).Select(u => u.Use).ToList();
                if (held.Sum(u => u.Amount) > resource.Capacity * (1 + Rounding))
                {
                    return held;
                }
            }
        }

        return null;
    }
}
