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
/// Operands that share the arrays of their levels (what is stored like a is) are met as one: the first is asked, the others stand where it does.
/// After "The Tensor Algebra Compiler" (Kjolstad et al., OOPSLA 2017); instead of a loop for each point of the merge lattice, whether an
/// operand is there is a value of the loop.
/// </summary>
internal sealed class CoIteration
{
    private readonly KernelBuilder _kernel;
    private readonly SparsePlan _plan;
    private readonly SparseReader[] _readers;

    // Of each reader: those that stand where it does.
    private readonly Dictionary<SparseReader, SparseReader[]> _twins = [];
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
        foreach (var alike in _readers.GroupBy(r => (r.Access.At.Variables, r.Access.Loops, r.Access.Storage.Format.Levels, r.Access.Storage.Arrays.SkipLast(1).ToValueList())))
        {
            _twins[alike.First()] = [.. alike.Skip(1)];
        }

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
        var here = Here(number);
        var iterated = here.Where(r => r.KindAt(number) != LevelKind.Dense).ToArray();
        var driver = iterated.FirstOrDefault(r => IsNowhereWithout(r));
        if (driver is not null)
        {
            _sparse.Add(number);
            Driven(number, driver, here, iterated, range);
        }
        else if (iterated.Length > 0 && IsNowhereWithout(iterated))
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
        var iterated = Here(0).Where(r => r.KindAt(0) != LevelKind.Dense).ToArray();
        return iterated.Length == 0 ? (false, null)
            : iterated is [{ } one] && IsNowhereWithout(one) ? (true, one)
            : null;
    }

    public StorageLevels LevelsOf(SparseAccess access) => _readers.First(r => r.Access == access).Levels;

    /// <summary>Whether a loop before this one leaves coordinates out.</summary>
    public bool IsSparseBefore(int number) => _sparse.Any(l => l < number);

    /// <summary>Whether a loop may turn out to run through the entries of one operand.</summary>
    public bool CouldDrive(int number) => Here(number) is [{ } one]
        && one.KindAt(number) == LevelKind.Compressed && one.IsUniqueAt(number);

    /// <summary>An operand whose entries alone are run through by a loop, if there is one.</summary>
    public SparseReader? DriverOf(int number)
    {
        return Here(number) is [{ } one] && one.KindAt(number) == LevelKind.Compressed && one.IsUniqueAt(number) && one.Present is null
            && IsNowhereWithout(one) ? one : null;
    }

    /// <summary>The innermost loop over an operand's entries, so many at a time; answers the first entry that is left over.</summary>
    public LoopExpr EntriesInLanes(int number, SparseReader driver, (LoopExpr From, LoopExpr To) range, int lanes, Action inside)
    {
        var (from, to) = range;
        var tail = Body.Sub(to, Body.Rem(Body.Sub(to, from), BodyMath.Index(lanes)));
        Body.For(from, tail, lanes, mayBeEmpty: true, p =>
        {
            Lanes = lanes;
            var coordinates = driver.Levels.Coordinates(driver.LevelAt(number), p, lanes);
            _counters[number] = _kernel.Space.FormOf(coordinates, SizeExpr.Zero, _plan.Loops[number].Size);
            using (At(driver, p, null, null))
            {
                inside();
            }

            (_counters[number], Lanes) = (null, 1);
        });
        return tail;
    }

    // The operands that have a level at a loop, of those that stand together the first.
    private SparseReader[] Here(int number) => [.. _readers.Where(r => _twins.ContainsKey(r) && r.LevelAt(number) >= 0)];

    private bool IsNowhereWithout(params ReadOnlySpan<SparseReader> readers)
    {
        var gone = new HashSet<StoredAt>();
        foreach (var reader in readers)
        {
            gone.UnionWith(_twins[reader].Append(reader).Select(r => r.Access.At));
        }

        return Known().Given(s => gone.Contains(s) ? false : null) == Support.Nowhere;
    }

    // A reader and its twins meet one more level, until the answer is disposed.
    internal IDisposable At(SparseReader reader, LoopExpr position, LoopExpr? next, LoopExpr? present)
    {
        var all = _twins[reader].Append(reader).Select(r => r.At(position, next, present, Lanes)).ToArray();
        return new Leaving(() => Array.ForEach(all, a => a.Dispose()));
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
        void Entry(LoopExpr position, LoopExpr? next)
        {
            var c = driver.Levels.Coordinate(level, position);
            foreach (var follower in followers)
            {
                follower.Follow(c);
            }

            using (At(driver, position, next, null))
            {
                Inside(number, c, [.. here.Where(r => r != driver)], followers);
            }
        }

        if (driver.IsUniqueAt(number))
        {
            if (MostLanes > 1 && number == _plan.Loops.Count - 1 && here.Length == 1 && driver.KindAt(number) == LevelKind.Compressed && driver.Present is null)
            {
                from = EntriesInLanes(number, driver, (from, to), MostLanes, () => _inside(number + 1));
            }

            Body.For(from, to, 1, mayBeEmpty: true, p => Entry(p, null));
            return;
        }

        // Runs of one coordinate.
        var now = Body.Declare(from);
        Body.While(() => Body.Less(Body.Read(now), to), () =>
        {
            var p = Body.Read(now);
            var next = RunEnd(driver, level, p, to);
            Entry(p, next);
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
        var index = cursors.Any(c => c.Reader.Access.Storage.Format.Index == ElementType.I64) ? ElementType.I64 : ElementType.I32;
        Body.While(
            () =>
            {
                var left = cursors.Select(c => c.IsLeft(MostLanes)).Aggregate((a, b) => Body.And(a, b)!);
                var next = cursors.Select(c => Body.Cast(c.Stretch(MostLanes, left), index)).ToArray();
                var same = next.Skip(1).Select(c => Body.Map(MapOp.Equal, ElementType.Bool, next[0], c)).Aggregate((a, b) => Body.And(a, b)!);
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
            open.Add(At(cursor.Reader, cursor.Position, cursor.Next, cursor.Present));
        }

        foreach (var reader in here.Where(r => r.KindAt(number) == LevelKind.Dense))
        {
            var size = reader.SizeAt(number);
            open.Add(At(reader, Body.Add(Body.Mul(reader.Position, BodyMath.Index(size)), coordinate), null, reader.Present));
        }

        // Who has to be there and is not ends it here.
        var need = cursors.Select(c => c.Reader).Where(r => r.Present is not null && IsNowhereWithout(r)).ToArray();
        if (need.Length > 0)
        {
            Body.If(need.Select(r => r.Present!).Aggregate((a, b) => Body.And(a, b)!), () =>
            {
                var given = need.SelectMany(r => _twins[r].Append(r)).Select(r => r.Surely()).ToArray();
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

    /// <summary>What ends something when it is disposed.</summary>
    internal sealed class Leaving(Action leave) : IDisposable
    {
        public void Dispose() => leave();
    }
}
