namespace Lepton.Placement.Solver.Pipelines;

/// <summary>A class at each position of the pipeline and a position for each node.</summary>
internal sealed record StagePlan(int[] Position, int[] ClassAt, double Slowest);

/// <summary>
/// The best way to cut one order of the nodes into stages, by dynamic programming over prefixes and the devices used so far,
/// <code>
///   f(i, used) = min over j ≤ i and a class c in used of max(f(j, used - c), load of order[j..i) on c)
/// </code>
/// over many orders (Tarnawski et al., Efficient Algorithms for Device Placement of DNN Graph Operators, NeurIPS 2020, where one order is called DPL).
/// </summary>
internal static class StageCuts
{
    public static StagePlan? Best(StageGraph graph, int orders, int seed)
    {
        var random = new Random(seed);
        StagePlan? best = null;
        var depth = Depths(graph);
        for (var i = 0; i < orders; i++)
        {
            // Depth first, breadth first, and between them.
            var mix = i switch { 0 => 0.0, 1 => 1.0, _ => random.NextDouble() };
            var jitter = i < 2 ? 0 : graph.Nodes * random.NextDouble();
            var turn = 0;
            var order = graph.Order(v => (mix * depth[v]) - ((1 - mix) * turn++) + (jitter * random.NextDouble()));
            var plan = Cut(graph, order, best?.Slowest ?? double.PositiveInfinity);
            best = plan ?? best;
        }

        return best;
    }

    private static double[] Depths(StageGraph graph)
    {
        var depth = new double[graph.Nodes];
        var from = graph.Tensors.ToLookup(t => t.Producer);
        foreach (var v in graph.Order(v => v))
        {
            foreach (var w in from[v].SelectMany(t => t.Consumers))
            {
                depth[w] = Math.Max(depth[w], depth[v] + 1);
            }
        }

        return depth;
    }

    // used is a number of mixed radix: how many devices of each class.
    private static StagePlan? Cut(StageGraph graph, int[] order, double below)
    {
        var n = graph.Nodes;
        int[] radix = [.. graph.Classes.Select(c => c.Devices.Length + 1)], step = new int[radix.Length];
        var states = 1;
        for (var c = 0; c < radix.Length; c++)
        {
            step[c] = states;
            states *= radix[c];
        }

        var cost = new double[(n + 1) * states];
        var from = new (int Start, int Class)[cost.Length];
        Array.Fill(cost, double.PositiveInfinity);
        Array.Fill(cost, 0, 0, states);
        var segment = new Segment(graph, order);
        for (var i = 1; i <= n; i++)
        {
            segment.Restart(i);
            for (var j = i - 1; j >= 0; j--)
            {
                segment.AddInFront(j);
                for (var c = 0; c < radix.Length; c++)
                {
                    var load = segment.Load(c);
                    if (load >= below)
                    {
                        continue;
                    }

                    for (var used = step[c]; used < states; used++)
                    {
                        if (used / step[c] % radix[c] == 0)
                        {
                            continue;
                        }

                        var slowest = Math.Max(load, cost[(j * states) + used - step[c]]);
                        if (slowest < cost[(i * states) + used])
                        {
                            cost[(i * states) + used] = slowest;
                            from[(i * states) + used] = (j, c);
                        }
                    }
                }
            }
        }

        return cost[^1] < below ? Trace(graph, order, from, step, states) : null;
    }

    private static StagePlan Trace(StageGraph graph, int[] order, (int Start, int Class)[] from, int[] step, int states)
    {
        var stages = new List<(int Start, int End, int Class)>();
        var left = graph.Classes.Select(c => c.Devices.Length).ToArray();
        for (var (i, used) = (order.Length, states - 1); i > 0;)
        {
            var (start, c) = from[(i * states) + used];
            stages.Add((start, i, c));
            left[c]--;
            (i, used) = (start, used - step[c]);
        }

        stages.Reverse();
        var position = new int[graph.Nodes];
        for (var k = 0; k < stages.Count; k++)
        {
            for (var i = stages[k].Start; i < stages[k].End; i++)
            {
                position[order[i]] = k;
            }
        }

        // Devices without work stand at the end.
        int[] classAt = [.. stages.Select(s => s.Class), .. left.SelectMany((count, c) => Enumerable.Repeat(c, count))];
        return new StagePlan(position, classAt, graph.Slowest(position, classAt));
    }

    /// <summary>The load of order[j..i) while j goes down.</summary>
    private sealed class Segment
    {
        private readonly StageGraph _graph;
        private readonly int[] _order;
        private readonly int[] _lastReader;
        private readonly int[] _readersInside;
        private readonly List<int>[] _reads;
        private readonly List<int>[] _makes;
        private readonly double[] _work;
        private double _copies;
        private double _weights;
        private int _end;

        public Segment(StageGraph graph, int[] order)
        {
            (_graph, _order) = (graph, order);
            var place = new int[order.Length];
            for (var i = 0; i < order.Length; i++)
            {
                place[order[i]] = i;
            }

            _lastReader = [.. graph.Tensors.Select(t => t.Consumers.Max(v => place[v]))];
            _readersInside = new int[graph.Tensors.Length];
            _reads = [.. order.Select(_ => new List<int>())];
            _makes = [.. order.Select(_ => new List<int>())];
            _work = new double[graph.Classes.Length];
            for (var t = 0; t < graph.Tensors.Length; t++)
            {
                _makes[graph.Tensors[t].Producer].Add(t);
                foreach (var v in graph.Tensors[t].Consumers)
                {
                    _reads[v].Add(t);
                }
            }
        }

        public void Restart(int end)
        {
            _end = end;
            (_copies, _weights) = (0, 0);
            Array.Clear(_work);
            Array.Clear(_readersInside);
        }

        public void AddInFront(int j)
        {
            var v = _order[j];
            _weights += _graph.WeightBytes[v];
            for (var c = 0; c < _work.Length; c++)
            {
                _work[c] += _graph.Seconds[v][c];
            }

            foreach (var t in _makes[v])
            {
                // It does not arrive any more; it leaves if somebody reads it later.
                _copies += _graph.Tensors[t].Seconds * ((_lastReader[t] >= _end ? 1 : 0) - (_readersInside[t] > 0 ? 1 : 0));
            }

            foreach (var t in _reads[v])
            {
                _copies += _readersInside[t]++ == 0 ? _graph.Tensors[t].Seconds : 0;
            }
        }

        public double Load(int c) => _weights > _graph.Classes[c].MemoryBytes
            ? double.PositiveInfinity
            : _work[c] + (_graph.Classes[c].Occupied ? _copies : 0);
    }
}
