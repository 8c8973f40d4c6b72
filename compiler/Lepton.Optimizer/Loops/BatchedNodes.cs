using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Loops;

/// <summary>What a node of a scan's body depends on at most.</summary>
internal enum StepKind
{
    Invariant,
    Step,
    State,
}

/// <summary>
/// Nodes of a scan's body that depend on no state, in the graph outside: an invariant as it is, another for all steps, along a new first axis.
/// <code>
/// batched(n)[t, i…] = n[i…] in step t
/// </code>
/// </summary>
internal sealed class BatchedNodes(GraphAssembler outer, ScanNode scan, StepKind[] kinds)
{
    private readonly NodeId?[] _made = new NodeId?[scan.Body.Nodes.Count];

    /// <summary>Where a node that was added is.</summary>
    public NodeId this[int node] => _made[node]!.Value;

    /// <summary>Whether an operation can be done for all steps at once.</summary>
    public static bool Suits(Node node) => node switch
    {
        ScatterNode or ScanNode or IterateNode or ResultNode => false,
        GatherNode gather => gather.Access.All(a => a.Site < 0),
        _ => true,
    };

    /// <summary>Adds nodes and all that they are made of.</summary>
    public void Add(IEnumerable<int> nodes)
    {
        var body = scan.Body;
        var wanted = new bool[body.Nodes.Count];
        foreach (var node in nodes)
        {
            wanted[node] = true;
        }

        for (var i = wanted.Length - 1; i >= 0; i--)
        {
            foreach (var operand in wanted[i] ? body.Nodes[i].Operands.Span : [])
            {
                wanted[operand.Value] = true;
            }
        }

        var first = body.Inputs.Count - scan.Captures.Count;
        for (var k = 0; k < scan.Captures.Count; k++)
        {
            _made[body.Inputs[first + k].Value] = scan.Captures[k];
        }

        for (var i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] && _made[i] is null)
            {
                _made[i] = kinds[i] == StepKind.Step ? outer.Add(Batched(body.Nodes[i])) : outer.Add(Same(body.Nodes[i]));
            }
        }
    }

    private Node Same(Node node) => node.WithOperands(node.Operands.Select(o => _made[o.Value]!.Value).ToValueList());

    private Node Batched(Node node)
    {
        var type = node.Type with { Shape = [scan.Count, .. node.Type.Shape] };
        switch (node)
        {
            case InputNode:
                return new IotaNode(type, 0);
            case MapNode map:
                return map with { Type = type, Arguments = map.Arguments.Select(All).ToValueList() };
            case ViewNode view:
                return view with { Type = type, Source = All(view.Source), Access = [AxisAccess.Axis(0), .. view.Access.Select(Behind)] };
            case ReshapeNode reshape:
                return reshape with { Type = type, Source = All(reshape.Source) };
            case ContractNode contract:
                return Batched(contract, type);
            case ReduceNode reduce:
                return reduce with { Type = type, Source = All(reduce.Source), Axes = reduce.Axes.Select(a => a + 1).ToValueList() };
            case GatherNode gather:
                return Batched(gather, type);
            case ConcatNode concat:
                return concat with { Type = type, Parts = concat.Parts.Select(All).ToValueList(), Axis = concat.Axis + 1 };
            case SortNode sort:
                return sort with { Type = type, Source = All(sort.Source), Axis = sort.Axis + 1 };
            default:
                throw new CompilerBugException("batch-steps", $"{node.Name} depends on the step alone");
        }
    }

    // The steps are one more label of the result, and of the factors that have it.
    private ContractNode Batched(ContractNode contract, TensorType type)
    {
        var steps = contract.Labels.SelectMany(l => l).Append(-1).Max() + 1;
        var labels = contract.Factors.Select((f, k) => kinds[f.Value] == StepKind.Step ? [steps, .. contract.Labels[k]] : contract.Labels[k]);
        return new ContractNode(type, contract.Factors.Select(f => _made[f.Value]!.Value).ToValueList(), labels.ToValueList(), [steps, .. contract.Output]);
    }

    private Node Batched(GatherNode gather, TensorType type)
    {
        var isStep = kinds[gather.Source.Value] == StepKind.Step;
        var source = _made[gather.Source.Value]!.Value;
        var shape = outer.TypeOf(source).Shape;

        // x[step, …] is x itself, or its first steps.
        if (!isStep && gather.Access.Select((a, axis) => a.Data < 0 || IsStep(gather.Indices[a.Data], shape[axis], a)).All(fits => fits))
        {
            var plain = gather.Access.Select(a => a.Data >= 0 ? AxisAccess.Axis(0) : Behind(a)).ToValueList();
            return new ViewNode(type, source, plain, gather.Fill);
        }

        ValueList<AxisAccess> access = [.. isStep ? (AxisAccess[])[AxisAccess.Axis(0)] : [], .. gather.Access.Select(Behind)];
        return new GatherNode(type, source, gather.Indices.Select(All).ToValueList(), access, gather.Fill);
    }

    // An index that is the step in every element.
    private bool IsStep(NodeId index, SizeExpr size, AxisAccess access)
    {
        var node = scan.Body[index] is ViewNode { Access.Count: 0 } view ? scan.Body[view.Source] : scan.Body[index];
        return node is InputNode { Kind: InputKind.Step } && access.Outside == Outside.Never && (size - scan.Count).IsProvablyNonNegative();
    }

    // A value of every step: what is the same in all of them is repeated.
    private NodeId All(NodeId node)
    {
        var made = _made[node.Value]!.Value;
        var type = outer.TypeOf(made);
        return kinds[node.Value] == StepKind.Step
            ? made
            : outer.Add(new ViewNode(
                type with { Shape = [scan.Count, .. type.Shape] }, made, Enumerable.Range(1, type.Rank).Select(AxisAccess.Axis).ToValueList(), null));
    }

    private static AxisAccess Behind(AxisAccess access) =>
        access with { Terms = access.Terms.Select(t => t with { Axis = t.Axis + 1 }).ToValueList() };
}
