using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// The loops of a sparse kernel, one inside the other. Each meets a level of some operands and steps through the coordinates that may count:
/// <code>
/// nothing stored is asked        for c from 0 to size
/// an operand that must be there  for its entries:        the others follow to its coordinate     x ∧ …
/// some of several                while any is left:      c = the smallest coordinate             x ∨ y
///                                before, in lanes:       while all have the same next coordinates
/// everywhere                     for c from 0 to size:   who has an entry at c steps on
/// </code>
/// After "The Tensor Algebra Compiler" (Kjolstad et al., OOPSLA 2017); instead of a loop for each point of the merge lattice, whether an
/// operand is there is a value of the loop.
/// </summary>
internal sealed class CoIteration
{
    private readonly KernelBuilder _kernel;
    private readonly SparsePlan _plan;
    private readonly SparseReader[] _readers;
    private readonly IndexForm?[] _counters;
    private readonly Action<int> _inside;
    private readonly HashSet<int> _sparse = [];

    // Of each merging loop around whose operands have no further levels: the operands, of which one is there.
    private readonly Stack<HashSet<StoredAt>> _merged = new();

    /// <param name="inside">Called with the number of a loop, where this is to be written; and with the number of loops inside the last one.</param>
    public CoIteration(KernelBuilder kernel, SparsePlan plan, Action<int> inside)
    {
        (_kernel, _plan, _inside) = (kernel, plan, inside);
        _readers = [.. plan.Accesses.Select(a => new SparseReader(a, new StorageLevels(kernel, a.Storage)))];
        _counters = new IndexForm?[plan.Loops.Count];
        foreach (var leaf in _readers.GroupBy(r => r.Access.At.Tensor))
        {
            kernel.Values.Bind(leaf.Key, at => Value([.. leaf], at));
        }
    }

    internal BodyBuilder Body => _kernel.Body;

    /// <summary>Results that the inside of the innermost loop can take at once.</summary>
    public int MostLanes { get; init; } = 1;

    /// <summary>Results that are computed at once where code is written now.</summary>
    public int Lanes { get; private set; } = 1;

    /// <summary>The index that a variable stands for now.</summary>
    public IndexForm Index(int variable)
    {
        var form = IndexForm.Zero;
        for (var l = 0; l < _counters.Length; l++)
        {
            if (_plan.Loops[l].Variable == variable && _counters[l] is { } counter)
            {
                form += _plan.Loops[l].Part == LevelPart.Outer ? counter * _plan.Loops[l].Block : counter;
            }
        }

        return form;
    }

    /// <summary>Sets the counter of a loop that somebody else writes: a vectorised one.</summary>
    public void Set(int loop, IndexForm? counter) => _counters[loop] = counter;

    /// <summary>Where an operand's level is met, its position now; the operand of the only access.</summary>
    public LoopExpr PositionOf(int access) => _readers[access].Position;

    /// <summary>Writes the loop of this number, with all inside.</summary>
    /// <param name="number">The loop.</param>
    /// <param name="range">Of the first loop: the coordinates, or positions, of this chunk.</param>
    public void Loop(int number, (LoopExpr From, LoopExpr To)? range = null)
    {
        var loop = _plan.Loops[number];
        var here = _readers.Where(r => r.LevelAt(number) >= 0).ToArray();
        var iterated = here.Where(r => r.KindAt(number) != LevelKind.Dense).ToArray();
        var where = Known();
        var driver = iterated.FirstOrDefault(r => where.Given(s => s == r.Access.At ? false : null) == Support.Nowhere);
        if (driver is not null)
        {
            _sparse.Add(number);
            Driven(number, driver, here, iterated, range);
        }
        else if (iterated.Length > 0 && where.Given(s => iterated.Any(r => r.Access.At == s) ? false : null) == Support.Nowhere)
        {
            _sparse.Add(number);
            Merged(number, here, iterated);
        }
        else
        {
            Dense(number, loop.Size, here, iterated, range);
        }
    }

    /// <summary>Whether the first loop may be cut into ranges; of what, the coordinates or the positions of one operand's first level.</summary>
    public (bool ByPosition, SparseReader? Driver)? Cut()
    {
        var iterated = _readers.Where(r => r.LevelAt(0) >= 0 && r.KindAt(0) != LevelKind.Dense).ToArray();
        return iterated.Length == 0 ? (false, null)
            : iterated is [{ } one] && Known().Given(s => s == one.Access.At ? false : null) == Support.Nowhere ? (true, one)
            : null;
    }

    public StorageLevels LevelsOf(SparseAccess access) => _readers.First(r => r.Access == access).Levels;

