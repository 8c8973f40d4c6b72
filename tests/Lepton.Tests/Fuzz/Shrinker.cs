using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>Makes a failing case small: one output, then as many operations as possible replaced by arguments that hold their values.</summary>
internal static class Shrinker
{
    public static RandomCase Shrink(RandomCase made, Func<RandomCase, bool> fails)
    {
        for (var i = 0; i < made.Graph.Outputs.Count && made.Graph.Outputs.Count > 1; i++)
        {
            if (Try(() => OneOutput(made, i), fails) is { } smaller)
            {
                made = smaller;
            }
        }

        for (var again = true; again;)
        {
            again = false;
            for (var i = made.Graph.Nodes.Count - 1; i >= 0 && !again; i--)
            {
                if (Try(() => Cut(made, new NodeId(i)), fails) is { } smaller && Size(smaller) < Size(made))
                {
                    (made, again) = (smaller, true);
                }
            }
        }

        return made;
    }

    private static int Size(RandomCase made) => made.Graph.Nodes.Count(n => n is not InputNode);

    private static RandomCase? Try(Func<RandomCase?> change, Func<RandomCase, bool> fails)
    {
        try
        {
            return change() is { } changed && fails(changed) ? changed : null;
        }
        catch (Exception)
        {
            return null; // a change that makes no sense is no smaller case
        }
    }

    private static RandomCase OneOutput(RandomCase made, int output)
    {
        var graph = Rebuild(made.Graph, (assembler, map) => assembler.Output(made.Graph.Outputs[output].Name, map[made.Graph.Outputs[output].Node.Value]), _ => null);
        return made with { Graph = RemoveDead.Run(graph), Tolerances = [made.Tolerances[output]] };
    }

    // The node becomes an argument with the value that the interpreter gives it.
    private static RandomCase? Cut(RandomCase made, NodeId id)
    {
        if (made.Graph[id] is InputNode or ScanNode or IterateNode)
        {
            return null;
        }

        var probe = Rebuild(made.Graph, (assembler, map) => assembler.Output("probe", map[id.Value]), _ => null);
        var value = Interpreter.Run(probe, made.Inputs, made.SizeOf)[0];
        var graph = Rebuild(
            made.Graph,
            (assembler, map) =>
            {
                foreach (var output in made.Graph.Outputs)
                {
                    assembler.Output(output.Name, map[output.Node.Value]);
                }
            },
            node => node == id ? new InputNode(made.Graph[id].Type, InputKind.Argument, $"cut{made.Inputs.Count}") : null);
        return made with { Graph = RemoveDead.Run(Reordered(graph)), Inputs = [.. made.Inputs, value] };
    }

    // Arguments keep the order in which they were added: the new one last.
    private static Graph Reordered(Graph graph)
    {
        var last = graph.Inputs.OrderBy(i => ((InputNode)graph[i]).Label.StartsWith("cut", StringComparison.Ordinal) ? 1 : 0).ToList();
        var assembler = GraphAssembler.Like(graph);
        var map = new NodeId[graph.Nodes.Count];
        foreach (var input in last)
        {
            map[input.Value] = assembler.Add(graph[input]);
        }

        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            if (graph.Nodes[i] is not InputNode)
            {
                var node = graph.Nodes[i];
                map[i] = assembler.Add(node.WithOperands([.. node.Operands.Select(o => map[o.Value])]));
            }
        }

        foreach (var output in graph.Outputs)
        {
            assembler.Output(output.Name, map[output.Node.Value]);
        }

        return assembler.ToGraph();
    }

    private static Graph Rebuild(Graph graph, Action<GraphAssembler, NodeId[]> outputs, Func<NodeId, Node?> replace)
    {
        var assembler = GraphAssembler.Like(graph);
        var map = new NodeId[graph.Nodes.Count];
        for (var i = 0; i < map.Length; i++)
        {
            var node = replace(new NodeId(i)) ?? graph.Nodes[i];
            map[i] = assembler.Add(node.WithOperands([.. node.Operands.Select(o => map[o.Value])]));
        }

        outputs(assembler, map);
        return assembler.ToGraph();
    }
}
