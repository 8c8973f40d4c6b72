using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>target[Index(i…)] = value[i…] for all i of a nest.</summary>
/// <param name="Index">From the nest's indices to those of the target's shape.</param>
internal sealed record NestStore(NodeId Value, NestTarget Target, Func<ValueList<IndexForm>, ValueList<IndexForm>> Index)
{
    /// <summary>A node into its own place.</summary>
    public static NestStore Of(LoweringContext context, NodeId node) =>
        new(node, NestTarget.Of(context.Graph[node].Type, context.PlaceOf(node)), index => index);
}

/// <summary>Contiguous memory of a shape.</summary>
internal sealed record NestTarget(BufferRef Place, ElementType Element, ValueList<SizeExpr> Shape)
{
    public static NestTarget Of(TensorType type, Place? place) => place is BufferPlace buffer
        ? new(buffer.Ref, type.Element, type.Shape)
        : throw new CompilerBugException("kernels", "a result has no place");

    public int Buffer(KernelBuilder kernel) => kernel.Buffer("out", Element, BufferAccess.Write, Place);
}

/// <summary>Steps that each element of a nest runs through inside the nest.</summary>
/// <param name="Stand">Binds, for the plan's trial, what only exists within the steps.</param>
/// <param name="Element">Writes all steps, and the stores, of the elements at a place.</param>
internal sealed record NestScan(SizeExpr Count, Action<KernelBuilder> Stand, Action<KernelBuilder, Coords> Element);
