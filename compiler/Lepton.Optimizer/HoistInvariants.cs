using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// What a scan or iterate computes anew in every step although it depends on captures alone moves in front of the loop:
/// <code>
/// scan { h' = tanh(x[t] @ (w * s) + h) }   ->   v = w * s;  scan { h' = tanh(x[t] @ v + h) }
/// </code>
/// A loop may run no step, so what can fail (an access that is checked at run time) stays inside. Views, iotas and numbers stay where they
/// are used, they cost nothing; cheap elementwise work stays too, unless it is a scalar, because a stored tensor has to be loaded again.
/// </summary>
public static class HoistInvariants
{
    private const double WorthStoring = 4;
    private const double Heavy = 1000;

    public static Graph Run(Graph graph) => Rewrite.InBodies(graph, g => Rewrite.Flat(g, (target, node) => target.Add(node switch
    {
        ScanNode scan => Hoist(target, scan.Body, scan.Captures) is var (captures, body) ? scan with { Captures = captures, Body = body } : scan,
        IterateNode it => Hoist(target, it.Body, it.Captures) is var (captures, body) ? it with { Captures = captures, Body = body } : it,
        _ => node,
    })));

    private static (ValueList<NodeId> Captures, Graph Body)? Hoist(GraphAssembler outer, Graph body, ValueList<NodeId> captures)
    {
        var weight = InvariantWeights(body);
        var roots = Roots(body, weight);
        if (roots.Count == 0)
        {
            return null;
        }

        var outside = CopyOut(outer, body, captures, roots);
        return ([.. captures, .. roots.Select(r => outside[r]!.Value)], Shrink(body, roots));
    }

    // The cost of one element of each invariant node with all that it hangs on, or -1 for what changes from step to step.
    private static double[] InvariantWeights(Graph body)
    {
        var weight = new double[body.Nodes.Count];
        for (var i = 0; i < weight.Length; i++)
        {
            var node = body.Nodes[i];
            weight[i] = node switch
            {
                InputNode input => input.Kind == InputKind.Capture ? 0 : -1,
                _ when CanFail(node) => -1,
                ContractNode or ReduceNode or SortNode or ScatterNode or ScanNode or IterateNode => Heavy,
                _ => Costs.Of(node),
            };
            foreach (var operand in node.Operands.Span)
            {
                weight[i] = weight[i] < 0 || weight[operand.Value] < 0 ? -1 : Math.Min(weight[i] + weight[operand.Value], Heavy);
            }
        }

        return weight;
    }

    private static bool CanFail(Node node) => node switch
    {
        GatherNode gather => gather.Access.Any(a => a.Site >= 0),
        ScatterNode scatter => scatter.Access.Any(a => a.Site >= 0),
        ScanNode scan => scan.Body.Nodes.Any(CanFail),
        IterateNode iterate => iterate.Body.Nodes.Any(CanFail),
        _ => false,
    };

    // The invariant values that something staying in the body reads, and that are worth a place in memory.
    private static List<int> Roots(Graph body, double[] weight)
    {
        var needed = new bool[body.Nodes.Count];
        foreach (var output in body.Outputs)
        {
            needed[output.Node.Value] = true;
        }

        var roots = new List<int>();
        for (var i = needed.Length - 1; i >= 0; i--)
        {
            var node = body.Nodes[i];
            var isWork = node is MapNode or GatherNode or ContractNode or ReduceNode or SortNode or ScatterNode or ConcatNode or ResultNode;
            if (needed[i] && isWork && weight[i] > 0 && (weight[i] >= WorthStoring || node.Type.Rank == 0))
            {
                roots.Add(i);
            }
            else if (needed[i])
            {
                foreach (var operand in node.Operands.Span)
                {
                    needed[operand.Value] = true;
                }
            }
        }

        roots.Reverse();
        return roots;
    }

    private static NodeId?[] CopyOut(GraphAssembler outer, Graph body, ValueList<NodeId> captures, List<int> roots)
    {
        var wanted = new bool[body.Nodes.Count];
        roots.ForEach(r => wanted[r] = true);
        for (var i = wanted.Length - 1; i >= 0; i--)
        {
            foreach (var operand in wanted[i] ? body.Nodes[i].Operands.Span : [])
            {
                wanted[operand.Value] = true;
            }
        }

        var outside = new NodeId?[wanted.Length];
        var firstCapture = body.Inputs.Count - captures.Count;
        for (var k = 0; k < captures.Count; k++)
        {
            outside[body.Inputs[firstCapture + k].Value] = captures[k];
        }

        for (var i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] && body.Nodes[i] is not InputNode)
            {
                var node = body.Nodes[i];
                outside[i] = outer.Add(node.WithOperands(node.Operands.Select(o => outside[o.Value]!.Value).ToValueList()));
            }
        }

        return outside;
    }

    // Inputs come first: the new captures stand behind the old ones in the calling order.
    private static Graph Shrink(Graph body, List<int> roots)
    {
        var target = GraphAssembler.Like(body);
        var moved = new NodeId[body.Nodes.Count];
        foreach (var input in body.Inputs)
        {
            moved[input.Value] = target.Add(body[input]);
        }

        var hoisted = new HashSet<int>(roots);
        foreach (var root in roots)
        {
            moved[root] = target.Add(new InputNode(body.Nodes[root].Type, InputKind.Capture, $"invariant{target.Nodes.Count}"));
        }

        for (var i = 0; i < moved.Length; i++)
        {
            if (body.Nodes[i] is not InputNode && !hoisted.Contains(i))
            {
                moved[i] = target.Add(Rewrite.Move(body.Nodes[i], moved));
            }
        }

        return Rewrite.Finish(body, target, moved);
    }
}
