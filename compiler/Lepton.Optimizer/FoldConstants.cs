using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Folding;

namespace Lepton.Optimizer;

/// <summary>
/// What does not depend on inputs is computed now, by the interpreter's own meaning of numbers. Numbers that are the same everywhere stay one
/// number whatever the shape; listed constants are folded up to <see cref="MaxElements"/> elements, so that no module grows by it.
/// </summary>
public static class FoldConstants
{
    /// <summary>The largest constant that folding makes.</summary>
    public const int MaxElements = 4096;

    public static Graph Run(Graph graph) => Rewrite.InBodies(LoopConstants.Run(graph), g => Rewrite.Flat(g, Fold));

    private static NodeId Fold(GraphAssembler target, Node node)
    {
        var folded = EmptyTensors.Fold(target, node) ?? node switch
        {
            SizeNode { Size.AsConstant: { } size } => target.Splat(Scalar.Integer(ElementType.I64, size)),
            IotaNode iota when iota.Type.Shape[iota.Axis] == SizeExpr.One => target.Splat(iota.Type, 0),
            ConstantNode constant => Uniform(target, constant),
            MapNode map => OfMap(target, map),
            ViewNode view => ConstantViews.Fold(target, view),
            ReduceNode reduce => OfReduce(target, reduce),
            SortNode { Indices: false } sort when target[sort.Source] is SplatNode => sort.Source,
            ConcatNode concat => OfConcat(target, concat),
            ResultNode result => LoopConstants.Fold(target, result),
            _ => null,
        };
        return folded ?? target.Add(node);
    }

    // [c, c, …, c] -> c everywhere
    private static NodeId? Uniform(GraphAssembler target, ConstantNode constant)
    {
        var first = constant.Values.Count > 0 ? constant.Values[0] : Scalar.Of(constant.Type.Element, 0);
        return constant.Values.Span.ContainsAnyExcept(first) ? null : target.Splat(first, constant.Type.Shape);
    }

    // op(c, d) -> the number, everywhere or element by element
    private static NodeId? OfMap(GraphAssembler target, MapNode map)
    {
        var listed = 0;
        foreach (var argument in map.Arguments)
        {
            switch (target[argument])
            {
                case SplatNode:
                    break;
                case ConstantNode constant when constant.Values.Count <= MaxElements:
                    listed = constant.Values.Count;
                    break;
                default:
                    return null;
            }
        }

        var arguments = new Scalar[map.Arguments.Count];
        if (listed == 0)
        {
            return target.Splat(Element(target, map, arguments, 0), map.Type.Shape);
        }

        var values = new Scalar[listed];
        for (var i = 0; i < listed; i++)
        {
            values[i] = Element(target, map, arguments, i);
        }

        return target.Constant(map.Type, ValueList.Create<Scalar>(values));
    }

    private static Scalar Element(GraphAssembler target, MapNode map, Scalar[] arguments, int element)
    {
        for (var k = 0; k < arguments.Length; k++)
        {
            arguments[k] = target[map.Arguments[k]] is ConstantNode constant ? constant.Values[element] : ((SplatNode)target[map.Arguments[k]]).Value;
        }

        return ScalarMeaning.Apply(map.Op, map.Type.Element, arguments);
    }

    // max over c -> c, argmax over c -> 0, sum over n integers c -> n*c; never over nothing. A float sum rounds at every step.
    private static NodeId? OfReduce(GraphAssembler target, ReduceNode reduce)
    {
        if (target[reduce.Source] is not SplatNode splat)
        {
            return null;
        }

        var count = SizeExpr.Product(reduce.Axes.Select(a => splat.Type.Shape[a]));
        if (count.LowerBound() is not > 0)
        {
            return null;
        }

        return reduce.Kind switch
        {
            ReduceKind.Max or ReduceKind.Min or ReduceKind.Any or ReduceKind.All => target.Splat(splat.Value, reduce.Type.Shape),
            ReduceKind.ArgMax or ReduceKind.ArgMin => target.Splat(reduce.Type, 0),
            ReduceKind.Sum when splat.Value.Type.IsInteger() && count.AsConstant is { } n =>
                target.Splat(Scalar.Integer(splat.Value.Type, unchecked(n * splat.Value.AsInteger)), reduce.Type.Shape),
            _ => null,
        };
    }

    // concat(c, c) -> c
    private static NodeId? OfConcat(GraphAssembler target, ConcatNode concat) =>
        target[concat.Parts[0]] is SplatNode first && concat.Parts.All(p => target[p] is SplatNode s && s.Value == first.Value)
            ? target.Splat(first.Value, concat.Type.Shape)
            : null;
}
