using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// Simulated annealing of <c>wT · makespan + wM · busy usd</c> where nothing else limits: one stream per device, enough memory, no limits. A state is
/// a device for each kernel and a topological order of all; each device runs its kernels in that order. Fast, since a move at place i looks at the
/// places from i on alone, and stops where the rest cannot be done in time:
/// <code>
///   order   k1 k2 … ki … kn     ready(i, d): when device d is free before place i
///                   └ end(v) + tail(v, d) &gt; what would be accepted: rejected
/// </code>
/// Where all devices are busy to the end, a kernel that changes its device alone makes one of them end later: two that exchange theirs keep the loads.
/// </summary>
internal sealed class OrderAnnealing
{
    private const double Hot = 4;
    private const double Cold = 0.02;

    // Kernels that change places in time are near each other: most of them would not fit anywhere else.
    private const int Near = 5;

    private readonly Weights _goal;
    private readonly int _kernels, _devices;
    private readonly double[] _seconds, _tail;
    private readonly (int Kernel, int Tensor)[][] _from;
    private readonly int[][] _to;
    private readonly int[][] _near;
    private readonly double[] _copy;
    private readonly int[][] _members;
    private readonly int[] _variableOf;
    private readonly bool[] _movable;
    private readonly Prices? _prices;
    private readonly int[] _device, _order, _place;
    private readonly double[] _end, _newEnd, _ready, _newReady, _most, _newMost;
    private readonly List<(int Kernel, int Behind)> _chain = [];
    private readonly List<(int From, int To)> _moved = [];
    private readonly List<(int Variable, int Old)> _replaced = [];
    private int _first;

    private OrderAnnealing(Tables tables, Weights goal, Plan from)
    {
        (_goal, _kernels, _devices) = (goal, tables.Kernels, tables.Devices);
        (_members, _variableOf, _prices) = (tables.Members, tables.VariableOf, goal.Money > 0 ? new Prices(tables) : null);
        _movable = [.. _members.Select(m => Enumerable.Range(0, _devices).Count(d => tables.Allowed(m[0], d)) > 1)];
        (_seconds, _tail) = (new double[_kernels * _devices], new double[_kernels * _devices]);
        var paths = new PathBounds(tables);
        for (var i = 0; i < _seconds.Length; i++)
        {
            (_seconds[i], _tail[i]) = (tables.Seconds[i / _devices, i % _devices], paths.Tail[i / _devices, i % _devices]);
        }

        _from = [.. tables.Inputs.Select(ts => ts.Select(t => (tables.Producer[t], t)).ToArray())];
        _to = [.. tables.Outputs.Select(ts => ts.SelectMany(t => tables.Consumers[t]).Distinct().ToArray())];
        _near = [.. Enumerable.Range(0, _kernels).Select(v => _from[v].Select(f => f.Kernel).Concat(_to[v]).Where(u => u != v).ToArray())];
        _copy = new double[tables.Tensors * _devices * _devices];
        for (var i = 0; i < _copy.Length; i++)
        {
            _copy[i] = tables.Copy(i / (_devices * _devices), i / _devices % _devices, i % _devices);
        }

        _device = [.. from.Devices];
        var topological = new int[_kernels];
        for (var i = 0; i < _kernels; i++)
        {
            topological[tables.Order[i]] = i;
        }

        _order = [.. Enumerable.Range(0, _kernels).OrderBy(v => from.Starts[v]).ThenBy(v => topological[v])];
        _place = new int[_kernels];
        (_end, _newEnd) = (new double[_kernels], new double[_kernels]);
        (_ready, _newReady) = (new double[(_kernels + 1) * _devices], new double[(_kernels + 1) * _devices]);
        (_most, _newMost) = (new double[_kernels + 1], new double[_kernels + 1]);
    }

    public static bool Applies(Tables tables, Weights goal)
    {
        var problem = tables.Problem;
        return tables.Kernels > 1 && goal is { Time: > 0, Interval: 0 } && (goal.Money == 0 || problem.Money == MoneyModel.Busy)
            && !problem.NeedsPipeline && !problem.ExclusiveLinks && problem.Objective is { Limits.Count: 0, Ceilings.Count: 0 }
            && problem.Devices.All(d => d.Streams == 1 && double.IsPositiveInfinity(d.MemoryBytes));
    }

    /// <param name="from">Where the search starts; starts must keep the rules of time.</param>
    /// <param name="steps">Number of plans that are looked at.</param>
    public static Plan Run(Tables tables, Weights goal, Plan from, long steps, int seed = 1) =>
        new OrderAnnealing(tables, goal, from).Run(steps, new Random(seed)) ?? from;

