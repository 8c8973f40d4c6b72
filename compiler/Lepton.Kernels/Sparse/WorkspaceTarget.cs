using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A row of sums whose columns come in any order, more than once: they are summed in a dense row of the chunk's, and a set knows which are
/// there. After "Two Fast Algorithms for Sparse Matrices: Multiplication and Permuted Transposition" (Gustavson, TOMS 1978).
/// </summary>
internal sealed class WorkspaceTarget(SparseStorage storage, ColumnSet set, BufferRef sums, SizeExpr columns) : RowTarget(storage), IScatterTarget
{
    /// <summary>Where rows begin (i64), and entries are counted for the result's positions; null: these are known.</summary>
    public BufferRef? Starts { get; init; }

    public override void Begin(SparseKernel kernel, LoopExpr row)
    {
    }

    public override void Store(SparseKernel kernel, LoopExpr value, Coords at) =>
        throw new CompilerBugException("kernels", "sums of a workspace are added up");

    public void Add(SparseKernel kernel, Coords at, Func<LoopExpr, LoopExpr> add)
    {
        var column = Column(kernel, at);
        var place = SumAt(kernel, column);
        set.Add(kernel, column);
        kernel.Builder.Body.Store(Sums(kernel), place, add(Load(kernel, place)));
    }

    /// <summary>No row has any sums yet; at the head of a chunk.</summary>
    public void Clear(SparseKernel kernel)
    {
        var body = kernel.Builder.Body;
        set.Clear(kernel);
        body.For(BodyMath.Index(0), BodyMath.Index(columns), 1, mayBeEmpty: true, c => body.Store(Sums(kernel), SumAt(kernel, c), kernel.Neutral));
    }

    public override void End(SparseKernel kernel, LoopExpr row)
    {
        var body = kernel.Builder.Body;
        var start = Starts is { } starts
            ? body.Let(new LoadExpr(LaneType.Index, kernel.Builder.Buffer("starts", ElementType.I64, BufferAccess.Read, starts), row))
            : Start(kernel, row);
        var next = body.Declare(start);
        set.Drain(kernel, (first, second, isNew) =>
        {
            var position = body.Read(next);
            var (a, b) = (Load(kernel, SumAt(kernel, first)), Load(kernel, SumAt(kernel, second)));
            body.Store(Sums(kernel), SumAt(kernel, first), kernel.Neutral);
            body.Store(Sums(kernel), SumAt(kernel, second), kernel.Neutral);
            Finish(first, a, position);
            Finish(second, b, body.Add(position, isNew));
            body.Assign(next, body.Add(position, body.Add(isNew, BodyMath.Index(1))));
        });
        if (Starts is not null)
        {
            Count(kernel, row, body.Sub(body.Read(next), start));
        }

        void Finish(LoopExpr column, LoopExpr sum, LoopExpr position)
        {
            var at = kernel.ResultAt(Storage.Format.Levels[Level].Axis, kernel.Builder.Space.FormOf(column, SizeExpr.Zero, columns));
            Put(kernel, position, column, kernel.Finish(sum, at));
        }
    }

    private LoopExpr Load(SparseKernel kernel, LoopExpr place) =>
        kernel.Builder.Body.Let(new LoadExpr(new LaneType(kernel.SumElement, 1), Sums(kernel), place));

    private LoopExpr SumAt(SparseKernel kernel, LoopExpr column) =>
        kernel.Builder.Body.Add(kernel.Builder.Body.Mul(BodyBuilder.Chunk, BodyMath.Index(columns)), column);

    private int Sums(SparseKernel kernel) => kernel.Builder.Buffer("sums", kernel.SumElement, BufferAccess.ReadWrite, sums);
}
