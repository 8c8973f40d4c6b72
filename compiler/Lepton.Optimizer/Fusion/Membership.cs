using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer.Fusion;

/// <summary>A node becomes a member of a group, and the group reads the node's operands.</summary>
internal sealed partial class Planner
{
    private static readonly Level[] SpaceLevels = [Level.Space, Level.Row, Level.Full];

    private void Enter(NodeId id, Read read) => Enter(id, read.Group, read.Resolved, read.Evaluations, read.Guarded);

    /// <param name="levels">At which indices the group computes the node.</param>
    /// <param name="evaluations">How often at other indices.</param>
    private void Enter(NodeId id, OpenGroup group, Level levels, double evaluations, bool guarded)
    {
        group.Members.Add(id);
        var node = _graph[id];
        group.Elementwise += node is MapNode or GatherNode ? 1 : 0;
        switch (node)
        {
            case MapNode:
                foreach (var operand in node.Operands.Span)
                {
                    Same(id, operand, group, levels, evaluations, guarded);
                }

                break;
            case ViewNode view:
                Through(id, view, group, levels, evaluations, guarded);
                break;
            case GatherNode gather:
                foreach (var index in gather.Indices)
                {
                    Same(id, index, group, levels, evaluations, guarded);
                }

                Reading(id, gather.Source, group, Level.Other, Evaluated(group, levels, evaluations), guarded || IsGuarded(gather.Access));
                break;
            case ReshapeNode reshape:
                Reading(id, reshape.Source, group, Level.Other, Evaluated(group, levels, evaluations), guarded);
                break;
            case ReduceNode reduce:
                RememberRows(group, reduce);
                Reading(id, reduce.Source, group, group.FullLevel, 0, false);
                break;
            case ContractNode when _attentions.TryGetValue(id, out var attention):
                EnterAttention(attention, group);
                break;
            case ContractNode:
                // Factors are packed, some of their elements more than once.
                foreach (var factor in node.Operands.Span)
                {
                    Reading(id, factor, group, Level.Other, 2 * Elements(factor), false);
                }

                break;
            case ScanNode or IterateNode or FormatNode:
                foreach (var operand in node.Operands.Span)
                {
                    Reading(id, operand, group, Level.Memory, 0, false);
                }

                break;
            default:
                foreach (var operand in node.Operands.Span)
                {
                    Reading(id, operand, group, Level.Other, Elements(operand), false);
                }

                break;
        }
    }

    // An elementwise operation reads at the index at which it is computed.
    private void Same(NodeId consumer, NodeId operand, OpenGroup group, Level levels, double evaluations, bool guarded)
    {
        foreach (var level in SpaceLevels)
        {
            if ((levels & level) != 0)
            {
                Reading(consumer, operand, group, level, 0, guarded);
            }
        }

        if ((levels & Level.Other) != 0)
        {
            Reading(consumer, operand, group, Level.Other, evaluations, guarded);
        }
    }

    private void Through(NodeId id, ViewNode view, OpenGroup group, Level levels, double evaluations, bool guarded)
    {
        guarded |= IsGuarded(view.Access);
        var source = _graph[view.Source].Type.Shape;
        if (source == view.Type.Shape && view.Access.Select(a => a.AsPlainAxis).SequenceEqual(Enumerable.Range(0, source.Count)))
        {
            // A copy.
            Same(id, view.Source, group, levels, evaluations, guarded);
            return;
        }

        var repeats = RepeatsRows(view);
        if ((levels & group.FullLevel) != 0 && repeats is { } kept)
        {
            if (group.RootIsRow && kept == group.Kept)
            {
                Reading(id, view.Source, group, Level.Space, 0, guarded);
            }
            else if (!group.RootIsRow)
            {
                Reading(id, view.Source, group, Level.Repeated, Costs.Elements(group.Space), guarded, kept);
            }
            else
            {
                Reading(id, view.Source, group, Level.Other, Costs.Elements(group.Full), guarded);
            }

            levels &= ~group.FullLevel;
        }

        if (levels != Level.None)
        {
            Reading(id, view.Source, group, Level.Other, Evaluated(group, levels, evaluations), guarded);
        }
    }

    // y[i, j] = x[i]: the axes of y along which x lies, if it lies straight and in order.
    private ValueList<int>? RepeatsRows(ViewNode view)
    {
        if (!Affine.IsPlain(view, _graph[view.Source].Type.Shape) || view.Access.Count >= view.Type.Rank)
        {
            return null;
        }

        var axes = view.Access.Select(a => a.AsPlainAxis).ToValueList();
        return axes.SequenceEqual(axes.Order()) ? axes : null;
    }

    private void Reading(
        NodeId consumer, NodeId operand, OpenGroup group, Level level, double evaluations, bool guarded, ValueList<int> kept = default) =>
        (_reads[operand.Value] ??= new ReadList()).Of(group, consumer).Add(level, evaluations, kept, guarded);

    private static double Evaluated(OpenGroup group, Level levels, double evaluations) =>
        ((levels & Level.Space) != 0 ? Costs.Elements(group.Space) : 0)
        + ((levels & Level.Full) != 0 ? Costs.Elements(group.Full) : 0)
        + ((levels & Level.Row) != 0 ? Costs.Elements(group.Kept.Select(a => group.Full[a]).ToValueList()) : 0)
        + ((levels & Level.Other) != 0 ? evaluations : 0);

    private double Elements(NodeId id) => Costs.Elements(_graph[id].Type.Shape);

    private static bool IsGuarded(ValueList<AxisAccess> access) => access.Any(a => a.Outside != Outside.Never);
}