    private Plan? Run(long steps, Random random)
    {
        // A start that is no plan of these rules is another one's affair.
        if (!Sorted() || !(Look(0, double.PositiveInfinity) < double.PositiveInfinity))
        {
            return null;
        }

        Take(0);
        var money = _prices is null ? 0 : _goal.Money * _prices.Of(_device);
        var value = (_goal.Time * _most[_kernels]) + money;
        var (bestValue, bestDevice, bestOrder) = (value, _device.ToArray(), _order.ToArray());
        int[] movable = [.. Enumerable.Range(0, _members.Length).Where(x => _movable[x])];
        var hot = Hot / _kernels * value;
        Chain();
        for (long step = 0; step < steps; step++)
        {
            var heat = hot * Math.Pow(Cold, (double)step / steps);
            var most = value - (heat * Math.Log(1 - random.NextDouble()));
            var (first, paid) = Change(random, movable, money);
            if (first == _kernels)
            {
                continue;
            }

            if ((_goal.Time * Look(first, (most - paid) / _goal.Time)) + paid is var next && next <= most)
            {
                Take(first);
                (money, value) = (paid, next);
            }
            else
            {
                Undo();
                continue;
            }

            Chain();
            if (value < bestValue)
            {
                bestValue = value;
                _device.CopyTo(bestDevice, 0);
                _order.CopyTo(bestOrder, 0);
            }
        }

        bestDevice.CopyTo(_device, 0);
        bestOrder.CopyTo(_order, 0);
        Sorted();
        _ = Look(0, double.PositiveInfinity);
        return new Plan([.. _device], [.. _newEnd.Select((e, v) => e - _seconds[(v * _devices) + _device[v]])]);
    }

    // A random neighbour: the first place that it changes (all kernels: it is no other plan), and its money.
    private (int First, double Money) Change(Random random, int[] movable, double money)
    {
        _moved.Clear();
        _replaced.Clear();
        _first = _kernels;
        var (v, behind) = random.Next(4) > 0 ? _chain[random.Next(_chain.Count)] : (random.Next(_kernels), -1);
        var kind = movable.Length == 0 ? 0 : random.Next(10);
        if (kind < 3)
        {
            Reorder(random, v, behind);
            return (_first, money);
        }

        var x = _variableOf[v];
        x = _movable[x] ? x : movable[random.Next(movable.Length)];
        var (old, to) = (_device[_members[x][0]], Choose(random, x));
        if (kind < 7 && to != old)
        {
            money += Replace(x, to);
            if (kind > 3)
            {
                Reorder(random, _members[x][0], -1);
            }
        }
        else if (kind >= 7 && Partner(random, v, x) is var y && y >= 0)
        {
            money += Replace(x, _device[_members[y][0]]) + Replace(y, old);
        }

        return (_first, money);
    }

    // In front of the kernel that it waits for, or anywhere between what it reads and what reads it.
    private void Reorder(Random random, int v, int behind)
    {
        var (low, high) = Room(v);
        var (old, to) = (_place[v], behind >= 0 ? Math.Max(low, _place[behind]) : random.Next(low, high + 1));
        if (to != old)
        {
            Move(old, to);
            _moved.Add((old, to));
            _first = Math.Min(_first, Math.Min(old, to));
        }
    }

    // What the new device costs more.
    private double Replace(int variable, int to)
    {
        _replaced.Add((variable, _device[_members[variable][0]]));
        var before = UsdAround(variable);
        _first = Math.Min(_first, Set(variable, to));
        return UsdAround(variable) - before;
    }

    private void Undo()
    {
        for (var i = _moved.Count - 1; i >= 0; i--)
        {
            Move(_moved[i].To, _moved[i].From);
        }

        for (var i = _replaced.Count - 1; i >= 0; i--)
        {
            Set(_replaced[i].Variable, _replaced[i].Old);
        }
    }

    // A variable near the kernel that may stand where x is and leaves a place where x may stand; −1 where a few looks find none.
    private int Partner(Random random, int v, int x)
    {
        var d = _device[_members[x][0]];
        for (var look = 0; look < 4; look++)
        {
            var y = _variableOf[_order[Math.Clamp(_place[v] + random.Next(-Near, Near + 1), 0, _kernels - 1)]];
            var e = _device[_members[y][0]];
            if (e != d && _movable[y] && Array.TrueForAll(_members[x], u => double.IsFinite(_seconds[(u * _devices) + e]))
                && Array.TrueForAll(_members[y], u => double.IsFinite(_seconds[(u * _devices) + d])))
            {
                return y;
            }
        }

        return -1;
    }

