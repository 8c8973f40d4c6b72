using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// A product of few rows that is only read in slices along its last axis, side by side by one group, stays in that group's kernel:
/// <code>
/// g = h @ w + b  [B, 4·H]  ─▶ g[:, 0:H], g[:, H:2·H], …  ─▶ gates, cell, state [B, H]       a block of units with all their gates
/// </code>
/// With many rows the product is better cut for its own sake.
/// </summary>
internal sealed partial class Planner
{
    private const long MostGateRows = 64;
    private const long MostGateDepth = 1024;
    private const long MostGates = 8;

    // Slices are made of whole tiles on every target.
    private const long GateColumns = 32;

    /// <summary>Whether a group can have the contract of which <paramref name="id"/> is a function between itself and its slices.</summary>
    private bool TakesGates(NodeId id, Read read)
    {
        var group = read.Group;
        if (_apart || _contractionsAlone || _origins.Contract(id) is not { } contract || group.Strategy != KernelStrategy.Map || read.Levels != Level.Other
            || _graph[id].Type.Shape != _graph[contract].Type.Shape || ReadsOf(id).Count != 1 || _isOutput[id.Value])
        {
            return false;
        }

        if (group.Gated is null && IsTakenApart(id, group) && IsFlat((ContractNode)_graph[contract]))
        {
            group.Gated = contract;
        }

        return group.Gated == contract;
    }

    // Every reader is a slice of the group's own width that starts at a multiple of it.
    private bool IsTakenApart(NodeId id, OpenGroup group)
    {
        var shape = _graph[id].Type.Shape;
        return shape.Count == group.Space.Count && shape.Count >= 1 && group.Space[^1].AsConstant is { } width && width % GateColumns == 0 && width > 0
            && shape[^1].AsConstant is { } all && all % width == 0 && all / width is >= 2 and <= MostGates
            && Enumerable.Range(0, shape.Count - 1).All(a => shape[a] == group.Space[a])
            && group.Outputs.All(o => _graph[o].Type.Shape == group.Space)
            && group.Members.Where(m => _graph[m].Operands.Contains(id)).All(m => !_isOutput[m.Value] && IsSlice(_graph[m], width)
                && ReadsOf(m).All(r => r.Group == group && r.Levels == Level.Space));

        bool IsSlice(Node node, long width) => node is ViewNode view && view.Type.Shape == group.Space
            && Enumerable.Range(0, shape.Count - 1).All(a => view.Access[a].AsPlainAxis == a)
            && view.Access[^1] is { Outside: Outside.Never } last && last.Offset.AsConstant is { } offset && offset % width == 0
            && last.Terms == [new AffineTerm(shape.Count - 1, SizeExpr.One)];
    }

    // The last axis comes from one factor, the others from the other one, and all is small enough for a chunk's own memory.
    private bool IsFlat(ContractNode contract)
    {
        if (contract.Factors.Count != 2 || !contract.Type.Element.IsFloat())
        {
            return false;
        }

        var right = contract.Labels[0].Contains(contract.Output[^1]) ? 0 : 1;
        var (left, type) = (contract.Labels[1 - right], contract.Type);
        var rows = SizeExpr.Product(type.Shape.Take(type.Rank - 1)).AsConstant;
        var depth = Count(contract, 1 - right, left.Except(contract.Output)).AsConstant;
        return rows is >= 1 and <= MostGateRows && depth is >= 1 and <= MostGateDepth
            && left.Except(contract.Output).ToHashSet().SetEquals(contract.Labels[right].Except(contract.Output))
            && contract.Output.SkipLast(1).All(l => left.Contains(l) && !contract.Labels[right].Contains(l)) && !left.Contains(contract.Output[^1]);
    }
}
