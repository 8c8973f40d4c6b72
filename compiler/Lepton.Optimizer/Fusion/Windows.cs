using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// A contraction of few taps whose elements a pool wants once each is made where it is pooled:
/// <code>
/// x, w ─▶ contract [26, 26] ─▶ relu ─▶ windows of 2 × 2 [13, 13, 2, 2] ─▶ max ─▶ y [13, 13]       one group, in which only y is stored
/// </code>
/// Windows that overlap would compute elements again, and long sums are better made in tiles of many results.
/// </summary>
internal sealed partial class Planner
{
    private const long MostPooledTaps = 32;

    /// <summary>Whether a group pools the contract of which <paramref name="id"/> is a function.</summary>
    private bool TakesPooled(NodeId id, Read read)
    {
        var group = read.Group;
        if (_apart || _contractionsAlone || _origins.Contract(id) is not { } contract || group is not { Strategy: KernelStrategy.Rowwise, RootIsRow: true } || read.Levels != Level.Other
            || ReadsOf(id).Count != 1 || _isOutput[id.Value] || group.IsOnce != IsOnce(id))
        {
            return false;
        }

        var (type, reduces) = (_graph[contract].Type, group.Members.Where(m => _graph[m] is ReduceNode).ToArray());
        return reduces is [var reduce] && ((ReduceNode)_graph[reduce]).Kind is not (ReduceKind.ArgMax or ReduceKind.ArgMin)
            && group.Outputs.All(o => _graph[o].Type.Shape == _graph[reduce].Type.Shape)
            && HasFewTaps((ContractNode)_graph[contract])
            && group.Members.Where(m => m.Value < reduce.Value).Select(m => _graph[m]).OfType<ViewNode>().Where(v => _graph[v.Source].Type.Shape == type.Shape).ToArray() is [var view]
            && !IsGuarded(view.Access) && view.Type.Shape.TakeLast(2).Concat(type.Shape.TakeLast(2)).All(s => s.IsConstant)
            && Costs.Elements(view.Type.Shape) <= Costs.Elements(type.Shape);
    }

    // Σ w·x with x seen through windows.
    private bool HasFewTaps(ContractNode node)
    {
        var taps = SizeExpr.Product(node.Factors.SelectMany((f, i) => node.Labels[i].Select((l, axis) => (Label: l, Size: _graph[f].Type.Shape[axis])))
            .Where(l => !node.Output.Contains(l.Label)).Distinct().Select(l => l.Size));
        return taps.AsConstant is > 1 and <= MostPooledTaps && node.Type.Rank > 1
            && node.Factors.Any(f => _graph[f] is ViewNode view && view.Access.Any(a => a.Terms.Count(t => view.Type.Shape[t.Axis] != SizeExpr.One) > 1));
    }
}
