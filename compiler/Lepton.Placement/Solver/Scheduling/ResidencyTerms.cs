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
///   before[i,j] ⇒ start[i] ≤ start[j]     ¬before[i,j] ⇒ start[j] ≤ start[i]     transitive, so that of several that start together one is the last
///   freed[i,j] ⇒ last[i] ≤ start[j]
/// </code>
/// Nothing says "later by a tick": bounds would creep round a circle of equal durations tick by tick.
/// One order of two starts is one literal; a cumulative constraint over spans of unknown length leaves the solver to split times, and proves little.
/// A last end may be later than it must be, which only takes memory.
/// </summary>
internal sealed class ResidencyTerms
{
    // Pairs of spans on a device, for some 40 tensors on 4 devices; and starts, of which each three have a rule.
    private const int MostPairs = 25_000, MostEvents = 80;
    private readonly PlacementModel _model;
    private readonly Tables _tables;
    private readonly List<(Span Span, Literal Here)>[] _alive;
    private readonly Dictionary<(int, int), Literal> _before = [], _freed = [];
    private readonly List<Event> _events = [];
    private readonly bool[,] _leads;
    private readonly Literal _true;
    private int _spans;

    public ResidencyTerms(PlacementModel model)
    {
        (_model, _tables) = (model, model.Tables);
        _alive = [.. Enumerable.Range(0, _tables.Devices).Select(_ => new List<(Span, Literal)>())];
        (_leads, _true) = (Leads(_tables), model.Bool(true));
        model.Builder.Or(_true);

        // Numbers of spans follow the tensors, so that of two that start together the maker is first.
        foreach (var outputs in _tables.Order.Select(u => _tables.Outputs[u]))
        {
            Array.ForEach(outputs, Made);
            foreach (var t in outputs)
            {
                for (var d = 0; d < _tables.Devices; d++)
                {
                    Sent(t, d);
                }
            }
        }

        if (Fits)
        {
            Transitive();
        }
    }

    /// <summary>There are few enough to be written down.</summary>
    public bool Fits => _events.Count <= MostEvents && _alive.Sum(a => (long)a.Count * a.Count) <= MostPairs;

    /// <summary>Spans start here.</summary>
    /// <param name="IsCopy">At the end of the producer, or where links are exclusive when the link is free; otherwise at its start.</param>
    private sealed record Event(int Number, IntVariable At, int Producer, bool IsCopy);

    /// <param name="IsResult">Last is the end of the run.</param>
    /// <param name="MayBeEmpty">What makes it may take no time: alive from an instant to the same.</param>
    private sealed record Span(int Number, double Bytes, Event Start, IntVariable Last, bool IsResult, bool MayBeEmpty);

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
                var empty = _model.Bool(_model.HintValue(span.Last) <= _model.HintValue(span.Start.At));
                _model.Builder.LessOrEqual(span.Last, span.Start.At, empty);
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

    // Of two that start at one event the smaller number is the first.
    private Literal Before(Span i, Span j) => i.Start != j.Start ? Before(i.Start, j.Start) : i.Number < j.Number ? _true : !_true;

    private Literal Before(Event i, Event j)
    {
        if (i.Number > j.Number)
        {
            return !Before(j, i);
        }

        if (_leads[i.Producer, j.Producer] && !(i.IsCopy && _tables.Problem.ExclusiveLinks))
        {
            return _true;
        }

        if (!_before.TryGetValue((i.Number, j.Number), out var before))
        {
            _before[(i.Number, j.Number)] = before = _model.Bool(_model.HintValue(i.At) <= _model.HintValue(j.At));
            _model.Builder.LessOrEqual(i.At, j.At, before);
            _model.Builder.LessOrEqual(j.At, i.At, !before);
        }

        return before;
    }

    private Literal Freed(Span i, Span j)
    {
        if (!_freed.TryGetValue((i.Number, j.Start.Number), out var freed))
        {
            _freed[(i.Number, j.Start.Number)] = freed = _model.Bool(_model.HintValue(i.Last) <= _model.HintValue(j.Start.At));
            _model.Builder.LessOrEqual(i.Last, j.Start.At, freed);
            if (!i.MayBeEmpty && i.Start != j.Start)
            {
                _model.Builder.Implies(freed, Before(i, j));
            }
        }

        return freed;
    }

    private Event EventAt(IntVariable at, int producer, bool isCopy)
    {
        if (_events.Find(e => e.At == at) is { } known)
        {
            return known;
        }

        _events.Add(new Event(_events.Count, at, producer, isCopy));
        return _events[^1];
    }

    private void Transitive()
    {
        for (var k = 0; k < _events.Count; k++)
        {
            for (var j = 0; j < k; j++)
            {
                for (var i = 0; i < j; i++)
                {
                    var (ij, jk, ik) = (Before(_events[i], _events[j]), Before(_events[j], _events[k]), Before(_events[i], _events[k]));
                    _model.Builder.Or(!ij, !jk, ik);
                    _model.Builder.Or(ij, jk, !ik);
                }
            }
        }
    }

    // u is a kernel itself or makes what leads to the other one.
    private static bool[,] Leads(Tables tables)
    {
        var leads = new bool[tables.Kernels, tables.Kernels];
        foreach (var w in tables.Order)
        {
            leads[w, w] = true;
            foreach (var u in tables.Inputs[w].Select(t => tables.Producer[t]))
            {
                for (var v = 0; v < tables.Kernels; v++)
                {
                    leads[v, w] |= leads[v, u];
                }
            }
        }

        return leads;
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
        _alive[to].Add((new Span(_spans++, _tables.Bytes[t], EventAt(_model.Copies.Leaves(t, to), _tables.Producer[t], true), last, false, instant), arrives));
    }

    private void Add(int t, int u, IntVariable last)
    {
        int[] places = [.. Enumerable.Range(0, _tables.Devices).Where(d => _model.At(u, d) is not null)];
        var span = new Span(_spans++, _tables.Bytes[t], EventAt(_model.Start[u], u, false), last, _tables.Consumers[t].Length == 0, places.Any(d => _model.Ticks(u, d) == 0));
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
