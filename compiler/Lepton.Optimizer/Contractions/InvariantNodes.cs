using Lepton.Graphs;

namespace Lepton.Optimizer.Contractions;

/// <summary>What depends on parameters, captures and constants alone: it does not change from run to run, or from step to step in a loop.</summary>
internal sealed class InvariantNodes
{
    private readonly List<bool> _isInvariant = [];

    public bool Contains(GraphAssembler graph, NodeId id)
    {
        for (var i = _isInvariant.Count; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            var isInvariant = node is InputNode input
                ? input.Kind is InputKind.Parameter or InputKind.Capture
                : node is not (GatherNode or ScanNode or IterateNode or ScatterNode);
            foreach (var operand in node.Operands.Span)
            {
                isInvariant &= _isInvariant[operand.Value];
            }

            _isInvariant.Add(isInvariant);
        }

        return _isInvariant[id.Value];
    }
}
