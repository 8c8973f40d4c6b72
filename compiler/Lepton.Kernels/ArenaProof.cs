using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels;

/// <summary>
/// Proves a plan of the arena: buffers that live at the same time do not overlap, each lies inside its slot, and every place that a statement
/// names is inside a buffer that lives then. Dims are at least 0, and so are the sizes of axes: where one has N - 1 elements, N counts from 1.
/// </summary>
public sealed class ArenaProof : HostStatementVisitor
{
    private readonly string _entry;
    private readonly ValueList<SizeExpr> _slots;
    private readonly ILookup<int, ArenaBuffer> _bySlot;
    private readonly List<(string Dim, SizeExpr From)> _starts;
    private int _time;

    private ArenaProof(EntryProgram program) =>
        (_entry, _slots, _bySlot, _starts) = (program.Manifest.Name, program.Arena, program.ArenaPlan.ToLookup(b => b.Slot), Starts(program.NotNegative));

    /// <summary>Throws <see cref="CompilerBugException"/> with what lies wrong.</summary>
    public static void Check(EntryProgram program)
    {
        var proof = new ArenaProof(program);
        proof.Overlaps();
        proof.Walk(program.Body);
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
        Walk(statement.Body);
        if (statement.Until is { } until)
        {
            Use(until);
        }

        _time++;
    }

    public override void Visit(SetPointer statement) => Use(statement.Place);

    public override void Visit(SwapPointers statement)
    {
    }

    public override void Visit(AllocateLate statement)
    {
    }

    public override void Visit(ReadSize statement) => Use(statement.Place);

    public override void Visit(GiveArray statement)
    {
    }

    private void Walk(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            _time++;
            statement.Accept(this);
        }
    }

    private void Use(BufferRef place)
    {
        if (place.Kind == BufferKind.Arena
            && !_bySlot[place.Number].Any(b => b.First <= _time && b.Last >= _time && Inside(place.Offset, b)))
        {
            throw new CompilerBugException("kernels", $"{_entry}: statement {_time} names {place}, where no buffer lives then");
        }
    }

    // Counters of loops make an offset that moves; where it starts has to be inside.
    private bool Inside(SizeExpr offset, ArenaBuffer buffer) =>
        offset == buffer.Offset || offset.Variables().Any(ProgramBuilder.IsCounter) || (IsAtMost(buffer.Offset, offset) && IsAtMost(offset, buffer.Offset + buffer.Bytes));

    private void Overlaps()
    {
        foreach (var slot in _bySlot)
        {
            // By start; what has ended before a buffer starts cannot meet it or any later one.
            var alive = new List<ArenaBuffer>();
            foreach (var buffer in slot.OrderBy(b => b.First))
            {
                alive.RemoveAll(b => b.Last < buffer.First);
                if (!IsAtMost(buffer.Offset + buffer.Bytes, _slots[slot.Key])
                    || alive.Any(b => !IsAtMost(b.Offset + b.Bytes, buffer.Offset) && !IsAtMost(buffer.Offset + buffer.Bytes, b.Offset)))
                {
                    throw new CompilerBugException("kernels", $"{_entry}: {buffer} overlaps a buffer that lives at the same time, or its slot's end");
                }

                alive.Add(buffer);
            }
        }
    }

    private bool IsAtMost(SizeExpr left, SizeExpr right) =>
        (right - left).IsProvablyNonNegative() || (_starts.Count > 0 && Counted(right - left, _starts).IsProvablyNonNegative());

    // v + rest ≥ 0: v counts from -rest on.
    private static List<(string Dim, SizeExpr From)> Starts(ValueList<SizeExpr> notNegative)
    {
        var starts = new List<(string Dim, SizeExpr From)>();
        foreach (var size in notNegative)
        {
            var counted = Counted(size, starts);
            var dim = counted.IsProvablyNonNegative() ? null
                : counted.Variables().FirstOrDefault(v => !(counted - SizeExpr.Variable(v)).Variables().Contains(v));
            if (dim is not null)
            {
                starts.Add((dim, SizeExpr.Variable(dim) - counted));
            }
        }

        return starts;
    }

    private static SizeExpr Counted(SizeExpr size, List<(string Dim, SizeExpr From)> starts) =>
        starts.Aggregate(size, (s, start) => s.Substitute(name => name == start.Dim ? SizeExpr.Variable(name) + start.From : null));
}