    /// <summary>Whether a loop before this one leaves coordinates out.</summary>
    public bool IsSparseBefore(int number) => _sparse.Any(l => l < number);

    /// <summary>Whether a loop may turn out to run through the entries of one operand.</summary>
    public bool CouldDrive(int number) => _readers.Where(r => r.LevelAt(number) >= 0).ToArray() is [{ } one]
        && one.KindAt(number) == LevelKind.Compressed && one.IsUniqueAt(number);

    /// <summary>An operand whose entries alone are run through by a loop, if there is one.</summary>
    public SparseReader? DriverOf(int number)
    {
        var here = _readers.Where(r => r.LevelAt(number) >= 0).ToArray();
        return here is [{ } one] && one.KindAt(number) == LevelKind.Compressed && one.IsUniqueAt(number) && one.Present is null
            && Known().Given(s => s == one.Access.At ? false : null) == Support.Nowhere ? one : null;
    }

    // What is left to ask when it is known who is surely there.
    private Support Known() => _plan.Where.Given(s => _readers.First(r => r.Access.At == s) is { Present: null, IsDone: true } ? true : null);

    private void Dense(int number, SizeExpr size, SparseReader[] here, SparseReader[] iterated, (LoopExpr From, LoopExpr To)? range)
    {
        var cursors = iterated.Select(r => SparseCursor.Of(this, r, number)).ToArray();
        var (from, to) = range ?? (BodyMath.Index(0), BodyMath.Index(size));
        Body.For(from, to, 1, mayBeEmpty: true, c =>
        {
            foreach (var cursor in cursors)
            {
                cursor.Meet(c);
            }

            Inside(number, c, here, cursors);
            foreach (var cursor in cursors)
            {
                cursor.Advance();
            }
        });
    }

    private void Driven(int number, SparseReader driver, SparseReader[] here, SparseReader[] iterated, (LoopExpr From, LoopExpr To)? range)
    {
        var followers = iterated.Where(r => r != driver).Select(r => SparseCursor.Of(this, r, number)).ToArray();
        var (from, to) = range ?? driver.Range(Body, number);
        var level = driver.LevelAt(number);
        void At(LoopExpr position, LoopExpr? next)
        {
            var c = driver.Levels.Coordinate(level, position);
            foreach (var follower in followers)
            {
                follower.Follow(c);
            }

            using (driver.At(position, next, null))
            {
                Inside(number, c, [.. here.Where(r => r != driver)], followers);
            }
        }

        if (driver.IsUniqueAt(number))
        {
            Body.For(from, to, 1, mayBeEmpty: true, p => At(p, null));
            return;
        }

        // Runs of one coordinate.
        var now = Body.Declare(from);
        Body.While(() => Body.Less(Body.Read(now), to), () =>
        {
            var p = Body.Read(now);
            var next = RunEnd(driver, level, p, to);
            At(p, next);
            Body.Assign(now, next);
        });
    }

    private void Merged(int number, SparseReader[] here, SparseReader[] iterated)
    {
        var cursors = iterated.Select(r => SparseCursor.Of(this, r, number)).ToArray();

        _merged.Push(iterated.All(r => r.LevelAt(number) == r.Access.Loops.Count - 1) ? [.. iterated.Select(r => r.Access.At)] : []);

        // While all have entries left none is asked whether it has; only the innermost loop is worth being written twice.
        if (number == _plan.Loops.Count - 1 && cursors.All(c => c.Reader.IsUniqueAt(number)))
        {
            if (MostLanes > 1 && here.Length == iterated.Length && iterated.All(r => r.KindAt(number) == LevelKind.Compressed))
            {
                InLanes(number, cursors);
            }

            Body.While(() => Left(MapOp.And), () => Step(isLeft: true));
        }

        Body.While(() => Left(MapOp.Or), () => Step(isLeft: false));
        _merged.Pop();

        LoopExpr Left(MapOp op) => cursors.Select(c => c.IsLeft()).Aggregate((a, b) => Body.Map(op, ElementType.Bool, a, b));

        void Step(bool isLeft)
        {
            var c = cursors.Select(x => x.Coordinate(isLeft)).Aggregate(Body.Min);
            foreach (var cursor in cursors)
            {
                cursor.Meet(c);
                cursor.Reader.IsReadable = isLeft;
            }

            Inside(number, c, here, cursors);
            foreach (var cursor in cursors)
            {
                cursor.Reader.IsReadable = false;
                cursor.Advance();
            }
        }
    }

