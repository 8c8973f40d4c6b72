using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// Leaves what an output needs: nodes, and the states, emits and captures of loops. Inputs of an entry stay, they are its signature, and
/// so do the numbers of run-time checks. A check goes with the access that it guards: an element that nobody needs is not fetched.
/// <code>
/// next_h ◀── h, x     emit y ◀── h      a state is needed when its final value is, or when what is needed reads it:
/// next_n ◀── n                           here n goes when its final value is unused
/// </code>
/// </summary>
public static class RemoveDead
{
    public static Graph Run(Graph graph)
    {
        var (pruned, _) = Prune(graph, _ => true, (_, _) => true);
        return pruned;
    }

    /// <param name="graph">The graph or body.</param>
    /// <param name="keepOutput">Which outputs stay.</param>
    /// <param name="keepInput">Which inputs stay: their place in the calling order, and whether they are used.</param>
    private static (Graph Graph, bool[] Live) Prune(Graph graph, Func<int, bool> keepOutput, Func<int, bool, bool> keepInput)
    {
        var count = graph.Nodes.Count;
        var live = new bool[count];
        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            live[graph.Outputs[i].Node.Value] |= keepOutput(i);
        }

        var results = new Dictionary<int, List<int>>();
        var loops = new Dictionary<int, PrunedLoop>();
        for (var i = count - 1; i >= 0; i--)
        {
            if (!live[i])
            {
                continue;
            }

            var node = graph.Nodes[i];
            switch (node)
            {
                case ResultNode result:
                    if (!results.TryGetValue(result.Source.Value, out var used))
                    {
                        results.Add(result.Source.Value, used = []);
                    }

                    used.Add(result.Index);
                    break;
                case ScanNode or IterateNode:
                    var loop = PruneLoop(node, results.GetValueOrDefault(i, []));
                    loops.Add(i, loop);
                    node = loop.Node;
                    break;
            }

            foreach (var operand in node.Operands.Span)
            {
                live[operand.Value] = true;
            }
        }

        for (var k = 0; k < graph.Inputs.Count; k++)
        {
            live[graph.Inputs[k].Value] = keepInput(k, live[graph.Inputs[k].Value]);
        }

        return (Rebuild(graph, keepOutput, live, loops), live);
    }

    private static Graph Rebuild(Graph graph, Func<int, bool> keepOutput, bool[] live, Dictionary<int, PrunedLoop> loops)
    {
        if (live.All(l => l) && loops.All(l => ReferenceEquals(l.Value.Node, graph.Nodes[l.Key])) && Enumerable.Range(0, graph.Outputs.Count).All(keepOutput))
        {
            return graph;
        }

        var target = GraphAssembler.Like(graph);
        var moved = new NodeId[live.Length];
        for (var i = 0; i < live.Length; i++)
        {
            if (live[i])
            {
                var node = graph.Nodes[i] switch
                {
                    ScanNode or IterateNode => loops[i].Node,
                    ResultNode result => result with { Index = loops[result.Source.Value].Number[result.Index] },
                    var other => other,
                };
                moved[i] = target.Add(Rewrite.Move(node, moved));
            }
        }

        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            if (keepOutput(i))
            {
                target.Output(graph.Outputs[i].Name, moved[graph.Outputs[i].Node.Value]);
            }
        }

        return target.ToGraph();
    }

    /// <summary>A loop with what is needed of it, over the operands that it had; Number: the new number of each result, -1 when it is gone.</summary>
    private sealed record PrunedLoop(Node Node, int[] Number);

    private static PrunedLoop PruneLoop(Node node, List<int> used)
    {
        var (body, states, captures) = node switch
        {
            ScanNode scan => (scan.Body, scan.States, scan.Captures),
            IterateNode iterate => (iterate.Body, iterate.States, iterate.Captures),
            _ => throw new CompilerBugException("remove-dead", $"{node.Name} is no loop"),
        };

        // "until" of an iterate is no result, but it is always needed.
        var keep = new bool[body.Outputs.Count];
        foreach (var index in used)
        {
            keep[index] = true;
        }

        if (node is IterateNode)
        {
            keep[^1] = true;
        }
        KeepStatesThatAreRead(body, states.Count, keep);

        var (pruned, live) = Prune(body, i => keep[i], (k, read) => k == 0 || (k <= states.Count ? keep[k - 1] : read));
        if (ReferenceEquals(pruned, body))
        {
            return new PrunedLoop(node, [.. Enumerable.Range(0, keep.Length)]);
        }

        var number = new int[keep.Length];
        for (int i = 0, next = 0; i < keep.Length; i++)
        {
            number[i] = keep[i] ? next++ : -1;
        }

        var keptStates = states.Where((_, k) => keep[k]).ToValueList();
        var keptCaptures = captures.Where((_, k) => live[body.Inputs[1 + states.Count + k].Value]).ToValueList();
        Node made = node is ScanNode oldScan
            ? oldScan with { States = keptStates, Captures = keptCaptures, Body = pruned }
            : (IterateNode)node with { States = keptStates, Captures = keptCaptures, Body = pruned };
        var types = LoopTypes.Results(made);
        return new PrunedLoop(made with { Type = types.Count > 0 ? types[0] : TensorType.Scalar(ElementType.Bool) }, number);
    }

    // What is needed of a body grows by the next value of every state that it reads.
    private static void KeepStatesThatAreRead(Graph body, int states, bool[] keep)
    {
        var stateOf = Enumerable.Range(0, states).ToDictionary(s => body.Inputs[1 + s].Value);
        var seen = new bool[body.Nodes.Count];
        var pending = new Stack<int>();
        for (var i = 0; i < keep.Length; i++)
        {
            if (keep[i])
            {
                pending.Push(body.Outputs[i].Node.Value);
            }
        }

        while (pending.TryPop(out var id))
        {
            if (seen[id])
            {
                continue;
            }

            seen[id] = true;
            foreach (var operand in body.Nodes[id].Operands.Span)
            {
                pending.Push(operand.Value);
            }

            if (stateOf.TryGetValue(id, out var state) && !keep[state])
            {
                keep[state] = true;
                pending.Push(body.Outputs[state].Node.Value);
            }
        }
    }
}
