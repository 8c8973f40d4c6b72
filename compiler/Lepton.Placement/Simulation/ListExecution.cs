using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>
/// Runs the kernels of each device in a given order, each as early as it can:
/// <code>
///   device queue  k1 k2 k3 …    the head starts when its inputs are there and a stream is free; nobody overtakes it
///   link queue    c1 c2 …       where links are exclusive: first ready, first sent, or the plan's own order
/// </code>
/// For a plan that keeps the rules of time, no kernel starts later than planned: in the order of their starts, whatever kernel k waits
/// for has not moved back (induction over the starts). Events are taken by time, so one pass suffices.
/// </summary>
internal sealed class ListExecution
{
    private readonly PlacementProblem _problem;
    private readonly IReadOnlyList<int> _devices;
    private readonly Routes _routes;
    private readonly double[] _starts;
    private readonly double[] _ends;
    private readonly int[] _missing;
    private readonly List<Tensor>[] _outputs;
    private readonly List<int>[] _queues;
    private readonly int[] _heads;
    private readonly int[] _free;
    private readonly List<CopyRun> _copies = [];
    private readonly Dictionary<(int From, int To), LinkQueue> _links = [];
    private readonly PriorityQueue<Event, (double Time, int Number)> _events = new();
    private readonly Dictionary<Tensor, int> _tensorIndex = new(ReferenceEqualityComparer.Instance);
    private int _number;

    private ListExecution(PlacementProblem problem, IReadOnlyList<int> devices, int[] order, IReadOnlyList<CopyStart> copies)
    {
        (_problem, _devices, _routes) = (problem, devices, new Routes(problem));
        var count = problem.Kernels.Count;
        (_starts, _ends, _missing) = (new double[count], new double[count], new int[count]);
        _outputs = [.. Enumerable.Range(0, count).Select(_ => new List<Tensor>())];
        _queues = [.. problem.Devices.Select(_ => new List<int>())];
        (_heads, _free) = (new int[problem.Devices.Count], [.. problem.Devices.Select(d => d.Streams)]);
        for (var t = 0; t < problem.Tensors.Count; t++)
        {
            var tensor = problem.Tensors[t];
            _tensorIndex[tensor] = t;
            _outputs[tensor.Producer].Add(tensor);
            foreach (var consumer in tensor.Consumers)
            {
                _missing[consumer]++;
            }
        }

        foreach (var v in order.Where(v => Duration(v) > 0))
        {
            _queues[devices[v]].Add(v);
        }

        var position = new int[count];
        for (var i = 0; i < count; i++)
        {
            position[order[i]] = i;
        }

        // Only copies that this assignment asks for, each once: a link would wait for ever for another one.
        var asked = copies.Where(c => Routes.Destinations(problem.Tensors[c.Tensor], devices).Contains(c.To)).DistinctBy(c => (c.Tensor, c.To));
        foreach (var copy in asked.OrderBy(c => c.Start).ThenBy(c => position[problem.Tensors[c.Tensor].Producer]))
        {
            QueueOf(devices[problem.Tensors[copy.Tensor].Producer], copy.To).Planned.Enqueue(copy.Tensor);
        }
    }

    /// <summary>What happens at a time: the end of a kernel (Copy is null) or of a copy.</summary>
    private readonly record struct Event(int Kernel, CopyRun? Copy);

    public static Timeline Run(PlacementProblem problem, IReadOnlyList<int> devices, int[] order, IReadOnlyList<CopyStart> copies)
    {
        var run = new ListExecution(problem, devices, order, problem.ExclusiveLinks ? copies : []);
        run.All();
        return new Timeline(run._starts, run._ends, run._copies);
    }

    private double Duration(int v) => _problem.Kernels[v].Seconds[_devices[v]];

