using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// Nodes that depend on parameters, constants and sizes alone, so that their work can be done once for a set of parameters, and those for
/// which keeping the result pays:
/// <code>
/// pays:   w * (g / sqrt(v + eps))    as large as what it is made of, and one load instead of three
/// not:    f32(w) of int8 weights     four times the memory to read at each run
///         v[j] * u[i], large         more memory than what it is made of
///         i32(i8(w))                 i8(w) is kept, and widened where it is read
/// </code>
/// Reductions and contractions pay whenever the result may be kept. In the body of a loop nothing counts as a parameter.
/// </summary>
internal sealed class OnceNodes
{
    // The limits are those of PreparedGroup.
    private const long AlwaysSmall = 256 * 1024;
    private const long Growth = 2;

    // A value of so few bytes is in the nearest cache whenever it is used.
    private const long Tiny = 4 * 1024;

    private readonly Graph _graph;
    private readonly Origins _origins;
    private readonly bool[] _isFixed;
    private readonly SizeExpr?[] _leafBytes;
    private readonly bool[] _canFail;

    public OnceNodes(Graph graph, Origins origins)
    {
        (_graph, _origins) = (graph, origins);
        var count = graph.Nodes.Count;
        (_isFixed, _leafBytes, _canFail) = (new bool[count], new SizeExpr?[count], new bool[count]);
        for (var i = 0; i < count; i++)
        {
            var node = graph.Nodes[i];
            _canFail[i] = node is GatherNode gather && gather.Access.Any(a => a.Site >= 0);
            _isFixed[i] = node switch
            {
                InputNode input => input.Kind == InputKind.Parameter,
                ScanNode or IterateNode or ResultNode or ScatterNode => false,
                _ => true,
            };
            foreach (var operand in node.Operands.Span)
            {
                _isFixed[i] &= _isFixed[operand.Value];
                _canFail[i] |= _canFail[operand.Value];
            }

            _leafBytes[i] = _isFixed[i] ? LeafBytes(node) : null;
        }
    }

    /// <summary>Whether the node may be kept: it depends on parameters alone, cannot fail, and is not much larger than what it is made of.</summary>
    public bool MayKeep(NodeId id) => _isFixed[id.Value] && !_canFail[id.Value] && _graph[id] is not (InputNode or ConstantNode)
        && (IsAtMost(Bytes(id), AlwaysSmall) || IsAtMost(Bytes(id), _leafBytes[id.Value]! * Growth));

    /// <summary>Whether keeping an elementwise value that a run reads is better than computing it where it is read.</summary>
    public bool Pays(NodeId id)
    {
        var (weight, type) = (_origins.Weight(id), _graph[id].Type);
        if (weight == 0 || type.Rank == 0 || !MayKeep(id) || (_graph[id] is MapNode { Op: MapOp.Cast } cast && IsWider(id, cast.Arguments[0]) && Pays(cast.Arguments[0])))
        {
            return false;
        }

        // Made of positions: indices and masks are best known as what they are, and only long work is worth a load.
        return _leafBytes[id.Value] == SizeExpr.Zero
            ? type.Element.IsFloat() && weight > Costs.StoreAndLoad
            : weight > Costs.StoreAndLoad || IsAtMost(Bytes(id), Tiny) || IsAtMost(Bytes(id), _leafBytes[id.Value]!);
    }

    private bool IsWider(NodeId id, NodeId source) => _graph[id].Type.Element.ByteSize() > _graph[source].Type.Element.ByteSize();

    // What a group that stores the node would read. What is stored itself counts as it is.
    private SizeExpr LeafBytes(Node node)
    {
        if (node is InputNode or ConstantNode or ReduceNode or ContractNode or ConcatNode or SortNode)
        {
            return node.Type.Count * node.Type.Element.ByteSize();
        }

        var largest = SizeExpr.Zero;
        foreach (var operand in node.Operands.Span)
        {
            largest = IsAtMost(largest, _leafBytes[operand.Value]!) ? _leafBytes[operand.Value]! : largest;
        }

        return largest;
    }

    private static bool IsAtMost(SizeExpr bytes, SizeExpr limit) => (limit - bytes).IsProvablyNonNegative();

    private SizeExpr Bytes(NodeId id) => _graph[id].Type.Count * _graph[id].Type.Element.ByteSize();
}
