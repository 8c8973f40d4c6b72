using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Scheduling;

/// <summary>
/// A group as a program of its own, which is lowered just as in its place: what it reads are arguments, what is made once are parameters. Its text
/// does not depend on what stands around it, so that it names the group wherever it is.
/// </summary>
internal static class GroupAlone
{
    /// <summary>The program, or null: sizes are not known, something can fail (its message belongs to its place), or nothing is left to run.</summary>
    public static GroupProgram? Of(LoweringContext context, FusionGroup group)
    {
        var graph = context.Graph;
        var alone = GroupProgram.Of(
            graph, group, id => context.PlaceOf(id) is null && graph[id] is SplatNode or SizeNode or IotaNode or ConstantNode, context.IsOnce);
        return alone.Inputs.Concat(alone.Nodes).All(n => IsFixed(graph[n])) && !alone.Inputs.All(context.IsOnce) ? alone : null;
    }

    /// <summary>The program in the one group that it is.</summary>
    public static FusedGraph Fused(GroupProgram alone) => new(alone.Graph, [alone.Group], [], new Dictionary<NodeId, FusedGraph>());

    private static bool IsFixed(Node node) => node.Type.Shape.All(s => s.IsConstant) && node switch
    {
        SizeNode size => size.Size.IsConstant,
        ViewNode view => view.Access.All(IsFixed),
        GatherNode gather => gather.Access.All(IsFixed),
        ScatterNode scatter => scatter.Access.All(IsFixed),
        ScanNode or IterateNode or ResultNode => false,
        _ => true,
    };

    private static bool IsFixed(AxisAccess access) => access.Site < 0 && access.Offset.IsConstant && access.Terms.All(t => t.Coefficient.IsConstant);
}