    private void All()
    {
        var ready = new Stack<int>(Enumerable.Range(0, _missing.Length).Where(v => _missing[v] == 0).Reverse());
        Proceed(ready, 0);
        while (_events.TryDequeue(out var e, out var at))
        {
            if (e.Copy is null)
            {
                _free[_devices[e.Kernel]]++;
                Finish(e.Kernel, at.Time, ready);
                StartHeads(_devices[e.Kernel], at.Time);
            }
            else
            {
                Arrive(e.Copy, ready);
            }

            Proceed(ready, at.Time);
        }
    }

    // Kernels that became ready: those that take no time end at once and may make others ready.
    private void Proceed(Stack<int> ready, double now)
    {
        while (ready.TryPop(out var v))
        {
            if (Duration(v) > 0)
            {
                StartHeads(_devices[v], now);
                continue;
            }

            _starts[v] = now;
            Finish(v, now, ready);
        }
    }

    private void StartHeads(int device, double now)
    {
        while (_free[device] > 0 && _heads[device] < _queues[device].Count && _missing[_queues[device][_heads[device]]] == 0)
        {
            var v = _queues[device][_heads[device]++];
            _free[device]--;
            _starts[v] = now;
            _events.Enqueue(new Event(v, null), (now + Duration(v), _number++));
        }
    }

    private void Finish(int v, double now, Stack<int> ready)
    {
        _ends[v] = now;
        foreach (var tensor in _outputs[v])
        {
            Deliver(tensor, _devices[v], ready);
            foreach (var to in Routes.Destinations(tensor, _devices))
            {
                Send(tensor, _devices[v], to, now);
            }
        }
    }

    private void Deliver(Tensor tensor, int device, Stack<int> ready)
    {
        foreach (var consumer in tensor.Consumers)
        {
            if (_devices[consumer] == device && --_missing[consumer] == 0)
            {
                ready.Push(consumer);
            }
        }
    }

    private void Send(Tensor tensor, int from, int to, double now)
    {
        if (_problem.ExclusiveLinks)
        {
            QueueOf(from, to).Ready.Add(_tensorIndex[tensor]);
            StartCopy(from, to, now);
        }
        else
        {
            Depart(_tensorIndex[tensor], from, to, now);
        }
    }

    private void Depart(int tensor, int from, int to, double now)
    {
        var copy = new CopyRun(tensor, from, to, now, now + _routes.Seconds(_problem.Tensors[tensor].Bytes, from, to));
        _copies.Add(copy);
        _events.Enqueue(new Event(-1, copy), (copy.End, _number++));
    }

    private void Arrive(CopyRun copy, Stack<int> ready)
    {
        if (_problem.ExclusiveLinks)
        {
            QueueOf(copy.From, copy.To).Busy = false;
            StartCopy(copy.From, copy.To, copy.End);
        }

        Deliver(_problem.Tensors[copy.Tensor], copy.To, ready);
    }

    private void StartCopy(int from, int to, double now)
    {
        var queue = QueueOf(from, to);
        if (!queue.Busy && queue.Next() is { } tensor)
        {
            queue.Busy = true;
            Depart(tensor, from, to, now);
        }
    }

    private LinkQueue QueueOf(int from, int to)
    {
        if (!_links.TryGetValue((from, to), out var queue))
        {
            _links[(from, to)] = queue = new LinkQueue();
        }

        return queue;
    }

    /// <summary>Copies that wait for an exclusive link.</summary>
    private sealed class LinkQueue
    {
        public Queue<int> Planned { get; } = new();

        public List<int> Ready { get; } = [];

        public bool Busy { get; set; }

        /// <summary>The tensor to send next, taken out; null when the link has to wait.</summary>
        public int? Next()
        {
            var index = 0;
            if (Planned.TryPeek(out var planned))
            {
                index = Ready.IndexOf(planned);
                if (index >= 0)
                {
                    Planned.Dequeue();
                }
            }

            if (index < 0 || index >= Ready.Count)
            {
                return null;
            }

            var tensor = Ready[index];
            Ready.RemoveAt(index);
            return tensor;
        }
    }
}
