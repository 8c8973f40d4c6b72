using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>A sparse result made row by row: leading dense levels, and the compressed one behind them.</summary>
internal abstract class RowTarget(SparseStorage storage) : ISparseTarget
{
    public ElementType Element => storage.Type.Element;

    protected SparseStorage Storage => storage;

    protected int Level => storage.Format.Levels.Count - 1;

    /// <summary>Whether the entries of a row come one after the other.</summary>
    public virtual bool IsInRows => true;

    /// <summary>Before the entries of a row.</summary>
    public abstract void Begin(SparseKernel kernel, LoopExpr row);

    /// <summary>Behind the entries of a row.</summary>
    public abstract void End(SparseKernel kernel, LoopExpr row);

    public abstract void Store(SparseKernel kernel, LoopExpr value, Coords at);

    /// <summary>The position of a row: the coordinates of the dense levels, row-major.</summary>
    public LoopExpr Row(SparseKernel kernel)
    {
        var (body, space) = (kernel.Builder.Body, kernel.Builder.Space);
        LoopExpr row = BodyMath.Index(0);
        for (var level = 0; level < Level; level++)
        {
            var size = storage.Format.SizeOf(level, storage.Type.Shape);
            row = body.Add(body.Mul(row, BodyMath.Index(size)), space.ToScalar(kernel.Loops.Index(storage.Format.Levels[level].Axis)));
        }

        return row;
    }

    /// <summary>The column, or one in each lane.</summary>
    protected LoopExpr Column(SparseKernel kernel, Coords at) => kernel.Builder.Space.ToValue(at.Axes[storage.Format.Levels[Level].Axis], at.Lanes);

    protected int Positions(SparseKernel kernel, BufferAccess access) =>
        kernel.Builder.Buffer("pos", storage.Format.Index, access, storage.Array(StorageKind.Positions, Level));

    protected void Put(SparseKernel kernel, LoopExpr position, LoopExpr column, LoopExpr value)
    {
        var (body, builder) = (kernel.Builder.Body, kernel.Builder);
        var crd = builder.Buffer("crd", storage.Format.Index, BufferAccess.Write, storage.Array(StorageKind.Coordinates, Level));
        body.Store(crd, position, body.Cast(column, storage.Format.Index));
        body.Store(builder.Buffer("values", Element, BufferAccess.Write, storage.Array(StorageKind.Values, Level)), position, value);
    }

    /// <summary>Leaves a row's count behind its place.</summary>
    protected void Count(SparseKernel kernel, LoopExpr row, LoopExpr count) => kernel.Builder.Body.Store(
        Positions(kernel, BufferAccess.Write), kernel.Builder.Body.Add(row, BodyMath.Index(1)), kernel.Builder.Body.Cast(count, storage.Format.Index));

    protected LoopExpr Start(SparseKernel kernel, LoopExpr row)
    {
        var body = kernel.Builder.Body;
        return body.Cast(body.Let(new LoadExpr(new LaneType(storage.Format.Index, 1), Positions(kernel, BufferAccess.Read), row)), ElementType.I64);
    }
}

/// <summary>A target that counts iterations or entries and wants no values.</summary>
internal interface ICountTarget;

/// <summary>Counts what the rows of a result will store, each behind its place: pos[r + 1] = entries of row r.</summary>
internal sealed class CountTarget(SparseStorage storage) : RowTarget(storage), IScatterTarget, ICountTarget
{
    private VariableExpr? _count;

    /// <summary>Where columns come in any order, and more than once.</summary>
    public RowMarks? Marks { get; init; }

    public override void Begin(SparseKernel kernel, LoopExpr row) => _count = kernel.Builder.Body.Declare(BodyMath.Index(0));

    public override void End(SparseKernel kernel, LoopExpr row) => Count(kernel, row, kernel.Builder.Body.Read(_count!));

    public override void Store(SparseKernel kernel, LoopExpr value, Coords at) => More(kernel, BodyMath.Index(at.Lanes));

    public void Add(SparseKernel kernel, Coords at, Func<LoopExpr, LoopExpr> add) =>
        More(kernel, kernel.Builder.Body.Cast(Marks!.Mark(kernel, Row(kernel), Column(kernel, at)), ElementType.I64));

    private void More(SparseKernel kernel, LoopExpr count)
    {
        var body = kernel.Builder.Body;
        body.Assign(_count!, body.Add(body.Read(_count!), count));
    }
}

/// <summary>How many columns the rows of a scattered result can have at most, each behind its place: bounds[r + 1], i64.</summary>
internal sealed class BoundTarget(SparseStorage storage, BufferRef bounds, SizeExpr columns) : RowTarget(storage), ICountTarget
{
    private VariableExpr? _bound;

    public override void Begin(SparseKernel kernel, LoopExpr row) => _bound = kernel.Builder.Body.Declare(BodyMath.Index(0));

    public override void Store(SparseKernel kernel, LoopExpr value, Coords at) => throw new CompilerBugException("kernels", "a bound looks at no column");

    /// <summary>There may be so many more.</summary>
    public void More(SparseKernel kernel, LoopExpr columns) =>
        kernel.Builder.Body.Assign(_bound!, kernel.Builder.Body.Add(kernel.Builder.Body.Read(_bound!), columns));

    public override void End(SparseKernel kernel, LoopExpr row)
    {
        var (body, buffer) = (kernel.Builder.Body, kernel.Builder.Buffer("bounds", ElementType.I64, BufferAccess.Write, bounds));
        body.Store(buffer, body.Add(row, BodyMath.Index(1)), body.Min(body.Read(_bound!), BodyMath.Index(columns)));
    }
}

/// <summary>
/// Writes entries behind each other: columns come once and ascending. Where the result's positions are not known yet a row starts where no row
/// before it can reach, at the sum of the places where those of the operands start, and leaves its count behind its place.
/// </summary>
/// <param name="bounds">The operands that together have at least what a row of the result has; or the result itself.</param>
internal sealed class AppendTarget(SparseStorage storage, ValueList<SparseStorage> bounds) : RowTarget(storage)
{
    private VariableExpr? _next;
    private LoopExpr? _start;

    public override void Begin(SparseKernel kernel, LoopExpr row)
    {
        _start = At(kernel.Builder, bounds, row);
        _next = kernel.Builder.Body.Declare(_start);
    }

    public override void End(SparseKernel kernel, LoopExpr row)
    {
        if (bounds is [var own] && own == Storage)
        {
            return;
        }

        Count(kernel, row, kernel.Builder.Body.Sub(kernel.Builder.Body.Read(_next!), _start!));
    }

    /// <summary>Where a row starts.</summary>
    public static LoopExpr At(KernelBuilder kernel, ValueList<SparseStorage> bounds, LoopExpr row) =>
        bounds.Select(b => new StorageLevels(kernel, b).Start(b.Format.Levels.Count - 1, row)).Aggregate(kernel.Body.Add);

    public override void Store(SparseKernel kernel, LoopExpr value, Coords at)
    {
        var body = kernel.Builder.Body;
        var position = body.Read(_next!);
        Put(kernel, position, Column(kernel, at), value);
        body.Assign(_next!, body.Add(position, BodyMath.Index(at.Lanes)));
    }
}
