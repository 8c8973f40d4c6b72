namespace Lepton.Placement.Solver.Pipelines;

/// <summary>
/// A pipeline for CP-SAT. Positions k = 0 … S-1 follow each other; y[v,k] says that v stands at k or later, so that
/// <code>
///   y[v,k] ⇒ y[v,k-1]        one position            at(v,k) = y[v,k] - y[v,k+1]
///   y[u,k] ⇒ y[v,k]          for a tensor u → v: contiguous stages and no symmetry, for free
///   load(k) ≤ T              load on class c where position k has a device of it:
///                              Σ p[v,c] at(v,k) + Σ copies that arrive at k + Σ copies that leave k   (if copies occupy it)
///   arrives(t,k) ⇐ at(v,k) ∧ ¬y[u,k]             leaves(t,k) ⇐ at(u,k) ∧ y[v,k+1]
/// </code>
/// Durations are rounded down to ticks, so that the bound is one for the real pipeline too.
/// </summary>
internal sealed class StageModel
{
    private readonly StageGraph _graph;
    private readonly double _tick;
    private readonly StagePlan _known;
    private readonly CpModelBuilder _b = new();
    private readonly Literal[][] _later; // By node and k = 1 … S-1, at k - 1.
    private readonly Literal[][] _isClass; // By position and class; empty where there is one class.

    private StageModel(StageGraph graph, StagePlan known, double tick)
    {
        (_graph, _known, _tick) = (graph, known, tick);
        _later = [.. Enumerable.Range(0, graph.Nodes).Select(_ => Enumerable.Range(1, graph.Stages - 1).Select(_ => _b.Bool()).ToArray())];
        _isClass = graph.Classes.Length == 1 ? [] : [.. Enumerable.Range(0, graph.Stages).Select(_ => graph.Classes.Select(_ => _b.Bool()).ToArray())];
    }

    /// <summary>The model, with the known plan as its hint and nothing worse than it admitted.</summary>
    public static (CpModel Model, StageModel Reader) Make(StageGraph graph, StagePlan known, double bound, double tick)
    {
        var maker = new StageModel(graph, known, tick);
        maker.Write(bound);
        return (maker._b.Build(), maker);
    }

    /// <summary>The plan that a solution of the model stands for.</summary>
    public StagePlan Read(IReadOnlyList<long> solution)
    {
        var position = _later.Select(y => y.Count(l => solution[l.Variable] != 0)).ToArray();
        var classAt = Enumerable.Range(0, _graph.Stages)
            .Select(k => _isClass.Length == 0 ? 0 : Array.FindIndex(_isClass[k], l => solution[l.Variable] != 0)).ToArray();
        return new StagePlan(position, classAt, _graph.Slowest(position, classAt));
    }

    private void Write(double bound)
    {
        var stages = _graph.Stages;
        var slowest = _b.Int((long)Math.Floor(bound / _tick), (long)Math.Ceiling(_known.Slowest / _tick));
        _b.Minimize(slowest);
        Order();
        Classes();
        var loads = new long[stages];
        for (var k = 0; k < stages; k++)
        {
            var copies = Copies(k, out var hintedCopies);
            for (var c = 0; c < _graph.Classes.Length; c++)
            {
                var (load, hinted) = Work(k, c);
                if (_graph.Classes[c].Occupied)
                {
                    (load, hinted) = (load + copies, hinted + hintedCopies);
                }

                loads[k] = _known.ClassAt[k] == c ? hinted : loads[k];
                _b.LessOrEqual(load, slowest, Is(k, c));
                Memory(k, c);
            }
        }

        _b.Hint(slowest, Math.Max(loads.Max(), (long)Math.Floor(bound / _tick)));
    }

    private void Order()
    {
        for (var v = 0; v < _graph.Nodes; v++)
        {
            for (var k = 1; k < _graph.Stages; k++)
            {
                _b.Hint(_later[v][k - 1], _known.Position[v] >= k);
                if (k > 1)
                {
                    _b.Implies(_later[v][k - 1], _later[v][k - 2]);
                }
            }
        }

        foreach (var (u, v) in _graph.Tensors.SelectMany(t => t.Consumers.Select(v => (t.Producer, v))).Distinct())
        {
            for (var k = 0; k < _graph.Stages - 1; k++)
            {
                _b.Implies(_later[u][k], _later[v][k]);
            }
        }
    }

