using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Algebra;

namespace Lepton.Optimizer.Folding;

/// <summary>Operations over nothing.</summary>
internal static class EmptyTensors
{
    public static NodeId? Fold(GraphAssembler target, Node node) => node switch
    {
        // An empty result needs no computation; loops and inputs keep their places.
        MapNode or ViewNode or ReshapeNode or ContractNode or ReduceNode or ConcatNode or SortNode
            when IsEmpty(node.Type.Shape) => target.Splat(node.Type, 0),

        // reduce over nothing -> the neutral element
        ReduceNode reduce when reduce.Axes.Any(a => IsEmpty(target.TypeOf(reduce.Source).Shape[a])) =>
            target.Splat(Neutral(reduce.Kind, reduce.Type.Element), reduce.Type.Shape),

        // Σ over nothing -> 0
        ContractNode contract when contract.Factors.Any(f => IsEmpty(target.TypeOf(f).Shape)) => target.Splat(contract.Type, 0),

        // scatter of nothing -> base
        ScatterNode scatter when IsEmpty(target.TypeOf(scatter.Updates).Shape) => scatter.Base,

        // concat(a, nothing) -> a
        ConcatNode concat when concat.Parts.Any(p => IsEmpty(target.TypeOf(p).Shape)) =>
            target.Concat(concat.Parts.Where(p => !IsEmpty(target.TypeOf(p).Shape)).ToValueList(), concat.Axis),
        _ => null,
    };

    private static Scalar Neutral(ReduceKind kind, ElementType element) => kind switch
    {
        ReduceKind.Sum or ReduceKind.Any => Scalar.Of(element, 0),
        ReduceKind.Prod or ReduceKind.All => Scalar.Of(element, 1),
        ReduceKind.Max => TypeRange.End(element, top: false),
        ReduceKind.Min => TypeRange.End(element, top: true),
        _ => Scalar.Of(element, -1),
    };

    private static bool IsEmpty(ValueList<SizeExpr> shape) => shape.Any(IsEmpty);

    private static bool IsEmpty(SizeExpr size) => size == SizeExpr.Zero;
}
