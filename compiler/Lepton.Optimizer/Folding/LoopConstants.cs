using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Folding;

/// <summary>Constants and loops.</summary>
internal static class LoopConstants
{
    private const int MaxListed = 64;

    /// <summary>
    /// capture of c -> c inside the body: a number needs no memory, and the body folds it. Outer loops first, so that a constant sinks to
    /// the innermost body in one walk.
    /// </summary>
    public static Graph Run(Graph graph) => !graph.Nodes.Any(n => n is ScanNode or IterateNode)
        ? graph
        : Rewrite.Flat(graph, (target, node) => target.Add(node switch
        {
            ScanNode scan => Sink(target, scan, scan.Body, scan.States, scan.Captures, (captures, body) => scan with { Captures = captures, Body = body }),
            IterateNode it => Sink(target, it, it.Body, it.States, it.Captures, (captures, body) => it with { Captures = captures, Body = body }),
            _ => node,
        }));

    /// <summary>A state after no step -> its start; an emit of no step is empty.</summary>
    public static NodeId? Fold(GraphAssembler target, ResultNode result) => target[result.Source] switch
    {
        ScanNode scan when scan.Count == SizeExpr.Zero => result.Index < scan.States.Count ? scan.States[result.Index] : target.Splat(result.Type, 0),
        IterateNode iterate when iterate.Max == SizeExpr.Zero => iterate.States[result.Index],
        _ => null,
    };

    private static Node Sink(
        GraphAssembler target, Node loop, Graph body, ValueList<NodeId> states, ValueList<NodeId> captures, Func<ValueList<NodeId>, Graph, Node> rebuild)
    {
        var constants = new Dictionary<NodeId, Node>();
        var kept = new List<NodeId>();
        for (var k = 0; k < captures.Count; k++)
        {
            if (target[captures[k]] is SplatNode or SizeNode or ConstantNode { Values.Count: <= MaxListed } && target[captures[k]] is var constant)
            {
                constants.Add(body.Inputs[1 + states.Count + k], constant);
            }
            else
            {
                kept.Add(captures[k]);
            }
        }

        var sunk = body;
        if (constants.Count > 0)
        {
            var position = 0;
            sunk = Rewrite.Flat(body, (inner, node) => inner.Add(constants.GetValueOrDefault(new NodeId(position++), node)));
        }

        var done = Run(sunk);
        return ReferenceEquals(done, body) ? loop : rebuild(kept.ToValueList(), done);
    }
}