    // Places by kernel; false when some kernel stands in front of what it reads.
    private bool Sorted()
    {
        for (var i = 0; i < _kernels; i++)
        {
            _place[_order[i]] = i;
        }

        return Enumerable.Range(0, _kernels).All(v => _from[v].All(f => _place[f.Kernel] < _place[v]));
    }

    // The makespan when everything from a place on is run anew; +∞ as soon as it must be more than `most`.
    private double Look(int first, double most)
    {
        var ready = _newReady.AsSpan();
        _ready.AsSpan(first * _devices, _devices).CopyTo(ready[(first * _devices)..]);
        _newMost[first] = _most[first];
        var longest = _most[first];
        for (var i = first; i < _kernels; i++)
        {
            var v = _order[i];
            var d = _device[v];
            var start = 0.0;
            foreach (var (u, t) in _from[v])
            {
                var a = _device[u];
                var there = (_place[u] < first ? _end[u] : _newEnd[u]) + (a == d ? 0 : _copy[(((t * _devices) + a) * _devices) + d]);
                start = Math.Max(start, there);
            }

            var row = ready.Slice(i * _devices, 2 * _devices);
            row[.._devices].CopyTo(row[_devices..]);
            var seconds = _seconds[(v * _devices) + d];
            if (seconds > 0)
            {
                start = Math.Max(start, row[d]);
                row[_devices + d] = start + seconds;
            }

            var end = start + seconds;
            if (end + _tail[(v * _devices) + d] > most || !double.IsFinite(end))
            {
                return double.PositiveInfinity;
            }

            _newEnd[v] = end;
            longest = Math.Max(longest, end);
            _newMost[i + 1] = longest;
        }

        return longest;
    }

    private void Take(int first)
    {
        for (var i = first; i < _kernels; i++)
        {
            _end[_order[i]] = _newEnd[_order[i]];
        }

        Array.Copy(_newReady, first * _devices, _ready, first * _devices, (_kernels + 1 - first) * _devices);
        Array.Copy(_newMost, first, _most, first, _kernels + 1 - first);
    }

    // From the kernel that ends last back to one that starts at 0: each waits for the next one's tensor, or behind it on its device.
    private void Chain()
    {
        _chain.Clear();
        var v = _order[0];
        for (var u = 0; u < _kernels; u++)
        {
            v = _end[u] > _end[v] ? u : v;
        }

        while (v >= 0)
        {
            var d = _device[v];
            var start = _end[v] - _seconds[(v * _devices) + d];
            var (cause, behind) = (-1, -1);
            var latest = 0.0;
            foreach (var (u, t) in _from[v])
            {
                var there = _end[u] + (_device[u] == d ? 0 : _copy[(((t * _devices) + _device[u]) * _devices) + d]);
                (latest, cause) = there > latest ? (there, u) : (latest, cause);
            }

            if (_seconds[(v * _devices) + d] > 0 && _ready[(_place[v] * _devices) + d] is var free && free > latest && free > 0)
            {
                for (var i = _place[v] - 1; behind < 0 && i >= 0; i--)
                {
                    behind = _device[_order[i]] == d && _seconds[(_order[i] * _devices) + d] > 0 ? _order[i] : -1;
                }
            }

            _chain.Add((v, behind));
            v = start <= 0 ? -1 : behind >= 0 ? behind : cause;
        }
    }

    private (int Low, int High) Room(int v)
    {
        var (low, high) = (0, _kernels - 1);
        foreach (var (u, _) in _from[v])
        {
            low = Math.Max(low, _place[u] + 1);
        }

        foreach (var w in _to[v])
        {
            high = Math.Min(high, _place[w] - 1);
        }

        return (low, high);
    }

    private void Move(int from, int to)
    {
        var v = _order[from];
        var step = from < to ? 1 : -1;
        for (var i = from; i != to; i += step)
        {
            _order[i] = _order[i + step];
            _place[_order[i]] = i;
        }

        (_order[to], _place[v]) = (v, to);
    }

    // The first place that this changes.
    private int Set(int variable, int to)
    {
        var first = _kernels;
        foreach (var v in _members[variable])
        {
            _device[v] = to;
            first = Math.Min(first, _place[v]);
        }

        return first;
    }

    private int Choose(Random random, int variable)
    {
        var v = _members[variable][random.Next(_members[variable].Length)];
        var to = _near[v].Length > 0 && random.Next(2) == 0 ? _device[_near[v][random.Next(_near[v].Length)]] : random.Next(_devices);
        return double.IsFinite(_seconds[(v * _devices) + to]) ? to : _device[v];
    }

    // In units of the goal.
    private double UsdAround(int variable) => _prices is null ? 0 : _goal.Money * _prices.Around(variable, _device);
}
