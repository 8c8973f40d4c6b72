using System.Security.Cryptography;
using System.Text;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Scheduling;

/// <summary>
/// A group as a program of its own, which is lowered just as in its place: what it reads are arguments, what is made once are parameters. Its text
/// does not depend on what stands around it, so that it names the group wherever it is.
/// </summary>
internal static class GroupAlone
{
    private const int HashDigits = 8;

    /// <summary>The program, or null: sizes are not known, something can fail (its message belongs to its place), or nothing is left to run.</summary>
    public static FusedGraph? Of(LoweringContext context, FusionGroup group)
    {
        var (graph, members) = (context.Graph, group.Members.ToHashSet());
        var (nodes, inputs) = (new SortedSet<int>(), new List<NodeId>());
        var (open, seen) = (new Stack<NodeId>(group.Outputs.Reverse()), new HashSet<NodeId>());
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            if (members.Contains(id) || (context.PlaceOf(id) is null && graph[id] is SplatNode or SizeNode or IotaNode or ConstantNode))
            {
                nodes.Add(id.Value);
                foreach (var operand in graph[id].Operands.Reverse())
                {
                    open.Push(operand);
                }
            }
            else
            {
                inputs.Add(id);
            }
        }

        if (!inputs.Concat(nodes.Select(n => new NodeId(n))).All(n => IsFixed(graph[n])) || inputs.All(context.IsOnce))
        {
            return null;
        }

        var alone = new GraphAssembler("alone", []);
        var map = new Dictionary<NodeId, NodeId>();
        foreach (var input in inputs)
        {
            map[input] = alone.Add(new InputNode(graph[input].Type, context.IsOnce(input) ? InputKind.Parameter : InputKind.Argument, $"x{map.Count}"));
        }

        foreach (var id in nodes.Select(n => new NodeId(n)))
        {
            map[id] = alone.Add(graph[id].WithOperands(graph[id].Operands.Select(o => map[o]).ToValueList()));
        }

        foreach (var (i, output) in group.Outputs.Index())
        {
            alone.Output($"y{i}", map[output]);
        }

        var only = new FusionGroup(
            "kernel", group.Strategy, group.Members.Where(m => nodes.Contains(m.Value)).Select(m => map[m]).ToValueList(), group.Outputs.Select(o => map[o]).ToValueList());
        return new FusedGraph(alone.ToGraph(), [only], [], new Dictionary<NodeId, FusedGraph>());
    }

    /// <summary>The readable name, and some digits for all the rest.</summary>
    public static string Key(string name, FusedGraph alone)
    {
        var text = $"{alone.Groups[0].Strategy} {alone.Groups[0].Outputs}\n{GraphText.Print(alone.Graph)}";
        return $"{name} #{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HashDigits]}";
    }

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
