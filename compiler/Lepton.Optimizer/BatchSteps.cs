using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Loops;

namespace Lepton.Optimizer;

/// <summary>
/// A contraction in a scan that depends on the step and on captures, but on no state, is done for all steps at once before the loop:
/// <code>
/// scan t in T { h' = tanh(x[t] @ wx + h @ wh) }   ->   p[t] = x[t] @ wx;  scan t in T { h' = tanh(p[t] + h @ wh) }
/// </code>
/// One product of T·B rows runs at another speed than T products of B rows. It takes memory for all steps, so not when that is a lot. What can
/// fail stays inside.
/// </summary>
public static class BatchSteps
{
    // Of what one scan computes beforehand.
    private const double MostBytes = 64 << 20;

    public static Graph Run(Graph graph) =>
        Rewrite.InBodies(graph, g => Rewrite.Flat(g, (target, node) => target.Add(node is ScanNode scan ? Batch(target, scan) : node)));

    private static ScanNode Batch(GraphAssembler outer, ScanNode scan)
    {
        if (scan.Count.AsConstant <= 1)
        {
            return scan;
        }

        var body = scan.Body;
        var kinds = Kinds(body);
        var roots = Roots(scan, kinds);
        if (roots.Count == 0)
        {
            return scan;
        }

        var batched = new BatchedNodes(outer, scan, kinds);
        batched.Add(roots);
        var target = GraphAssembler.Like(body);
        var moved = new NodeId[body.Nodes.Count];
        foreach (var input in body.Inputs)
        {
            moved[input.Value] = target.Add(body[input]);
        }

        var captures = scan.Captures.ToList();
        var made = new Dictionary<int, NodeId>();
        foreach (var root in roots)
        {
            captures.Add(batched[root]);
            made[root] = target.Add(new InputNode(outer.TypeOf(batched[root]), InputKind.Capture, $"steps{target.Nodes.Count}"));
        }

        var step = moved[body.Inputs[0].Value];
        for (var i = 0; i < moved.Length; i++)
        {
            if (body.Nodes[i] is not InputNode)
            {
                moved[i] = made.TryGetValue(i, out var all) ? Slice(target, all, step, body.Nodes[i].Type) : target.Add(Rewrite.Move(body.Nodes[i], moved));
            }
        }

        return scan with { Captures = captures.ToValueList(), Body = Rewrite.Finish(body, target, moved) };
    }

    // all[step, …]
    private static NodeId Slice(GraphAssembler target, NodeId all, NodeId step, TensorType type)
    {
        var index = type.Rank == 0 ? step : target.Add(new ViewNode(new TensorType(ElementType.I64, type.Shape), step, [], null));
        ValueList<AxisAccess> access = [AxisAccess.FromData(0, Outside.Never, -1), .. Enumerable.Range(0, type.Rank).Select(AxisAccess.Axis)];
        return target.Add(new GatherNode(type, all, [index], access, null));
    }

    private static StepKind[] Kinds(Graph body)
    {
        var kinds = new StepKind[body.Nodes.Count];
        for (var i = 0; i < kinds.Length; i++)
        {
            var node = body.Nodes[i];
            kinds[i] = node switch
            {
                InputNode { Kind: InputKind.Capture } => StepKind.Invariant,
                InputNode { Kind: InputKind.Step } => StepKind.Step,
                InputNode => StepKind.State,
                _ => BatchedNodes.Suits(node) ? StepKind.Invariant : StepKind.State,
            };
            foreach (var operand in node.Operands.Span)
            {
                kinds[i] = kinds[operand.Value] > kinds[i] ? kinds[operand.Value] : kinds[i];
            }
        }

        return kinds;
    }

    // The values of a step, made of contractions of the step, that something else in the body reads.
    private static List<int> Roots(ScanNode scan, StepKind[] kinds)
    {
        var body = scan.Body;
        var isHeavy = new bool[kinds.Length];
        for (var i = 0; i < kinds.Length; i++)
        {
            isHeavy[i] = kinds[i] == StepKind.Step && (body.Nodes[i] is ContractNode || body.Nodes[i].Operands.Any(o => isHeavy[o.Value]));
        }

        var needed = new bool[kinds.Length];
        foreach (var output in body.Outputs)
        {
            needed[output.Node.Value] = true;
        }

        var (roots, bytes) = (new List<int>(), 0.0);
        for (var i = kinds.Length - 1; i >= 0; i--)
        {
            var node = body.Nodes[i];
            if (!needed[i])
            {
                continue;
            }

            var own = Costs.Size(scan.Count) * Costs.Elements(node.Type.Shape) * node.Type.Element.ByteSize();
            if (isHeavy[i] && node is not (ViewNode or ReshapeNode) && bytes + own <= MostBytes)
            {
                bytes += own;
                roots.Add(i);
                continue;
            }

            foreach (var operand in node.Operands.Span)
            {
                needed[operand.Value] = true;
            }
        }

        roots.Reverse();
        return roots;
    }
}
