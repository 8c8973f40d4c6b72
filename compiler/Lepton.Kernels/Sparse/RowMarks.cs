using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>Memory of a chunk with a place for each column: which row was there last. Enough to count columns, but not to find them again.</summary>
internal sealed class RowMarks(BufferRef place, ElementType index, SizeExpr columns)
{
    /// <summary>No row has been anywhere yet; at the head of a chunk.</summary>
    public void Clear(SparseKernel kernel)
    {
        var body = kernel.Builder.Body;
        body.For(BodyMath.Index(0), BodyMath.Index(columns), 1, mayBeEmpty: true, c => body.Store(Buffer(kernel), At(body, c), BodyMath.Number(index, 0)));
    }

    /// <summary>Marks a column and answers whether the row is there for the first time.</summary>
    public LoopExpr Mark(SparseKernel kernel, LoopExpr row, LoopExpr column)
    {
        var body = kernel.Builder.Body;
        var (at, stamp) = (At(body, column), body.Cast(body.Add(row, BodyMath.Index(1)), index));
        var was = body.Let(new LoadExpr(new LaneType(index, 1), Buffer(kernel), at));
        body.Store(Buffer(kernel), at, stamp);
        return body.Map(MapOp.NotEqual, ElementType.Bool, was, stamp);
    }

    private LoopExpr At(BodyBuilder body, LoopExpr column) => body.Add(body.Mul(BodyBuilder.Chunk, BodyMath.Index(columns)), column);

    private int Buffer(SparseKernel kernel) => kernel.Builder.Buffer("marks", index, BufferAccess.ReadWrite, place);
}
