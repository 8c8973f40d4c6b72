using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>What a walk from the inputs says about each node before groups are planned from the outputs.</summary>
internal sealed class Origins
{
    private const double Heaviest = 1e6;

    private readonly double[] _weight;
    private readonly int[] _contract;
    private readonly int[] _reduce;
    private readonly int[] _base;
    private readonly int[] _stored;

    public Origins(Graph graph)
    {
        var count = graph.Nodes.Count;
        var uses = graph.CountUses();
        (_weight, _contract, _reduce, _base, _stored) = (new double[count], new int[count], new int[count], new int[count], new int[count]);
        for (var i = 0; i < count; i++)
        {
            var node = graph.Nodes[i];
            (_weight[i], _contract[i], _reduce[i]) = (Costs.Of(node), node is ContractNode ? i : -1, node is ReduceNode ? i : -1);
            _stored[i] = _reduce[i];
            _base[i] = node is MapNode ? Base(graph, node, i) : i;
            if (node is not (MapNode or GatherNode or ViewNode or ReshapeNode))
            {
                continue;
            }

            foreach (var operand in node.Operands.Span)
            {
                _weight[i] = Math.Min(_weight[i] + _weight[operand.Value], Heaviest);
                if (node is MapNode)
                {
                    _contract[i] = uses[operand.Value] == 1 ? Math.Max(_contract[i], _contract[operand.Value]) : _contract[i];
                    _reduce[i] = Math.Max(_reduce[i], _reduce[operand.Value]);
                    _stored[i] = uses[operand.Value] == 1 ? Math.Max(_stored[i], _stored[operand.Value]) : _stored[i];
                }
            }
        }
    }

    /// <summary>The cost of one element when everything elementwise before the node is computed again.</summary>
    public double Weight(NodeId id) => _weight[id.Value];

    /// <summary>The contraction of which the node is an elementwise function that nobody else sees, or null: its epilogue.</summary>
    public NodeId? Contract(NodeId id) => _contract[id.Value] >= 0 ? new NodeId(_contract[id.Value]) : null;

    /// <summary>The tensor over the same space of which the node is an elementwise function (one of them), or the node itself.</summary>
    public NodeId Base(NodeId id) => new(_base[id.Value]);

    private int Base(Graph graph, Node map, int self)
    {
        foreach (var operand in map.Operands.Span)
        {
            if (graph[operand] is not (SplatNode or ViewNode or IotaNode))
            {
                return _base[operand.Value];
            }
        }

        return self;
    }

    /// <summary>The reduction of which the node is an elementwise function, element by element, that nobody else sees, or null.</summary>
    public NodeId? Behind(NodeId id) => _stored[id.Value] >= 0 ? new NodeId(_stored[id.Value]) : null;

    /// <summary>A reduction of which the node is an elementwise function per row, or null.</summary>
    public NodeId? Reduce(NodeId id) => _reduce[id.Value] >= 0 ? new NodeId(_reduce[id.Value]) : null;
}
