using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>
/// The same graph with every float type made f64, so that nothing is rounded on the way: what is left of the difference to the graph itself
/// is rounding, which tolerances have to cover.
/// </summary>
internal static class Widening
{
    public static Graph Widen(Graph graph)
    {
        var wide = GraphAssembler.Like(graph);
        var to = new NodeId[graph.Nodes.Count];
        for (var i = 0; i < to.Length; i++)
        {
            var node = graph.Nodes[i].WithOperands(graph.Nodes[i].Operands.Select(o => to[o.Value]).ToValueList());
            node = node switch
            {
                SplatNode splat => splat with { Value = Widen(splat.Value) },
                ConstantNode constant => constant with { Values = constant.Values.Select(Widen).ToValueList() },
                ViewNode { Fill: { } fill } view => view with { Fill = Widen(fill) },
                GatherNode { Fill: { } fill } gather => gather with { Fill = Widen(fill) },
                ScanNode scan => scan with { Body = Widen(scan.Body) },
                IterateNode iterate => iterate with { Body = Widen(iterate.Body) },
                _ => node,
            };
            to[i] = node is MapNode { Op: MapOp.RandomUniform or MapOp.RandomNormal }
                ? wide.Cast(wide.Add(node), ElementType.F64)
                : wide.Add(node with { Type = Widen(node.Type) });
        }

        foreach (var output in graph.Outputs)
        {
            wide.Output(output.Name, to[output.Node.Value]);
        }

        return wide.ToGraph();
    }

    public static TensorValue Widen(TensorValue value) =>
        value.Element.IsFloat() ? TensorValue.OfFloats(ElementType.F64, [.. value.Dims], value.AsFloats) : value;

    private static TensorType Widen(TensorType type) => type.Element.IsFloat() ? type.WithElement(ElementType.F64) : type;

    private static Scalar Widen(Scalar value) => value.Type.IsFloat() ? Scalar.Float(ElementType.F64, value.AsDouble) : value;
}
