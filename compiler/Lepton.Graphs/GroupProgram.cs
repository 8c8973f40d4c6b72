using System.Security.Cryptography;
using System.Text;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>A group as a program of its own, whose text does not depend on what stands around it, so that it names the group wherever it is.</summary>
/// <param name="Graph">What the group reads are arguments, or parameters where it is made once; its outputs are y0, y1, ….</param>
/// <param name="Group">The group in it.</param>
/// <param name="Inputs">By input of the graph: the node of the graph that the group came from.</param>
/// <param name="Nodes">The nodes that were taken over, in order.</param>
public sealed record GroupProgram(Graph Graph, FusionGroup Group, ValueList<NodeId> Inputs, ValueList<NodeId> Nodes)
{
    private const int HashDigits = 8;

    /// <param name="graph">The graph of the group.</param>
    /// <param name="group">The group.</param>
    /// <param name="isInside">Whether a node that is no member is part of the program: a number that lies nowhere.</param>
    /// <param name="isOnce">Whether an input is made once for a set of parameters.</param>
    public static GroupProgram Of(Graph graph, FusionGroup group, Func<NodeId, bool> isInside, Func<NodeId, bool> isOnce)
    {
        var members = group.Members.ToHashSet();
        var (nodes, inputs) = (new SortedSet<int>(), new List<NodeId>());
        var (open, seen) = (new Stack<NodeId>(group.Outputs.Reverse()), new HashSet<NodeId>());
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            if (members.Contains(id) || isInside(id))
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

        var alone = new GraphAssembler("alone", []);
        var map = new Dictionary<NodeId, NodeId>();
        foreach (var input in inputs)
        {
            map[input] = alone.Add(new InputNode(graph[input].Type, isOnce(input) ? InputKind.Parameter : InputKind.Argument, $"x{map.Count}")
            {
                Format = Sparse.SupportAnalysis.FormatOf(graph[input]),
            });
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
        return new GroupProgram(alone.ToGraph(), only, inputs.ToValueList(), nodes.Select(n => new NodeId(n)).ToValueList());
    }

    /// <summary>The readable name, and some digits for all the rest.</summary>
    public string Key(string name)
    {
        var text = $"{Group.Strategy} {Group.Outputs}\n{GraphText.Print(Graph)}";
        return $"{name} #{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HashDigits]}";
    }
}
