using Lepton.Abi;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>A dense result: row-major memory.</summary>
internal sealed class DenseTarget(BufferRef place, ElementType element, ValueList<SizeExpr> shape) : ISparseTarget, IScatterTarget
{
    public ElementType Element => element;

    public void Store(SparseKernel kernel, LoopExpr value, Coords at) =>
        kernel.Builder.Values.Store(kernel.Builder.Buffer("out", element, BufferAccess.Write, place), ValueEmitter.RowMajor(at.Axes, shape), value, at);

    public void Add(SparseKernel kernel, Coords at, Func<LoopExpr, LoopExpr> add)
    {
        var buffer = kernel.Builder.Buffer("out", element, BufferAccess.ReadWrite, place);
        var address = ValueEmitter.RowMajor(at.Axes, shape);
        kernel.Builder.Values.Store(buffer, address, add(kernel.Builder.Values.Load(buffer, element, address, at)), at);
    }
}

/// <summary>The values of a sparse result that stores where one operand does: at the operand's position.</summary>
internal sealed class PatternTarget(BufferRef values, ElementType element, int access) : ISparseTarget
{
    public ElementType Element => element;

    public void Store(SparseKernel kernel, LoopExpr value, Coords at) => kernel.Builder.Body.Store(
        kernel.Builder.Buffer("out", element, BufferAccess.Write, values), kernel.Loops.PositionOf(access), value);
}
