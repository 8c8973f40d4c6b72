using Lepton.Abi;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>What a kernel reads of a sparse tensor's arrays: ranges, coordinates and values at positions (i64 scalars, or lanes).</summary>
internal sealed class StorageLevels(KernelBuilder kernel, SparseStorage storage)
{
    private BodyBuilder Body => kernel.Body;

    public SparseStorage Storage => storage;

    /// <summary>The positions of a compressed level below one of the level before: first and one past the last.</summary>
    public (LoopExpr First, LoopExpr End) Range(int level, LoopExpr parent)
    {
        var positions = Buffer(StorageKind.Positions, level);
        return (Load(positions, parent), Load(positions, Body.Add(parent, BodyMath.Index(1))));
    }

    /// <summary>The first position of a compressed level below one of the level before.</summary>
    public LoopExpr Start(int level, LoopExpr parent) => Load(Buffer(StorageKind.Positions, level), parent);

    /// <summary>The coordinate that a level stores at a position. Where the mask does not hold nothing is read, and it is 0.</summary>
    public LoopExpr Coordinate(int level, LoopExpr position, LoopExpr? mask = null) => Load(Buffer(StorageKind.Coordinates, level), position, mask);

    /// <summary>So many coordinates that lie behind each other, to be compared and stored. Where the mask (a scalar) does not hold nothing is read.</summary>
    public LoopExpr Stretch(int level, LoopExpr first, int lanes, LoopExpr? mask = null) => Body.Let(new LoadExpr(
        new LaneType(storage.Format.Index, lanes), Buffer(StorageKind.Coordinates, level), first, null, mask is null ? null : Body.Splat(mask, lanes)));

    /// <summary>
    /// So many coordinates that lie behind each other. Loaded one by one: they are wanted one by one, to load what stands there, and a register of
    /// addresses is slow to take apart.
    /// </summary>
    public LoopExpr Coordinates(int level, LoopExpr first, int lanes) => Body.Together(lanes, lane => Coordinate(level, Body.Add(first, BodyMath.Index(lane))));

    /// <summary>The value at a position.</summary>
    public LoopExpr Value(LoopExpr position, LoopExpr? mask = null, int lanes = 1) => Body.Let(
        new LoadExpr(new LaneType(storage.Type.Element.ComputeType(), lanes), Values, position, null, mask is null ? null : Body.Splat(mask, lanes)));

    /// <summary>
    /// The value at a position that exists, or 0: the first lane of a masked vector. A choice between scalar floats would become a branch, which
    /// where operands are merged is guessed wrong every other time.
    /// </summary>
    public LoopExpr ValueOrZero(LoopExpr position, LoopExpr isWanted)
    {
        var element = storage.Type.Element;
        var lanes = 16 / element.ByteSize();
        var ramp = Body.Let(new RampExpr(new LaneType(ElementType.I64, lanes), BodyMath.Index(0), BodyMath.Index(1)));
        var first = Body.Less(ramp, Body.Splat(BodyMath.Index(1), lanes));
        var vector = Value(position, Body.And(Body.Splat(isWanted, lanes), first), lanes);
        return Body.Let(new LaneExpr(new LaneType(element, 1), vector, 0));
    }

    public int Values => kernel.Buffer($"{Name}_values", storage.Type.Element, BufferAccess.Read, storage.Array(StorageKind.Values, -1));

    /// <summary>Runs over the coordinates of a level below a position.</summary>
    /// <param name="body">Gets the coordinate and its position.</param>
    public void Each(int level, LoopExpr parent, Action<LoopExpr, LoopExpr> body)
    {
        switch (storage.Format.Levels[level].Kind)
        {
            case LevelKind.Dense:
                var size = storage.Format.SizeOf(level, storage.Type.Shape);
                Body.For(BodyMath.Index(0), BodyMath.Index(size), 1, mayBeEmpty: true, c => body(c, Body.Add(Body.Mul(parent, BodyMath.Index(size)), c)));
                break;
            case LevelKind.Compressed:
                var (first, end) = Range(level, parent);
                Body.For(first, end, 1, mayBeEmpty: true, p => body(Coordinate(level, p), p));
                break;
            default:
                body(Coordinate(level, parent), parent);
                break;
        }
    }

    /// <summary>The index along an axis, from the coordinates of all levels.</summary>
    public LoopExpr Index(int axis, IReadOnlyList<LoopExpr> coordinates)
    {
        LoopExpr index = BodyMath.Index(0);
        for (var level = 0; level < storage.Format.Levels.Count; level++)
        {
            var (_, of, part, block, _) = storage.Format.Levels[level];
            if (of == axis)
            {
                index = Body.Add(index, part == LevelPart.Outer ? Body.Mul(coordinates[level], BodyMath.Index(block)) : coordinates[level]);
            }
        }

        return index;
    }

    private string Name => storage.Name.Replace('$', 's').Replace('\'', '_');

    private int Buffer(StorageKind kind, int level) => kernel.Buffer(
        $"{Name}_{(kind == StorageKind.Positions ? "pos" : "crd")}{level}", storage.Format.Index, BufferAccess.Read, storage.Array(kind, level));

    private LoopExpr Load(int buffer, LoopExpr index, LoopExpr? mask = null) =>
        Body.Cast(Body.Let(new LoadExpr(new LaneType(storage.Format.Index, 1), buffer, index, null, mask)), ElementType.I64);
}