    // Tensors that store at the same places start with the same coordinates; others are found out at the first look.
    private void InLanes(int number, SparseCursor[] cursors)
    {
        Body.While(
            () =>
            {
                var left = cursors.Select(c => c.IsLeft(MostLanes)).Aggregate((a, b) => Body.And(a, b)!);
                var first = cursors[0].Stretch(MostLanes, left);
                var same = cursors.Skip(1).Select(c => Body.Map(MapOp.Equal, ElementType.Bool, first, c.Stretch(MostLanes, left))).Aggregate((a, b) => Body.And(a, b)!);
                return Body.And(left, Body.LaneReduce(ReduceKind.All, same))!;
            },
            () =>
            {
                Lanes = MostLanes;
                var coordinates = Body.Cast(cursors[0].Stretch(Lanes), ElementType.I64);
                _counters[number] = _kernel.Space.FormOf(coordinates, SizeExpr.Zero, _plan.Loops[number].Size);
                var over = cursors.Select(c => c.Over(Lanes)).ToArray();
                _inside(number + 1);
                Array.ForEach(over, o => o.Dispose());
                (_counters[number], Lanes) = (null, 1);
            });
    }

    private void Inside(int number, LoopExpr coordinate, SparseReader[] here, SparseCursor[] cursors)
    {
        var loop = _plan.Loops[number];
        _counters[number] = _kernel.Space.FormOf(coordinate, SizeExpr.Zero, loop.Size);
        var open = new List<IDisposable>();
        foreach (var cursor in cursors)
        {
            open.Add(cursor.Reader.At(cursor.Position, cursor.Next, cursor.Present));
        }

        foreach (var reader in here.Where(r => r.KindAt(number) == LevelKind.Dense))
        {
            var size = reader.SizeAt(number);
            open.Add(reader.At(Body.Add(Body.Mul(reader.Position, BodyMath.Index(size)), coordinate), null, reader.Present));
        }

        // Who has to be there and is not ends it here.
        var need = cursors.Select(c => c.Reader).Where(r => r.Present is not null && Known().Given(s => s == r.Access.At ? false : null) == Support.Nowhere).ToArray();
        if (need.Length > 0)
        {
            Body.If(need.Select(r => r.Present!).Aggregate((a, b) => Body.And(a, b)!), () =>
            {
                var given = need.Select(r => r.Surely()).ToArray();
                _inside(number + 1);
                Array.ForEach(given, g => g.Dispose());
            });
        }
        else
        {
            _inside(number + 1);
        }

        for (var i = open.Count - 1; i >= 0; i--)
        {
            open[i].Dispose();
        }

        _counters[number] = null;
    }

    /// <summary>The condition that an iteration counts, of what is not surely there; null: it does.</summary>
    public LoopExpr? Counts()
    {
        var known = Known();
        var isMet = known is AnyOf any && any.Parts.OfType<StoredAt>().ToHashSet() is var parts && _merged.Any(m => m.Count > 0 && parts.IsSupersetOf(m));
        return isMet ? null : Condition(known);
    }

    private LoopExpr? Condition(Support support) => support switch
    {
        StoredAt stored => _readers.First(r => r.Access.At == stored).Present,
        AllOf all => all.Parts.Select(Condition).Aggregate((LoopExpr?)null, (a, b) => Body.And(a, b)),
        AnyOf any => any.Parts.Select(Condition).Aggregate((LoopExpr?)BodyMath.Number(ElementType.Bool, 0), (a, b) =>
            a is null || b is null ? null : Body.Map(MapOp.Or, ElementType.Bool, a, b)),
        _ => null,
    };

    /// <summary>One past the last position with the coordinate at a position; where the mask does not hold, any.</summary>
    internal LoopExpr RunEnd(SparseReader reader, int level, LoopExpr from, LoopExpr end, LoopExpr? mask = null)
    {
        var coordinate = reader.Levels.Coordinate(level, from, mask);
        var next = Body.Declare(Body.Add(from, BodyMath.Index(1)));
        Body.While(
            () =>
            {
                var q = Body.Read(next);
                var inside = Body.And(Body.Less(q, end), mask)!;
                var same = Body.Map(MapOp.Equal, ElementType.Bool, reader.Levels.Coordinate(level, q, inside), coordinate);
                return Body.And(inside, same)!;
            },
            () => Body.Assign(next, Body.Add(Body.Read(next), BodyMath.Index(1))));
        return Body.Read(next);
    }

    // The value of a leaf at coordinates: of the way of reading it that has these.
    private LoopExpr Value(SparseReader[] readers, Coords at)
    {
        foreach (var reader in readers)
        {
            if (reader.Access.At.Variables.Select(Index).SequenceEqual(at.Axes))
            {
                return reader.Value(Body, at.Lanes);
            }
        }

        throw new CompilerBugException("kernels", $"{readers[0].Access.Storage.Name} is read at {at}, where no loop runs");
    }
}
