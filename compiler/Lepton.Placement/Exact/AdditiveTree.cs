using System.Numerics;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>
/// The best devices when the value is a sum over kernels and copies, and tensors join the variables without a circle:
/// <code>
///   value = Σ over v of c(v, d(v))  +  Σ over tensors t, over devices b ≠ d(t) that read it, of k(t, d(t), b)
/// </code>
/// That is busy money on any tree, and time or a weighted sum on a chain, where kernels never run side by side. From the leaves to the
/// root, each tensor tells its root-side variable the least value behind it, O(n D²) for tensors with one reader; with more readers
/// it goes through the sets of devices that get a copy (which is paid once per device). Memory and limits are not looked at, so the
/// result is a bound, and the optimum where the plan keeps them.
/// </summary>
internal sealed class AdditiveTree
{
    private const int MostSets = 10;

    private readonly Tables _tables;
    private readonly Weights _weights;
    private readonly int[][] _scopes;
    private readonly double[][] _cost;
    private readonly Dictionary<(int Tensor, int Device), (int From, uint To)> _choice = [];

    private AdditiveTree(Tables tables, Weights weights)
    {
        (_tables, _weights) = (tables, weights);
        _scopes = [.. Enumerable.Range(0, tables.Tensors).Select(Scope)];
        _cost = [.. tables.Members.Select(m => Enumerable.Range(0, tables.Devices).Select(d => m.Sum(v => Cost(v, d))).ToArray())];
    }

    /// <summary>A device per kernel and the value; null where the value is no such sum. +∞: no assignment keeps pins and links.</summary>
    public static (int[] Devices, double Value)? Solve(Tables tables, Weights weights)
    {
        var additive = weights.Interval == 0 && (weights.Money == 0 || tables.Problem.Money == MoneyModel.Busy) && !tables.Problem.NeedsPipeline;
        var tree = new AdditiveTree(tables, weights);
        return additive && (weights.Time == 0 || IsChain(tables)) && tree.Walk() is { } walk && tree.Small() ? tree.Run(walk) : null;
    }

    /// <summary>k0 → k1 → … → kn, one tensor each.</summary>
    public static bool IsChain(Tables tables)
    {
        var read = Enumerable.Range(0, tables.Tensors).Where(t => tables.Consumers[t].Length > 0).ToArray();
        return read.Length == tables.Kernels - 1 && read.All(t => tables.Consumers[t].Length == 1)
            && tables.Inputs.All(i => i.Length <= 1) && tables.Outputs.All(o => o.Count(t => tables.Consumers[t].Length > 0) <= 1);
    }

    private double Cost(int v, int d) =>
        _tables.Allowed(v, d) ? _weights.Value(_tables.Seconds[v, d], _tables.Usd(v, d), 0) : double.PositiveInfinity;

    private double CopyCost(int t, int a, int b) =>
        a == b ? 0 : _tables.Linked(a, b) ? _weights.Value(_tables.Copy(t, a, b), _tables.CopyUsd(t, a, b), 0) : double.PositiveInfinity;

    // The variable that makes the tensor, then those that read it; alone when it never leaves its variable.
    private int[] Scope(int tensor)
    {
        var maker = _tables.VariableOf[_tables.Producer[tensor]];
        return [maker, .. _tables.Consumers[tensor].Select(v => _tables.VariableOf[v]).Distinct().Where(x => x != maker)];
    }

    private bool Small() => _tables.Devices <= MostSets || _scopes.All(s => s.Length <= 2);

    // Tensors in the order from the roots, each with its root-side variable; null when there is a circle.
    private List<(int Tensor, int Root)>? Walk()
    {
        var around = Enumerable.Range(0, _tables.Tensors).Where(t => _scopes[t].Length > 1).SelectMany(t => _scopes[t].Select(x => (x, t)))
            .ToLookup(p => p.x, p => p.t);
        var walk = new List<(int Tensor, int Root)>();
        var seen = new bool[_tables.Members.Length];
        var taken = new bool[_tables.Tensors];
        for (var root = 0; root < seen.Length; root++)
        {
            var queue = new Queue<int>(seen[root] ? [] : [root]);
            seen[root] = true;
            while (queue.TryDequeue(out var x))
            {
                foreach (var t in around[x].Where(t => !taken[t]))
                {
                    taken[t] = true;
                    walk.Add((t, x));
                    foreach (var other in _scopes[t].Where(o => o != x))
                    {
                        if (seen[other])
                        {
                            return null;
                        }

                        seen[other] = true;
                        queue.Enqueue(other);
                    }
                }
            }
        }

        return walk;
    }

    private (int[] Devices, double Value) Run(List<(int Tensor, int Root)> walk)
    {
        for (var i = walk.Count - 1; i >= 0; i--)
        {
            var (t, root) = walk[i];
            for (var d = 0; d < _tables.Devices; d++)
            {
                _cost[root][d] += Behind(t, root, d);
            }
        }

        var device = new int[_tables.Members.Length];
        Array.Fill(device, -1);
        var value = 0.0;
        var inner = walk.SelectMany(w => _scopes[w.Tensor].Where(x => x != w.Root)).ToHashSet();
        for (var x = 0; x < device.Length; x++)
        {
            if (!inner.Contains(x))
            {
                device[x] = Best(x, uint.MaxValue);
                value += _cost[x][device[x]];
            }
        }

        if (!double.IsInfinity(value))
        {
            foreach (var (t, root) in walk)
            {
                var (from, to) = _choice[(t, device[root])];
                foreach (var x in _scopes[t].Where(x => x != root))
                {
                    device[x] = x == _scopes[t][0] ? from : Best(x, to | 1u << from);
                }
            }
        }

        return ([.. _tables.VariableOf.Select(x => Math.Max(0, device[x]))], value);
    }

    private int Best(int variable, uint among) =>
        Enumerable.Range(0, _tables.Devices).Where(d => (among >> d & 1) != 0).MinBy(d => _cost[variable][d]);

    // The least value of everything behind tensor t, when the variable on the root's side stands on d.
    private double Behind(int t, int root, int d)
    {
        var scope = _scopes[t];
        var others = scope.Skip(1).Where(x => x != root).ToArray();
        var best = double.PositiveInfinity;
        foreach (var from in scope[0] == root ? [d] : Enumerable.Range(0, _tables.Devices))
        {
            var made = scope[0] == root ? 0 : _cost[scope[0]][from];
            foreach (var to in Sets(from, scope.Length - 1).Where(s => scope[0] == root || ((s | 1u << from) >> d & 1) != 0))
            {
                var value = made;
                for (var b = 0; b < _tables.Devices; b++)
                {
                    value += (to >> b & 1) != 0 ? CopyCost(t, from, b) : 0;
                }

                value += others.Sum(x => _cost[x][Best(x, to | 1u << from)]);
                if (value < best)
                {
                    best = value;
                    _choice[(t, d)] = (from, to);
                }
            }
        }

        return best;
    }

    // Sets of at most `most` devices without the maker's.
    private IEnumerable<uint> Sets(int from, int most)
    {
        if (most == 1)
        {
            return Enumerable.Range(0, _tables.Devices).Select(b => b == from ? 0u : 1u << b);
        }

        return Enumerable.Range(0, 1 << _tables.Devices).Select(s => (uint)s).Where(s => (s >> from & 1) == 0 && BitOperations.PopCount(s) <= most);
    }
}
