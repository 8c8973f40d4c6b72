using Lepton.Abi;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>Where a sparse kernel leaves its values: at the index, or at the position, of an iteration.</summary>
internal interface ISparseTarget
{
    ElementType Element { get; }

    /// <summary>Stores the value of the result at coordinates.</summary>
    void Store(SparseKernel kernel, LoopExpr value, Coords at);
}

/// <summary>A target in whose places sums meet.</summary>
internal interface IScatterTarget
{
    /// <summary>Adds to what is at the coordinates.</summary>
    /// <param name="add">Emits the sum of what was there and the iteration's value, where it is wanted.</param>
    void Add(SparseKernel kernel, Coords at, Func<LoopExpr, LoopExpr> add);
}

/// <summary>A dense result: row-major memory.</summary>
/// <param name="isPerChunk">Each chunk has a result of its own, one behind the other.</param>
internal sealed class DenseTarget(BufferRef place, ElementType element, ValueList<SizeExpr> shape, bool isPerChunk = false) : ISparseTarget, IScatterTarget
{
    public ElementType Element => element;

    public void Store(SparseKernel kernel, LoopExpr value, Coords at) =>
        kernel.Builder.Values.Store(kernel.Builder.Buffer("out", element, BufferAccess.Write, place), Address(kernel, at), value, at);

    public void Add(SparseKernel kernel, Coords at, Func<LoopExpr, LoopExpr> add)
    {
        var buffer = kernel.Builder.Buffer("out", element, BufferAccess.ReadWrite, place);
        var address = Address(kernel, at);
        kernel.Builder.Values.Store(buffer, address, add(kernel.Builder.Values.Load(buffer, element, address, at)), at);
    }

    private IndexForm Address(SparseKernel kernel, Coords at)
    {
        var address = ValueEmitter.RowMajor(at.Axes, shape);
        return isPerChunk ? address + (kernel.Builder.Space.FormOf(BodyBuilder.Chunk) * SizeExpr.Product(shape)) : address;
    }
}

/// <summary>The values of a sparse result that stores where one operand does: at the operand's position.</summary>
internal sealed class PatternTarget(BufferRef values, ElementType element, int access) : ISparseTarget
{
    public ElementType Element => element;

    public void Store(SparseKernel kernel, LoopExpr value, Coords at) => kernel.Builder.Body.Store(
        kernel.Builder.Buffer("out", element, BufferAccess.Write, values), kernel.Loops.PositionOf(access), value);
}
