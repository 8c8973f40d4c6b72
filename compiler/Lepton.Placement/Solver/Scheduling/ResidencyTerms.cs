using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// What is alive in memory, as the simulator counts it, as spans of time:
/// <code>
///   t where it is made     [s[u], last[t])            x[u,d]          last[t] ≥ ends of readers there and of copies from there; a result: never freed
///   t where it is sent     [leaves[t], there[t,d])    arrives[t,d]    there[t,d] ≥ end of the copy and ends of readers there
/// </code>
/// At the start of each span j on d, which is where more memory may be needed than before:
/// <code>
///   Σ weights[v] x[v,d] + bytes[j] + Σ bytes[i] held[i,j,d] ≤ M       held[i,j,d] ⇐ i on d ∧ before[i,j] ∧ ¬freed[i,j]
///   before[i,j]   start[i] ≤ start[j], of two that start together the first one      freed[i,j] ⇒ last[i] ≤ start[j]
/// </code>
/// One order of two spans is one literal; a cumulative constraint over spans of unknown length leaves the solver to split times, and proves little.
/// A last end may be later than it must be, which only takes memory.
/// </summary>
internal sealed class ResidencyTerms
{
    private readonly PlacementModel _model;
    private readonly Tables _tables;
    private readonly List<(Span Span, Literal Here)>[] _alive;
    private readonly Dictionary<(int, int), Literal> _before = [], _freed = [];
    private int _spans;

    public ResidencyTerms(PlacementModel model)
    {
        (_model, _tables) = (model, model.Tables);
        _alive = [.. Enumerable.Range(0, _tables.Devices).Select(_ => new List<(Span, Literal)>())];
        for (var t = 0; t < _tables.Tensors; t++)
        {
            Made(t);
            for (var d = 0; d < _tables.Devices; d++)
            {
                Sent(t, d);
            }
        }
    }

    /// <summary>Pairs of spans that can lie on one device.</summary>
    public long Pairs => _alive.Sum(a => (long)a.Count * a.Count);

    /// <param name="IsResult">Last is the end of the run.</param>
    /// <param name="MayBeEmpty">What makes it may take no time: alive from an instant to the same.</param>
    private sealed record Span(int Index, double Bytes, IntVariable Start, IntVariable Last, bool IsResult, bool MayBeEmpty);

    /// <param name="weights">In units.</param>
    /// <param name="most">The device's memory, in units.</param>
    public void Limit(int device, double unit, LinearExpression weights, long most)
    {
        var alive = _alive[device].Where(a => Units.Down(a.Span.Bytes, unit) > 0).ToArray();
        foreach (var (span, here) in alive)
        {
            var held = alive.Where(o => o.Span != span).Select(o => Units.Down(o.Span.Bytes, unit) * (LinearExpression)Held(o.Span, o.Here, span));
            var sum = weights + Units.Down(span.Bytes, unit) + LinearExpression.Sum(held);
            if (span.MayBeEmpty)
            {
                var empty = _model.Bool(_model.HintValue(span.Last) <= _model.HintValue(span.Start));
                _model.Builder.LessOrEqual(span.Last, span.Start, empty);
                _model.Builder.LessOrEqual(sum, most, here, !empty);
            }
            else
            {
                _model.Builder.LessOrEqual(sum, most, here);
            }
        }
    }

    private Literal Held(Span i, Literal here, Span j)
    {
        var before = Before(i, j);
        if (i.IsResult)
        {
            var made = _model.Bool(Hinted(here) && Hinted(before));
            _model.Builder.Or(!here, !before, made);
            return made;
        }

        var freed = Freed(i, j);
        var held = _model.Bool(Hinted(here) && Hinted(before) && !Hinted(freed));
        _model.Builder.Or(!here, !before, freed, held);
        return held;
    }

    private Literal Before(Span i, Span j)
    {
        if (i.Index > j.Index)
        {
            return !Before(j, i);
        }

        if (!_before.TryGetValue((i.Index, j.Index), out var before))
        {
            _before[(i.Index, j.Index)] = before = _model.Bool(_model.HintValue(i.Start) <= _model.HintValue(j.Start));
            _model.Builder.LessOrEqual(i.Start, j.Start, before);
            _model.Builder.LessOrEqual((LinearExpression)j.Start + 1, i.Start, !before);
        }

        return before;
    }

    private Literal Freed(Span i, Span j)
    {
        if (!_freed.TryGetValue((i.Index, j.Index), out var freed))
        {
            _freed[(i.Index, j.Index)] = freed = _model.Bool(_model.HintValue(i.Last) <= _model.HintValue(j.Start));
            _model.Builder.LessOrEqual(i.Last, j.Start, freed);
        }

        return freed;
    }

