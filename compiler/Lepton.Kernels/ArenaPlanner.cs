using Lepton.Abi;

namespace Lepton.Kernels;

/// <summary>
/// Puts arena buffers into slots. A buffer lives from the first statement that names it to the last; one that is named outside a loop and in
/// it lives through the whole loop, and so does one that a pointer may point at. Buffers of known sizes lie in one slot, at
/// <see cref="ArenaOffsets"/>; of others, two share a slot when their lives are apart and one provably is no larger than the other.
/// </summary>
internal static class ArenaPlanner
{
    /// <summary>An entry whose buffers share slots; in <paramref name="program"/> each has its own, and keeps it when they stay apart.</summary>
    public static EntryProgram Run(EntryProgram program, bool apart = false)
    {
        program = WithoutIntermediates(program);
        var (body, arena, plan) = Plan(program.Body, program.Arena, apart);
        var (prepare, prepareArena, _) = Plan(program.Prepare, program.Arena, apart);
        return program with { Body = body, Arena = arena, ArenaPlan = plan, Prepare = prepare, PrepareArena = prepareArena };
    }

    private static (ValueList<HostStatement> Body, ValueList<SizeExpr> Slots, ValueList<ArenaBuffer> Plan) Plan(
        ValueList<HostStatement> body, ValueList<SizeExpr> buffers, bool apart)
    {
        var lives = new LifeSpans(buffers.Count);
        lives.Walk(body);
        lives.Settle();
        var used = Enumerable.Range(0, buffers.Count).Where(b => lives.First[b] >= 0).ToArray();
        var places = new ArenaBuffer[buffers.Count];
        var slots = new List<SizeExpr>();
        if (apart)
        {
            foreach (var b in used)
            {
                places[b] = new ArenaBuffer(slots.Count, SizeExpr.Zero, buffers[b], lives.First[b], lives.Last[b]);
                slots.Add(buffers[b]);
            }

            used = [];
        }
        else if (used.Length <= ArenaOffsets.MaxBuffers && used.Where(b => buffers[b].IsConstant).ToArray() is { Length: > 0 } known)
        {
            var (offsets, size) = ArenaOffsets.Place([.. known.Select(b => new ArenaOffsets.Life(buffers[b].AsConstant!.Value, lives.First[b], lives.Last[b]))]);
            slots.Add(size);
            for (var i = 0; i < known.Length; i++)
            {
                places[known[i]] = new ArenaBuffer(0, offsets[i], buffers[known[i]], lives.First[known[i]], lives.Last[known[i]]);
            }

            used = [.. used.Except(known)];
        }

        Slots(used, buffers, lives, slots, places);
        var toSlot = new Renumber(b => b.Kind == BufferKind.Arena ? b with { Number = places[b.Number].Slot, Offset = places[b.Number].Offset + b.Offset } : b);
        return (toSlot.Of(body), slots.ToValueList(), places.Where(p => p is not null).ToValueList());
    }

    private static void Slots(int[] used, ValueList<SizeExpr> buffers, LifeSpans lives, List<SizeExpr> slots, ArenaBuffer[] places)
    {
        var freeFrom = Enumerable.Repeat(int.MaxValue, slots.Count).ToList();

        // By first use; among those, larger constants first. A slot is taken by the best fit, so that small buffers do not sit in large slots.
        foreach (var buffer in used.OrderBy(b => lives.First[b]).ThenByDescending(b => buffers[b].AsConstant ?? 0))
        {
            var slot = BestSlot(buffers[buffer], lives.First[buffer], slots, freeFrom);
            if (slot < 0)
            {
                slot = slots.Count;
                slots.Add(buffers[buffer]);
                freeFrom.Add(0);
            }

            slots[slot] = SizeExpr.Max(slots[slot], buffers[buffer]);
            freeFrom[slot] = lives.Last[buffer] + 1;
            places[buffer] = new ArenaBuffer(slot, SizeExpr.Zero, buffers[buffer], lives.First[buffer], lives.Last[buffer]);
        }
    }

    // What is prepared only for other prepared things need not outlive that: it moves to the arena.
    private static EntryProgram WithoutIntermediates(EntryProgram program)
    {
        var inBody = new HashSet<int>();
        new Renumber(b =>
        {
            _ = b.Kind == BufferKind.Prepared && inBody.Add(b.Number);
            return b;
        }).Of(program.Body);
        var (arena, prepared) = (program.Arena.ToList(), new List<SizeExpr>());
        var places = new BufferRef[program.Prepared.Count];
        for (var i = 0; i < places.Length; i++)
        {
            var (kind, list) = inBody.Contains(i) ? (BufferKind.Prepared, prepared) : (BufferKind.Arena, arena);
            places[i] = new BufferRef(kind, list.Count, SizeExpr.Zero);
            list.Add(program.Prepared[i]);
        }

        var move = new Renumber(b => b.Kind == BufferKind.Prepared ? places[b.Number] with { Offset = b.Offset } : b);
        return program with
        {
            Arena = arena.ToValueList(),
            Prepared = prepared.ToValueList(),
            Body = move.Of(program.Body),

            // Nothing that the body reads comes from it: what it would fill is not wanted.
            Prepare = prepared.Count > 0 ? move.Of(program.Prepare) : [],
        };
    }

    private static int BestSlot(SizeExpr size, int first, List<SizeExpr> slots, List<int> freeFrom)
    {
        var best = -1;
        for (var slot = 0; slot < slots.Count; slot++)
        {
            if (freeFrom[slot] > first || !(slots[slot] - size).IsProvablyNonNegative() && !(size - slots[slot]).IsProvablyNonNegative())
            {
                continue;
            }

            if (best < 0 || IsBetter(size, slots[slot], slots[best]))
            {
                best = slot;
            }
        }

        return best;
    }

