using System.Text;
using Lepton.Graphs;

namespace Lepton.Placement.Plans;

/// <summary>
/// Eight digits for each group of a fused graph, which change when its operations or sizes do, or what it reads comes from elsewhere; not when
/// nodes around it are numbered anew.
/// </summary>
public static class GroupKeys
{
    /// <summary>The key of each group, by name.</summary>
    public static IReadOnlyDictionary<string, string> Of(FusedGraph fused)
    {
        var stored = fused.Groups.SelectMany(g => g.Outputs.Select((o, i) => (Node: o, From: $"{g.Name}.{i}"))).ToLookup(p => p.Node, p => p.From);
        return fused.Groups.ToDictionary(g => g.Name, g => Of(fused, g, stored));
    }

    private static string Of(FusedGraph fused, FusionGroup group, ILookup<NodeId, string> stored)
    {
        var text = new StringBuilder($"{group.Strategy}\n");
        var numbers = new Dictionary<NodeId, NodeId>();
        foreach (var id in Computed(fused.Graph, group, stored))
        {
            var node = fused.Graph[id];
            foreach (var operand in node.Operands.Where(o => !numbers.ContainsKey(o)))
            {
                numbers[operand] = new NodeId(numbers.Count);
                text.Append($"{numbers[operand]} = {string.Join(' ', stored[operand])} {fused.Graph[operand].Type}\n");
            }

            numbers[id] = new NodeId(numbers.Count);
            text.Append($"{numbers[id]} = {GraphText.Describe(node.WithOperands([.. node.Operands.Select(o => numbers[o])]))} : {node.Type}\n");
            text.Append(node switch
            {
                ScanNode scan => GraphText.Print(scan.Body),
                IterateNode iterate => GraphText.Print(iterate.Body),
                _ => "",
            });
        }

        return PlanFile.KeyOf(text.Append(string.Join(' ', group.Outputs.Select(o => numbers[o]))).ToString());
    }

    // The members, and before them what nobody stores: inputs, constants, views of them.
    private static SortedSet<NodeId> Computed(Graph graph, FusionGroup group, ILookup<NodeId, string> stored)
    {
        var nodes = new SortedSet<NodeId>(group.Members, Comparer<NodeId>.Create((a, b) => a.Value.CompareTo(b.Value)));
        var open = new Stack<NodeId>(group.Members);
        while (open.TryPop(out var id))
        {
            foreach (var operand in graph[id].Operands.Where(o => !stored.Contains(o) && nodes.Add(o)))
            {
                open.Push(operand);
            }
        }

        return nodes;
    }
}
