using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>
/// Two devices and busy money: the cheapest assignment is a minimum cut (Stone, "Multiprocessor scheduling with the aid of network flow
/// algorithms", 1977), with one extra node per tensor and direction so that a copy is paid once for all readers.
/// <code>
///   S ──c(v on 1)─▶ v ──c(v on 0)─▶ T        v on the side of S stands on device 0
///   u ──k(t,0,1)─▶ w ──∞─▶ readers of t      u on 0 and some reader on 1: the edge u → w is cut
///   readers ──∞─▶ w' ──k(t,1,0)─▶ u          u on 1 and some reader on 0: the edge w' → u is cut
/// </code>
/// Memory and limits are not looked at: a bound, and the optimum where the plan keeps them.
/// </summary>
internal static class MinCut
{
    /// <summary>A device per kernel and the money in usd; null where it does not apply. +∞: no assignment keeps pins and links.</summary>
    public static (int[] Devices, double Value)? Solve(Tables tables, Weights weights)
    {
        var used = Enumerable.Range(0, tables.Devices).Where(d => Enumerable.Range(0, tables.Kernels).Any(v => tables.Allowed(v, d))).ToArray();
        if (weights.NeedsTimes(tables.Problem.Money) || weights.Interval > 0 || tables.Problem.NeedsPipeline || used.Length is 0 or > 2)
        {
            return null;
        }

        var (a, b) = (used[0], used[^1]);
        var variables = tables.Members.Length;
        var flow = new Flow(variables + 2);
        var (source, sink) = (variables, variables + 1);
        for (var x = 0; x < variables; x++)
        {
            flow.Add(source, x, weights.Money * tables.Members[x].Sum(v => tables.Usd(v, b)));
            flow.Add(x, sink, weights.Money * tables.Members[x].Sum(v => tables.Usd(v, a)));
        }

        for (var t = 0; t < tables.Tensors; t++)
        {
            var maker = tables.VariableOf[tables.Producer[t]];
            var readers = tables.Consumers[t].Select(v => tables.VariableOf[v]).Distinct().Where(x => x != maker).ToArray();
            if (readers.Length == 0 || a == b)
            {
                continue;
            }

            var (there, back) = (flow.AddNode(), flow.AddNode());
            flow.Add(maker, there, Price(tables, weights, t, a, b));
            flow.Add(back, maker, Price(tables, weights, t, b, a));
            foreach (var reader in readers)
            {
                flow.Add(there, reader, double.PositiveInfinity);
                flow.Add(reader, back, double.PositiveInfinity);
            }
        }

        var value = flow.Most(source, sink);
        var side = flow.Reached(source);
        return ([.. tables.VariableOf.Select(x => side[x] ? a : b)], value);
    }

    private static double Price(Tables tables, Weights weights, int t, int from, int to) =>
        tables.Linked(from, to) ? weights.Money * tables.CopyUsd(t, from, to) : double.PositiveInfinity;

    /// <summary>Greatest flow by Dinic's algorithm: shortest augmenting paths, level by level.</summary>
    private sealed class Flow(int nodes)
    {
        private readonly List<List<int>> _edges = [.. Enumerable.Range(0, nodes).Select(_ => new List<int>())];
        private readonly List<int> _to = [];
        private readonly List<double> _left = [];

        public int AddNode()
        {
            _edges.Add([]);
            return _edges.Count - 1;
        }

        // Edge e and its way back are neighbours: e ^ 1.
        public void Add(int from, int to, double capacity)
        {
            _edges[from].Add(_to.Count);
            _to.Add(to);
            _left.Add(capacity);
            _edges[to].Add(_to.Count);
            _to.Add(from);
            _left.Add(0);
        }

        public double Most(int source, int sink)
        {
            var total = 0.0;
            while (Levels(source) is var level && level[sink] >= 0)
            {
                var next = new int[_edges.Count];
                while (Augment(source, sink, level, next) is var pushed and > 0)
                {
                    total += pushed;
                    if (double.IsInfinity(pushed))
                    {
                        return pushed;
                    }
                }
            }

            return total;
        }

        public bool[] Reached(int source) => [.. Levels(source).Select(l => l >= 0)];

        private int[] Levels(int source)
        {
            var level = new int[_edges.Count];
            Array.Fill(level, -1);
            level[source] = 0;
            var queue = new Queue<int>([source]);
            while (queue.TryDequeue(out var x))
            {
                foreach (var e in _edges[x].Where(e => _left[e] > 0 && level[_to[e]] < 0))
                {
                    level[_to[e]] = level[x] + 1;
                    queue.Enqueue(_to[e]);
                }
            }

            return level;
        }

        // One path along rising levels, by a stack of edges; dead ends are never entered twice in a phase.
        private double Augment(int source, int sink, int[] level, int[] next)
        {
            var path = new Stack<int>();
            var x = source;
            while (x != sink)
            {
                var found = -1;
                for (; next[x] < _edges[x].Count && found < 0; next[x] += found < 0 ? 1 : 0)
                {
                    var e = _edges[x][next[x]];
                    found = _left[e] > 0 && level[_to[e]] == level[x] + 1 ? e : -1;
                }

                if (found >= 0)
                {
                    path.Push(found);
                    x = _to[found];
                }
                else if (path.TryPop(out var back))
                {
                    x = _to[back ^ 1];
                    next[x]++;
                }
                else
                {
                    return 0;
                }
            }

            var least = path.Min(e => _left[e]);
            foreach (var e in path)
            {
                _left[e] -= double.IsInfinity(_left[e]) ? 0 : least;
                _left[e ^ 1] += least;
            }

            return least;
        }
    }
}
