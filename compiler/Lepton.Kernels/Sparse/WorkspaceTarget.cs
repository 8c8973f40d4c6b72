using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A row of sums whose columns come in any order, more than once: they are summed in a dense row of the chunk's, and listed when they come
/// first. At the end the list is sorted: short ones by counting for each column how many are less, long ones by looking through the row.
/// After "Two Fast Algorithms for Sparse Matrices: Multiplication and Permuted Transposition" (Gustavson, TOMS 1978).
/// </summary>
internal sealed class WorkspaceTarget(SparseStorage storage, RowMarks marks, BufferRef sums, BufferRef list, SizeExpr columns) : RowTarget(storage), IScatterTarget
{
    // Columns that are compared at once.
    private const int Lanes = 8;

    private VariableExpr? _count;

    public override void Begin(SparseKernel kernel, LoopExpr row) => _count = kernel.Builder.Body.Declare(BodyMath.Index(0));

    public override void Store(SparseKernel kernel, LoopExpr value, Coords at) =>
        throw new CompilerBugException("kernels", "sums of a workspace are added up");

    public void Add(SparseKernel kernel, Func<LoopExpr> value, Coords at, Func<LoopExpr, LoopExpr, LoopExpr> combine)
    {
        var body = kernel.Builder.Body;
        var column = Column(kernel, at);
        var added = value();
        var isNew = marks.Mark(kernel, Row(kernel), column);
        var count = body.Read(_count!);

        // The place behind the list is written too, and counts only when the column is new.
        body.Store(List(kernel), ListAt(kernel, count), body.Cast(column, Storage.Format.Index));
        body.Assign(_count!, body.Add(count, body.Cast(isNew, ElementType.I64)));
        var place = SumAt(kernel, column);
        body.Store(Sums(kernel), place, body.Select(isNew, added, combine(Load(kernel, place), added)));
    }

    public override void End(SparseKernel kernel, LoopExpr row)
    {
        var body = kernel.Builder.Body;
        var (start, count) = (Start(kernel, row), body.Read(_count!));
        var isShort = body.Less(body.FloorDiv(body.Mul(count, count), BodyMath.Index(Lanes)), BodyMath.Index(columns));
        body.If(isShort, () => Sorted(kernel, start, count), () => Looked(kernel, row, start));
    }

    private void Sorted(SparseKernel kernel, LoopExpr start, LoopExpr count)
    {
        var body = kernel.Builder.Body;
        var index = Storage.Format.Index;
        var whole = body.Sub(count, body.Rem(count, BodyMath.Index(Lanes)));
        body.For(BodyMath.Index(0), count, 1, mayBeEmpty: true, i =>
        {
            var column = body.Let(new LoadExpr(new LaneType(index, 1), List(kernel), ListAt(kernel, i)));
            var (less, rest) = (body.Declare(BodyMath.Number(index, 0, Lanes)), body.Declare(BodyMath.Number(index, 0)));
            body.For(BodyMath.Index(0), whole, Lanes, mayBeEmpty: true, j => Count(less, body.Let(new LoadExpr(new LaneType(index, Lanes), List(kernel), ListAt(kernel, j)))));
            body.For(whole, count, 1, mayBeEmpty: true, j => Count(rest, body.Let(new LoadExpr(new LaneType(index, 1), List(kernel), ListAt(kernel, j)))));
            var rank = body.Add(body.Cast(body.LaneReduce(ReduceKind.Sum, body.Read(less)), ElementType.I64), body.Cast(body.Read(rest), ElementType.I64));
            Entry(kernel, body.Add(start, rank), body.Cast(column, ElementType.I64));

            void Count(VariableExpr sum, LoopExpr others)
            {
                var isLess = body.Map(MapOp.Less, ElementType.Bool, others, body.Splat(column, others.Type.Lanes));
                body.Assign(sum, body.Add(body.Read(sum), body.Cast(isLess, index)));
            }
        });
    }

    private void Looked(SparseKernel kernel, LoopExpr row, LoopExpr start)
    {
        var body = kernel.Builder.Body;
        var next = body.Declare(start);
        body.For(BodyMath.Index(0), BodyMath.Index(columns), 1, mayBeEmpty: true, c => body.If(marks.Has(kernel, row, c), () =>
        {
            var position = body.Read(next);
            Entry(kernel, position, c);
            body.Assign(next, body.Add(position, BodyMath.Index(1)));
        }));
    }

    private void Entry(SparseKernel kernel, LoopExpr position, LoopExpr column)
    {
        var level = Storage.Format.Levels[Level];
        var at = kernel.ResultAt(level.Axis, kernel.Builder.Space.FormOf(column, SizeExpr.Zero, columns));
        Put(kernel, position, column, kernel.Finish(Load(kernel, SumAt(kernel, column)), at));
    }

    private LoopExpr Load(SparseKernel kernel, LoopExpr place) =>
        kernel.Builder.Body.Let(new LoadExpr(new LaneType(kernel.SumElement, 1), Sums(kernel), place));

    private LoopExpr SumAt(SparseKernel kernel, LoopExpr column) =>
        kernel.Builder.Body.Add(kernel.Builder.Body.Mul(BodyBuilder.Chunk, BodyMath.Index(columns)), column);

    private LoopExpr ListAt(SparseKernel kernel, LoopExpr number) =>
        kernel.Builder.Body.Add(kernel.Builder.Body.Mul(BodyBuilder.Chunk, BodyMath.Index(columns + 1)), number);

    private int Sums(SparseKernel kernel) => kernel.Builder.Buffer("sums", kernel.SumElement, BufferAccess.ReadWrite, sums);

    private int List(SparseKernel kernel) => kernel.Builder.Buffer("list", Storage.Format.Index, BufferAccess.ReadWrite, list);
}