    // Exact beats large enough beats too small; among large enough ones the smallest, among too small ones the largest.
    private static bool IsBetter(SizeExpr size, SizeExpr candidate, SizeExpr best)
    {
        var (fits, bestFits) = ((candidate - size).IsProvablyNonNegative(), (best - size).IsProvablyNonNegative());
        return fits != bestFits ? fits
            : fits ? (best - candidate).LowerBound() > 0
            : (candidate - best).LowerBound() > 0;
    }

    /// <summary>First and last time at which each buffer is named; -1: never.</summary>
    private sealed class LifeSpans(int count) : HostStatementVisitor
    {
        private readonly Dictionary<int, HashSet<int>> _pointees = [];
        private readonly List<(int First, int Last)> _swaps = [];
        private readonly Dictionary<int, (int First, int Last)> _pointerUses = [];
        private readonly List<(int Start, int End)> _loops = []; // inner ones before outer ones
        private int _time;

        public int[] First { get; } = Enumerable.Repeat(-1, count).ToArray();

        public int[] Last { get; } = Enumerable.Repeat(-1, count).ToArray();

        public void Walk(ValueList<HostStatement> body)
        {
            foreach (var statement in body)
            {
                _time++;
                statement.Accept(this);
            }
        }

        public void Settle()
        {
            // Exchanged pointers point at the same set.
            for (var changed = true; changed;)
            {
                changed = false;
                foreach (var (a, b) in _swaps)
                {
                    var union = Pointees(a).Union(Pointees(b)).ToHashSet();
                    changed |= union.Count != Pointees(a).Count || union.Count != Pointees(b).Count;
                    (_pointees[a], _pointees[b]) = (union, union.ToHashSet());
                }
            }

            foreach (var (pointer, (first, last)) in _pointerUses)
            {
                foreach (var buffer in Pointees(pointer))
                {
                    Stretch(buffer, first, last);
                }
            }

            // What is named inside a loop and outside of it lives through the whole loop. What is named inside only is written anew each round.
            foreach (var (start, end) in _loops)
            {
                for (var b = 0; b < First.Length; b++)
                {
                    if (First[b] <= end && Last[b] >= start && (First[b] < start || Last[b] > end))
                    {
                        Stretch(b, start, end);
                    }
                }
            }
        }

        public override void Visit(Launch statement)
        {
            foreach (var buffer in statement.Buffers)
            {
                Use(buffer);
            }
        }

        public override void Visit(Copy statement)
        {
            Use(statement.From);
            Use(statement.To);
        }

        public override void Visit(HostLoop statement)
        {
            var start = _time;
            Walk(statement.Body);
            if (statement.Until is { } until)
            {
                Use(until);
            }

            _loops.Add((start, ++_time));
        }

        public override void Visit(SetPointer statement)
        {
            Touch(statement.Pointer, isPointer: true);
            Use(statement.Place);
            if (statement.Place.Kind == BufferKind.Arena)
            {
                Pointees(statement.Pointer).Add(statement.Place.Number);
            }
            else if (statement.Place.Kind == BufferKind.Pointer)
            {
                _swaps.Add((statement.Pointer, statement.Place.Number));
            }
        }

        public override void Visit(SwapPointers statement)
        {
            Touch(statement.First, isPointer: true);
            Touch(statement.Second, isPointer: true);
            _swaps.Add((statement.First, statement.Second));
        }

        public override void Visit(AllocateLate statement)
        {
        }

        public override void Visit(ReadSize statement) => Use(statement.Place);

        public override void Visit(GiveArray statement)
        {
        }

        private HashSet<int> Pointees(int pointer)
        {
            if (!_pointees.TryGetValue(pointer, out var set))
            {
                _pointees.Add(pointer, set = []);
            }

            return set;
        }

        private void Use(BufferRef buffer)
        {
            if (buffer.Kind is BufferKind.Arena or BufferKind.Pointer)
            {
                Touch(buffer.Number, buffer.Kind == BufferKind.Pointer);
            }
        }

        private void Touch(int number, bool isPointer)
        {
            if (!isPointer)
            {
                Stretch(number, _time, _time);
            }
            else
            {
                _pointerUses[number] = (_pointerUses.TryGetValue(number, out var known) ? known.First : _time, _time);
            }
        }

        private void Stretch(int buffer, int first, int last)
        {
            First[buffer] = First[buffer] < 0 ? first : Math.Min(First[buffer], first);
            Last[buffer] = Math.Max(Last[buffer], last);
        }
    }

    private sealed class Renumber(Func<BufferRef, BufferRef> of) : HostStatementVisitor
    {
        private HostStatement _done = null!;

        public ValueList<HostStatement> Of(ValueList<HostStatement> body)
        {
            var renumbered = new HostStatement[body.Count];
            for (var i = 0; i < renumbered.Length; i++)
            {
                body[i].Accept(this);
                renumbered[i] = _done;
            }

            return renumbered.ToValueList();
        }

        public override void Visit(Launch s) => _done = s with { Buffers = s.Buffers.Select(of).ToValueList() };

        public override void Visit(Copy s) => _done = s with { From = of(s.From), To = of(s.To) };

        public override void Visit(HostLoop s) => _done = s with { Body = Of(s.Body), Until = s.Until is null ? null : of(s.Until) };

        public override void Visit(SetPointer s) => _done = s with { Place = of(s.Place) };

        public override void Visit(SwapPointers s) => _done = s;

        public override void Visit(AllocateLate s) => _done = s;

        public override void Visit(ReadSize s) => _done = s with { Place = of(s.Place) };

        public override void Visit(GiveArray s) => _done = s;
    }
}
