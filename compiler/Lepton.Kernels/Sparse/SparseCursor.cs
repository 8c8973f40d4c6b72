using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>A place that moves through an operand's entries as a loop asks for coordinates.</summary>
internal sealed class SparseCursor
{
    private readonly CoIteration _loops;
    private readonly VariableExpr _now;
    private readonly LoopExpr _end;
    private readonly int _level;
    private readonly bool _isUnique;
    private LoopExpr? _coordinate;

    private SparseCursor(CoIteration loops, SparseReader reader, int number)
    {
        (_loops, Reader, _level, _isUnique) = (loops, reader, reader.LevelAt(number), reader.IsUniqueAt(number));
        (var first, _end) = reader.Range(loops.Body, number);
        _now = loops.Body.Declare(first);
    }

    public SparseReader Reader { get; }

    public LoopExpr Position { get; private set; } = BodyMath.Index(0);

    public LoopExpr? Next { get; private set; }

    public LoopExpr? Present { get; private set; }

    private BodyBuilder Body => _loops.Body;

    public static SparseCursor Of(CoIteration loops, SparseReader reader, int number) => new(loops, reader, number);

    /// <summary>Whether so many entries are left.</summary>
    public LoopExpr IsLeft(int count = 1) => Body.Less(count == 1 ? Body.Read(_now) : Body.Add(Body.Read(_now), BodyMath.Index(count - 1)), _end);

    /// <summary>The coordinates of so many entries from here on; where the mask (a scalar) does not hold nothing is read.</summary>
    public LoopExpr Stretch(int count, LoopExpr? mask = null) => Reader.Levels.Stretch(_level, Body.Read(_now), count, mask);

    /// <summary>Stands before so many entries that all count, until the answer is disposed; then past them.</summary>
    public IDisposable Over(int count)
    {
        var position = Body.Read(_now);
        var inside = _loops.At(Reader, position, null, null);
        return new CoIteration.Leaving(() =>
        {
            inside.Dispose();
            Body.Assign(_now, Body.Add(position, BodyMath.Index(count)));
        });
    }

    /// <summary>The coordinate it stands at; beyond all when there is none left.</summary>
    /// <param name="isLeft">There surely is one.</param>
    public LoopExpr Coordinate(bool isLeft = false)
    {
        var p = Body.Read(_now);
        if (isLeft)
        {
            return _coordinate = Reader.Levels.Coordinate(_level, p);
        }

        var left = Body.Less(p, _end);
        return _coordinate = Body.Select(left, Reader.Levels.Coordinate(_level, p, left), BodyMath.Index(long.MaxValue));
    }

    /// <summary>Whether it stands at this coordinate, which it has not passed.</summary>
    public void Meet(LoopExpr c)
    {
        var at = _coordinate ?? Coordinate();
        _coordinate = null;
        Position = Body.Read(_now);
        Present = Body.Map(MapOp.Equal, ElementType.Bool, at, c);
        Next = _isUnique ? null : Body.Select(Present, _loops.RunEnd(Reader, _level, Position, _end, Present), Position);
    }

    /// <summary>Moves to the first entry not before a coordinate.</summary>
    public void Follow(LoopExpr c)
    {
        Body.While(
            () => Body.Less(Coordinate(), c),
            () => Body.Assign(_now, Body.Add(Body.Read(_now), BodyMath.Index(1))));
        _coordinate = null;
        Meet(c);
    }

    /// <summary>Past the entries at the coordinate, if it stands there.</summary>
    public void Advance() =>
        Body.Assign(_now, Next ?? Body.Add(Position, Body.Cast(Present!, ElementType.I64)));
}
