using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// Groups that are worth running once for a set of parameters: all that they read depends on parameters, constants and sizes alone.
/// <code>
/// w' = w * (g / sqrt(v + eps))   once          y = conv(x, w') + b'   each run
/// </code>
/// What they store is kept, so it may not be much more than what it was made of: a small parameter repeated along a large axis stays in
/// the run, and so does what can fail, for its message belongs to a run.
/// </summary>
public static class PreparedGroup
{
    /// <summary>Bytes that are kept whatever they are made of: small tables (positions, masks).</summary>
    public const long AlwaysSmall = 256 * 1024;

    private const long Growth = 2;

    /// <param name="graph">The graph of the group; no output of the group may be one of the graph.</param>
    /// <param name="group">The group.</param>
    /// <param name="isFixed">Whether a node that the group reads depends on parameters, constants and sizes alone.</param>
    /// <param name="bytes">The bytes of a node that lies in memory; 0 for one that does not.</param>
    /// <param name="small">How much is always kept.</param>
    public static bool Suits(Graph graph, FusionGroup group, Func<NodeId, bool> isFixed, Func<NodeId, SizeExpr> bytes, SizeExpr small)
    {
        // A loop's results lie where its last step left them, and how much a sparse one stores is known in the run alone.
        if (group.Strategy == KernelStrategy.Loop || group.Outputs.Count == 0 || group.Members.Any(m => CanFail(graph[m]))
            || group.Outputs.Any(o => graph[o] is FormatNode))
        {
            return false;
        }

        var members = group.Members.ToHashSet();
        var (read, written) = (SizeExpr.Zero, SizeExpr.Zero);
        foreach (var operand in group.Members.SelectMany(m => graph[m].Operands).Where(o => !members.Contains(o)).Distinct())
        {
            if (!isFixed(operand))
            {
                return false;
            }

            read += bytes(operand);
        }

        written = group.Outputs.Aggregate(written, (sum, o) => sum + bytes(o));
        return (small - written).IsProvablyNonNegative() || ((read * Growth) - written).IsProvablyNonNegative();
    }

    /// <summary>The names of these groups in a graph, and the nodes that they store.</summary>
    public static (IReadOnlySet<string> Groups, IReadOnlySet<NodeId> Stored) Of(FusedGraph fused)
    {
        var graph = fused.Graph;
        var (groups, stored) = (new HashSet<string>(), new HashSet<NodeId>());
        var outputs = graph.Outputs.Select(o => o.Node).ToHashSet();
        foreach (var group in fused.Groups)
        {
            if (!group.Outputs.Any(outputs.Contains) && Suits(graph, group, IsFixed, n => WorkCount.Bytes(graph[n].Type), AlwaysSmall))
            {
                groups.Add(group.Name);
                stored.UnionWith(group.Outputs);
            }
        }

        return (groups, stored);

        bool IsFixed(NodeId node) => stored.Contains(node) || IsGiven(graph[node]);
    }

    /// <summary>Whether a node is known before a run: a parameter, a constant, a size.</summary>
    public static bool IsGiven(Node node) =>
        node is InputNode { Kind: InputKind.Parameter } or ConstantNode or SplatNode or SizeNode or IotaNode;

    private static bool CanFail(Node node) => node switch
    {
        GatherNode gather => gather.Access.Any(a => a.Site >= 0),
        ScatterNode scatter => scatter.Access.Any(a => a.Site >= 0),
        _ => false,
    };
}
