using Lepton.Graphs;

namespace Lepton.Placement.Costs;

/// <summary>The name under which measured times of a group are kept: what it is and some digits for its program, wherever it stands.</summary>
public static class GroupKey
{
    public static string Of(FusedGraph fused, FusionGroup group) => Of(fused, group, PreparedGroup.Of(fused).Stored);

    internal static string Of(FusedGraph fused, FusionGroup group, IReadOnlySet<NodeId> prepared)
    {
        var graph = fused.Graph;

        // Which numbers a table holds makes no difference to time.
        return GroupProgram.Of(graph, group, IsInside, id => prepared.Contains(id) || PreparedGroup.IsGiven(graph[id]))
            .Key(group.Strategy.ToString().ToLowerInvariant());

        bool IsInside(NodeId id) => graph[id] is SplatNode or SizeNode or IotaNode or ConstantNode { Values.Count: 1 };
    }
}
