using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// Variables that say which copies a plan needs, made where something asks for them: <c>copy[t,a,b] ⇐ x[u,a] ∧ x[w,b]</c>, w any reader of t.
/// </summary>
internal sealed class CopyVariables(PlacementModel model)
{
    private readonly Dictionary<(int Tensor, int From, int To), Literal?> _needed = [];
    private readonly Dictionary<(int Tensor, int To), IntVariable> _start = [];
    private readonly Dictionary<int, IntVariable> _leaves = [];

    /// <summary>Null where the copy cannot be needed. Without a link it is forbidden elsewhere.</summary>
    public Literal? Needed(int tensor, int from, int to)
    {
        if (_needed.TryGetValue((tensor, from, to), out var known))
        {
            return known;
        }

        var tables = model.Tables;
        var source = model.At(tables.Producer[tensor], from);
        Literal[] readers = [.. tables.Consumers[tensor].Where(w => tables.VariableOf[w] != tables.VariableOf[tables.Producer[tensor]])
            .Select(w => model.At(w, to)).OfType<Literal>().Distinct()];
        Literal? needed = null;
        if (from != to && source is { } home && readers.Length > 0 && tables.Linked(from, to))
        {
            needed = model.Bool(model.Hinted?.Copied(tables, tensor, from, to) ?? false);
            foreach (var reader in readers)
            {
                model.Builder.Or(!home, !reader, needed.Value);
            }

            // It starts at home, so at most from one place.
            model.Builder.Implies(needed.Value, home);
        }

        return _needed[(tensor, from, to)] = needed;
    }

    public IEnumerable<(int Tensor, int From, int To, Literal Needed)> All()
    {
        var tables = model.Tables;
        for (var t = 0; t < tables.Tensors; t++)
        {
            for (var a = 0; a < tables.Devices; a++)
            {
                for (var b = 0; b < tables.Devices; b++)
                {
                    if (Needed(t, a, b) is { } needed)
                    {
                        yield return (t, a, b, needed);
                    }
                }
            }
        }
    }

    /// <summary>When the copy to a device leaves, where links are exclusive.</summary>
    public IntVariable Start(int tensor, int to)
    {
        if (!_start.TryGetValue((tensor, to), out var start))
        {
            var ready = model.Hinted?.End[model.Tables.Producer[tensor]];
            _start[(tensor, to)] = start = model.Int(0, model.Units.Horizon, model.Hinted?.CopyStart(tensor, to) ?? ready);
        }

        return start;
    }

    /// <summary>
    /// When the copy leaves: where links are not exclusive, when its producer ends. Rounded down, an end can be a tick more than start and duration are.
    /// </summary>
    public IntVariable Leaves(int tensor, int to)
    {
        var (tables, u) = (model.Tables, model.Tables.Producer[tensor]);
        if (tables.Problem.ExclusiveLinks)
        {
            return Start(tensor, to);
        }

        if (!_leaves.TryGetValue(u, out var leaves))
        {
            var whole = Enumerable.Range(0, tables.Devices).Where(d => tables.Allowed(u, d)).All(d => model.Units.IsWhole(tables.Seconds[u, d]));
            _leaves[u] = leaves = model.Int(0, model.Units.Horizon, model.Hinted?.Leaves[u]);
            model.Builder.Between(leaves - model.End(u), 0, whole ? 0 : 1);
        }

        return leaves;
    }

    /// <summary>The tick at which a copy that is needed leaves.</summary>
    public long ReadLeaves(IReadOnlyList<long> solution, int tensor, int to, long producerEnds) =>
        _start.TryGetValue((tensor, to), out var start) ? solution[start.Index]
        : _leaves.TryGetValue(model.Tables.Producer[tensor], out var leaves) ? solution[leaves.Index] : producerEnds;

    public IEnumerable<CopyStart> ReadStarts(IReadOnlyList<long> solution, Func<int, int> device)
    {
        foreach (var ((t, to), start) in _start)
        {
            if (device(model.Tables.Producer[t]) != to && model.Tables.Consumers[t].Any(w => device(w) == to))
            {
                yield return new CopyStart(t, to, solution[start.Index] * model.Units.Seconds);
            }
        }
    }
}
