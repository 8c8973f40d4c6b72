using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// What holds of a fused graph, checked under <c>--verify</c> and in tests:
/// <list type="number">
/// <item>members are sorted, each once; outputs are members; every node is stored by at most one group; names are unique;</item>
/// <item>what a group loads is an input, a constant, or stored by an earlier group;</item>
/// <item>every output of the graph is stored, and no two are the same node;</item>
/// <item>Map: no reduction, contraction, scatter, concat, sort, loop; each other strategy exactly its own (Rowwise: one or more), no other;</item>
/// <item>Attention: one <see cref="AttentionForm"/>, whole, and no other reduction, contraction, …;</item>
/// <item>Rowwise: all reductions of one shape over the same axes;</item>
/// <item>loops take what lies in memory; their bodies are fused, over the same body graph, and hold too.</item>
/// </list>
/// </summary>
public static class FusionCheck
{
    /// <summary>Throws <see cref="CompilerBugException"/> when something does not hold.</summary>
    public static void Verify(FusedGraph fused)
    {
        if (Problem(fused) is { } problem)
        {
            throw new CompilerBugException("fuse", $"{fused.Graph.Name}: {problem}");
        }
    }

    /// <summary>The first thing that does not hold, or null.</summary>
    public static string? Problem(FusedGraph fused)
    {
        var graph = fused.Graph;
        var stored = new HashSet<NodeId>();
        if (fused.Groups.Select(g => g.Name).Distinct().Count() != fused.Groups.Count)
        {
            return "two groups have one name";
        }

        foreach (var group in fused.Groups)
        {
            if (Problem(graph, group, stored) is { } problem)
            {
                return $"{group.Name} [{string.Join(" ", group.Members)} -> {string.Join(" ", group.Outputs)}]: {problem}";
            }
        }

        return graph.Outputs.Select(o => o.Node).Distinct().Count() != graph.Outputs.Count ? "two outputs are one node"
            : graph.Outputs.Where(o => !stored.Contains(o.Node)).Select(o => $"output {o.Name} is not stored").FirstOrDefault()
            ?? graph.Nodes.Select((n, i) => BodyProblem(fused, n, new NodeId(i))).FirstOrDefault(p => p is not null);
    }

    private static string? Problem(Graph graph, FusionGroup group, HashSet<NodeId> stored)
    {
        var members = new HashSet<NodeId>();
        var last = -1;
        foreach (var member in group.Members)
        {
            if (member.Value <= last)
            {
                return $"{member} is out of order";
            }

            last = member.Value;
            foreach (var operand in graph[member].Operands)
            {
                if (!members.Contains(operand) && !stored.Contains(operand) && graph[operand] is not (InputNode or ConstantNode))
                {
                    return $"{member} loads {operand}, which nobody stored before";
                }
            }

            members.Add(member);
        }

        foreach (var output in group.Outputs)
        {
            if (!members.Contains(output) || !stored.Add(output))
            {
                return $"{output} is no member, or stored twice";
            }
        }

        return group.Outputs.Count == 0 ? "no output" : StrategyProblem(graph, group);
    }

    private static string? StrategyProblem(Graph graph, FusionGroup group)
    {
        if (group.Strategy == KernelStrategy.Attention)
        {
            // The reductions and the first contraction are inside the form, which ends in the last one.
            var form = AttentionForm.Of(graph, group.Members.LastOrDefault(m => graph[m] is ContractNode));
            var rest = group.Members.Where(m => OwnStrategy(graph[m]) is not null && form?.Inside.Contains(m) != true && form?.Result != m);
            return form is null || !form.Inside.All(group.Members.Contains) || rest.Any() ? "no softmax between two contractions" : null;
        }

        if (group.Strategy == KernelStrategy.Sparse)
        {
            return group.Outputs.Count == 1 ? null : "a sparse kernel stores one result";
        }

        var heavy = group.Members.Select(m => graph[m]).Where(n => OwnStrategy(n) is not null).ToList();
        if (group.Strategy == KernelStrategy.Window)
        {
            return heavy is [ContractNode, ReduceNode] ? null : "no pool over a contraction";
        }

        if (heavy.Any(n => OwnStrategy(n) != group.Strategy))
        {
            return $"a {group.Strategy} group with {string.Join(", ", heavy.Select(n => n.Name))}";
        }

        if (group.Strategy == KernelStrategy.Rowwise)
        {
            var rows = heavy.Cast<ReduceNode>().Select(r => (graph[r.Source].Type.Shape, r.Axes)).Distinct().Count();
            return rows == 1 ? null : $"reductions of {rows} kinds of rows";
        }

        return group.Strategy == KernelStrategy.Map || heavy.Count == 1 ? null : $"{heavy.Count} operations of its strategy";
    }

    private static KernelStrategy? OwnStrategy(Node node) => node switch
    {
        ContractNode => KernelStrategy.Contraction,
        ReduceNode => KernelStrategy.Rowwise,
        ScatterNode => KernelStrategy.Scatter,
        ConcatNode => KernelStrategy.Concat,
        SortNode => KernelStrategy.Sort,
        ScanNode or IterateNode => KernelStrategy.Loop,
        FormatNode => KernelStrategy.Sparse,
        _ => null,
    };

    private static string? BodyProblem(FusedGraph fused, Node node, NodeId id)
    {
        var body = (node as ScanNode)?.Body ?? (node as IterateNode)?.Body;
        return body is null ? null
            : !fused.Bodies.TryGetValue(id, out var inner) ? $"the body of {id} is not fused"
            : !ReferenceEquals(inner.Graph, body) ? $"the fused body of {id} is of another graph"
            : Problem(inner);
    }
}
