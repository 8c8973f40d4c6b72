using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>How far an operand's levels are met, and where it stands.</summary>
internal sealed class SparseReader(SparseAccess access, StorageLevels levels)
{
    private readonly Stack<(LoopExpr Position, LoopExpr? End, LoopExpr? Present, int Lanes, int Met)> _outer = new();
    private int _met;

    public SparseAccess Access => access;

    public StorageLevels Levels => levels;

    /// <summary>Of the last level that was met; where it is not present, any.</summary>
    public LoopExpr Position { get; private set; } = BodyMath.Index(0);

    /// <summary>Of repeated coordinates: one past the run's last position.</summary>
    public LoopExpr? End { get; private set; }

    /// <summary>Whether there is an entry; null: surely.</summary>
    public LoopExpr? Present { get; private set; }

    public bool IsDone => _met == access.Loops.Count;

    /// <summary>Whether there is something to read at the position, present or not.</summary>
    public bool IsReadable { get; set; }

    /// <summary>Instead of the value at the position: of so many positions from there on.</summary>
    public int Lanes { get; private set; } = 1;

    public int LevelAt(int loop)
    {
        for (var l = 0; l < access.Loops.Count; l++)
        {
            if (access.Loops[l] == loop)
            {
                return l;
            }
        }

        return -1;
    }

    public LevelKind KindAt(int loop) => access.Storage.Format.Levels[LevelAt(loop)].Kind;

    public bool IsUniqueAt(int loop) => access.Storage.Format.Levels[LevelAt(loop)].Unique;

    public SizeExpr SizeAt(int loop) => access.Storage.Format.SizeOf(LevelAt(loop), access.Storage.Type.Shape);

    /// <summary>The positions that a loop runs through; none where the operand is not there.</summary>
    public (LoopExpr First, LoopExpr End) Range(BodyBuilder body, int loop)
    {
        if (KindAt(loop) == LevelKind.Singleton)
        {
            return Present is null ? (Position, End!) : (Position, body.Select(Present, End!, Position));
        }

        if (Present is null)
        {
            return levels.Range(LevelAt(loop), Position);
        }

        // pos[p] to pos[p + 1], or pos[0] to pos[0].
        var parent = body.Select(Present, Position, BodyMath.Index(0));
        var (level, next) = (LevelAt(loop), body.Add(parent, body.Cast(Present, ElementType.I64)));
        return (levels.Start(level, parent), levels.Start(level, next));
    }

    /// <summary>Meets one more level, until the answer is disposed.</summary>
    public IDisposable At(LoopExpr position, LoopExpr? end, LoopExpr? present, int lanes)
    {
        _outer.Push((Position, End, Present, Lanes, _met));
        (Position, End, Present, Lanes, _met) = (position, end, present, lanes, _met + 1);
        return new Leave(this);
    }

    /// <summary>It is there, until the answer is disposed.</summary>
    public IDisposable Surely()
    {
        _outer.Push((Position, End, Present, Lanes, _met));
        Present = null;
        return new Leave(this);
    }

    public LoopExpr Value(BodyBuilder body, int lanes)
    {
        if (Lanes > 1)
        {
            return levels.Value(Position, null, lanes);
        }

        if (IsReadable && Present is not null && access.Storage.Type.Element is ElementType.F32 or ElementType.F64 && access.Storage.Fill.AsDouble == 0)
        {
            return levels.ValueOrZero(Position, Present!);
        }

        var value = levels.Value(Position, IsReadable ? null : Present);
        return Present is null ? value : body.Select(Present, value, BodyMath.Number(access.Storage.Fill));
    }

    private sealed class Leave(SparseReader reader) : IDisposable
    {
        public void Dispose() => (reader.Position, reader.End, reader.Present, reader.Lanes, reader._met) = reader._outer.Pop();
    }
}