    private bool Hinted(Literal literal) => _model.HintValue(literal) != 0;

    private void Made(int t)
    {
        var (u, hint) = (_tables.Producer[t], _model.Hinted);
        if (_tables.Consumers[t].Length == 0)
        {
            Add(t, u, _model.Time);
            return;
        }

        var last = _model.Int(0, _model.Units.Horizon, hint is null ? null : LastHint(t, hint));
        Add(t, u, last);
        _model.Builder.LessOrEqual(_model.End(u), last);
        foreach (var w in _tables.Consumers[t])
        {
            if (_tables.VariableOf[u] == _tables.VariableOf[w])
            {
                _model.Builder.LessOrEqual(_model.End(w), last);
            }
            else
            {
                foreach (var (here, reads) in Both(u, w))
                {
                    _model.Builder.LessOrEqual(_model.End(w), last, here, reads);
                }
            }
        }

        foreach (var (from, to, needed) in Copies(t))
        {
            _model.Builder.LessOrEqual((LinearExpression)_model.Copies.Leaves(t, to) + _model.Units.Ticks(_tables.Copy(t, from, to)), last, needed);
        }
    }

    private void Sent(int t, int to)
    {
        var copies = Copies(t).Where(c => c.To == to).ToArray();
        if (copies.Length == 0)
        {
            return;
        }

        var hint = _model.Hinted;
        var isThere = hint is not null && copies.Any(c => hint.Copied(_tables, t, c.From, to));
        var arrives = copies.Length == 1 ? copies[0].Needed : _model.Bool(isThere);
        var last = _model.Int(0, _model.Units.Horizon, hint is null ? null : isThere ? ThereHint(t, to, hint) : 0);
        foreach (var (from, _, needed) in copies)
        {
            if (needed != arrives)
            {
                _model.Builder.Implies(needed, arrives);
            }

            _model.Builder.LessOrEqual((LinearExpression)_model.Copies.Leaves(t, to) + _model.Units.Ticks(_tables.Copy(t, from, to)), last, needed);
        }

        foreach (var w in _tables.Consumers[t])
        {
            if (_model.At(w, to) is { } reads)
            {
                _model.Builder.LessOrEqual(_model.End(w), last, reads, arrives);
            }
        }

        var instant = copies.Any(c => _model.Units.Ticks(_tables.Copy(t, c.From, to)) == 0);
        _alive[to].Add((new Span(_spans++, _tables.Bytes[t], _model.Copies.Leaves(t, to), last, false, instant), arrives));
    }

    private void Add(int t, int u, IntVariable last)
    {
        int[] places = [.. Enumerable.Range(0, _tables.Devices).Where(d => _model.At(u, d) is not null)];
        var span = new Span(_spans++, _tables.Bytes[t], _model.Start[u], last, _tables.Consumers[t].Length == 0, places.Any(d => _model.Ticks(u, d) == 0));
        foreach (var d in places)
        {
            _alive[d].Add((span, _model.At(u, d)!.Value));
        }
    }

    private long LastHint(int t, TickSchedule hint)
    {
        var u = _tables.Producer[t];
        var readers = _tables.Consumers[t].Where(w => hint.Device[w] == hint.Device[u]).Select(w => hint.End[w]);
        var copies = Copies(t).Where(c => hint.Copied(_tables, t, c.From, c.To)).Select(c => Arrival(t, c.From, c.To));
        return readers.Concat(copies).Append(hint.End[u]).Max();
    }

    private long ThereHint(int t, int to, TickSchedule hint) => _tables.Consumers[t].Where(w => hint.Device[w] == to).Select(w => hint.End[w])
        .Append(Arrival(t, hint.Device[_tables.Producer[t]], to)).Max();

    private long Arrival(int t, int from, int to) => _model.HintValue(_model.Copies.Leaves(t, to)) + _model.Units.Ticks(_tables.Copy(t, from, to));

    private IEnumerable<(int From, int To, Literal Needed)> Copies(int t) =>
        from a in Enumerable.Range(0, _tables.Devices)
        from b in Enumerable.Range(0, _tables.Devices)
        let needed = _model.Copies.Needed(t, a, b)
        where needed is not null
        select (a, b, needed.Value);

    private IEnumerable<(Literal, Literal)> Both(int u, int w) =>
        from d in Enumerable.Range(0, _tables.Devices)
        let pair = (_model.At(u, d), _model.At(w, d))
        where pair is { Item1: not null, Item2: not null }
        select (pair.Item1!.Value, pair.Item2!.Value);
}