    private void Classes()
    {
        for (var c = 0; c < _graph.Classes.Length && _isClass.Length > 0; c++)
        {
            _b.Equal(LinearExpression.Sum(_isClass.Select(p => (LinearExpression)p[c])), _graph.Classes[c].Devices.Length);
        }

        for (var k = 0; k < _isClass.Length; k++)
        {
            _b.ExactlyOne(_isClass[k]);
            for (var c = 0; c < _graph.Classes.Length; c++)
            {
                _b.Hint(_isClass[k][c], _known.ClassAt[k] == c);
            }
        }
    }

    private (LinearExpression Load, long Hinted) Work(int k, int c)
    {
        var parts = new List<LinearExpression>();
        long hinted = 0;
        for (var v = 0; v < _graph.Nodes; v++)
        {
            var seconds = _graph.Seconds[v][c];
            if (seconds > _known.Slowest)
            {
                // Alone it would be slower than what is known.
                _b.Or([.. Not(Is(k, c)), .. Not(Here(v, k))]);
                continue;
            }

            var ticks = Ticks(seconds);
            parts.Add(ticks * At(v, k));
            hinted += _known.Position[v] == k ? ticks : 0;
        }

        return (LinearExpression.Sum(parts), hinted);
    }

    private LinearExpression Copies(int k, out long hinted)
    {
        var parts = new List<LinearExpression>();
        hinted = 0;
        foreach (var (u, consumers, seconds) in _graph.Tensors)
        {
            var ticks = Ticks(seconds);
            if (ticks == 0)
            {
                continue;
            }

            var (from, to) = (_known.Position[u], consumers.Select(v => _known.Position[v]).ToArray());
            if (k > 0)
            {
                var arrives = _b.Bool();
                foreach (var v in consumers)
                {
                    _b.Or([arrives, _later[u][k - 1], .. Not(Here(v, k))]);
                }

                parts.Add(ticks * (LinearExpression)arrives);
                _b.Hint(arrives, from < k && to.Contains(k));
                hinted += from < k && to.Contains(k) ? ticks : 0;
            }

            if (k < _graph.Stages - 1)
            {
                var leaves = _b.Bool();
                foreach (var v in consumers)
                {
                    _b.Or([leaves, !_later[v][k], .. Not(Here(u, k))]);
                }

                parts.Add(ticks * (LinearExpression)leaves);
                _b.Hint(leaves, from == k && to.Any(p => p > k));
                hinted += from == k && to.Any(p => p > k) ? ticks : 0;
            }
        }

        return LinearExpression.Sum(parts);
    }

    // Weights in 2⁻³⁰ of the memory, rounded down as durations are: the plan is judged in real bytes afterwards.
    private void Memory(int k, int c)
    {
        var memory = _graph.Classes[c].MemoryBytes;
        if (_graph.WeightBytes.Sum() <= memory)
        {
            return;
        }

        var unit = memory / (1 << 30);
        var used = LinearExpression.Sum(Enumerable.Range(0, _graph.Nodes).Select(v => (long)Math.Floor(_graph.WeightBytes[v] / unit) * At(v, k)));
        _b.LessOrEqual(used, 1 << 30, Is(k, c));
    }

    private LinearExpression At(int v, int k) =>
        (k == 0 ? 1 : (LinearExpression)_later[v][k - 1]) - (k == _graph.Stages - 1 ? 0 : (LinearExpression)_later[v][k]);

    // v stands at k exactly where all of these are true.
    private Literal[] Here(int v, int k) =>
        [.. k == 0 ? Array.Empty<Literal>() : [_later[v][k - 1]], .. k == _graph.Stages - 1 ? Array.Empty<Literal>() : [!_later[v][k]]];

    private Literal[] Is(int k, int c) => _isClass.Length == 0 ? [] : [_isClass[k][c]];

    private static IEnumerable<Literal> Not(Literal[] all) => all.Select(l => !l);

    private long Ticks(double seconds) => (long)Math.Floor(seconds / _tick);
}
