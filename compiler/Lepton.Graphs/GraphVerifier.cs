using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// Checks a graph, after every pass in tests and under <c>--verify</c>:
/// <list type="number">
/// <item>order: a node uses only nodes before it; outputs name nodes that are there;</item>
/// <item>inputs: listed once each; an entry has arguments, then parameters, with different names; a body has its step, states, captures;</item>
/// <item>types: element types as the table of operations has them; a cast, sort or argmax gives what its node says;</item>
/// <item>shapes: by each operation's shape rule (<see cref="NodeRules"/>), sizes compared as polynomials;</item>
/// <item>labels of contracts: one size each, none twice in one factor, output labels from factors;</item>
/// <item>accesses: one per source axis, terms sorted and of the result's axes, data indices present, used, i64 or i32, of the result's shape;</item>
/// <item>bounds: an affine access without <c>else</c> stays inside; clamp, wrap and reflect never meet an empty axis; fill values fit;</item>
/// <item>sites: numbered below the list's length, only in the outermost graph, only on data indices without <c>else</c>;</item>
/// <item>loops: the body's inputs and outputs fit states, captures, emits and until; results are taken of loops, with the right types;</item>
/// <item>sizes: no negative constant, no variable outside <see cref="Graph.Dims"/>.</item>
/// </list>
/// Where polynomials differ or bounds are symbolic, rules are tested at sample sizes that meet the constraints (<see cref="SizeFacts"/>);
/// when no sample meets them, these checks are skipped.
/// </summary>
public static class GraphVerifier
{
    /// <summary>Throws <see cref="CompilerBugException"/> naming <paramref name="pass"/>, the node and the rule, when a rule is broken.</summary>
    public static void Verify(Graph graph, string pass = "verify")
    {
        if (Problem(graph) is { } problem)
        {
            throw new CompilerBugException(pass, problem);
        }
    }

    /// <summary>The first broken rule, or null.</summary>
    public static string? Problem(Graph graph)
    {
        try
        {
            return Problem(graph, SizeFacts.Of(graph), graph, isBody: false);
        }
        catch (OverflowException)
        {
            return $"graph {graph.Name}: a size overflows 64 bits";
        }
    }

    private static string? Problem(Graph graph, SizeFacts facts, Graph root, bool isBody)
    {
        var rules = new NodeRules(graph.Nodes, facts, root.Sites.Count);
        var dims = root.Dims.ToHashSet();
        var known = new HashSet<SizeExpr>();
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            var problem = Order(node, i)
                ?? LoopUse(graph, node)
                ?? Sizes(SizesOf(node), dims, known)
                ?? node.Accept(rules)
                ?? node switch
                {
                    ScanNode scan => Problem(scan.Body, facts, root, isBody: true),
                    IterateNode iterate => Problem(iterate.Body, facts, root, isBody: true),
                    _ => null,
                };
            if (problem is not null)
            {
                return $"graph {graph.Name}, %{i} = {node.Name} : {node.Type}: {problem}";
            }
        }

        return (Inputs(graph, isBody) ?? Ends(graph, dims, isBody)) is { } found ? $"graph {graph.Name}: {found}" : null;
    }

    private static string? Order(Node node, int at)
    {
        foreach (var operand in node.Operands)
        {
            if (operand.Value < 0 || operand.Value >= at)
            {
                return $"uses {operand}, which is not before it";
            }
        }

        return null;
    }

    // A loop's values are taken by its results; Type names the first one only.
    private static string? LoopUse(Graph graph, Node node) =>
        node is not ResultNode && node.Operands.FirstOrDefault(o => graph[o] is ScanNode or IterateNode, new NodeId(-1)) is { Value: >= 0 } loop
            ? $"uses the loop {loop} itself, not one of its results"
            : null;

    // A shape's size may not be negative; coefficients, offsets and size nodes may.
    private static IEnumerable<SizeExpr> SizesOf(Node node)
    {
        IEnumerable<SizeExpr> others = node switch
        {
            ViewNode view => view.Access.SelectMany(SizesOf),
            GatherNode gather => gather.Access.SelectMany(SizesOf),
            ScatterNode scatter => scatter.Access.SelectMany(SizesOf),
            SizeNode size => [size.Size],
            ScanNode scan => [scan.Count],
            IterateNode iterate => [iterate.Max],
            _ => [],
        };
        return node.Type.Shape.Concat(others.Where(s => !s.IsConstant));
    }

    private static IEnumerable<SizeExpr> SizesOf(AxisAccess access) => access.Terms.Select(t => t.Coefficient).Append(access.Offset);

    private static string? Sizes(IEnumerable<SizeExpr> sizes, HashSet<string> dims, HashSet<SizeExpr> known)
    {
        foreach (var size in sizes)
        {
            if (size.AsConstant is { } constant)
            {
                if (constant < 0)
                {
                    return $"a size of {constant}";
                }
            }
            else if (known.Add(size) && size.Variables().FirstOrDefault(v => !dims.Contains(v)) is { } unknown)
            {
                return $"{unknown} is not a size variable of the graph";
            }
        }

        return null;
    }

    private static string? Inputs(Graph graph, bool isBody)
    {
        var listed = new HashSet<NodeId>();
        var labels = new HashSet<string>();
        var last = InputKind.Argument;
        foreach (var id in graph.Inputs)
        {
            if (id.Value < 0 || id.Value >= graph.Nodes.Count || graph[id] is not InputNode input || !listed.Add(id))
            {
                return $"the list of inputs names {id}, which is no input or is listed twice";
            }

            if (isBody != input.Kind is InputKind.Step or InputKind.State or InputKind.Capture)
            {
                return $"input {id} is a {input.Kind} of {(isBody ? "a body" : "an entry")}";
            }

            if (input.Kind < last)
            {
                return $"input {id}, a {input.Kind}, stands behind a {last}";
            }

            if (!isBody && !labels.Add(input.Label))
            {
                return $"two inputs are called {input.Label}";
            }

            last = input.Kind;
        }

        return graph.Nodes.OfType<InputNode>().Count() == listed.Count ? null : "an input is not in the list of inputs";
    }

    private static string? Ends(Graph graph, HashSet<string> dims, bool isBody)
    {
        foreach (var output in graph.Outputs)
        {
            if (output.Node.Value < 0 || output.Node.Value >= graph.Nodes.Count)
            {
                return $"output {output.Name} is {output.Node}, which is not there";
            }

            if (graph[output.Node] is ScanNode or IterateNode)
            {
                return $"output {output.Name} is the loop {output.Node} itself, not one of its results";
            }
        }

        if (isBody)
        {
            return graph.Sites.Count > 0 || graph.Constraints.Count > 0 ? "a body has no sites and constraints of its own" : null;
        }

        var all = graph.Constraints.SelectMany(c => new[] { c.Left, c.Right }).Concat(graph.Sites.SelectMany(s => s.Shape));
        return graph.Outputs.DistinctBy(o => o.Name).Count() != graph.Outputs.Count ? "two outputs have one name"
            : graph.Dims.Distinct().Count() != graph.Dims.Count ? "two size variables have one name"
            : all.SelectMany(s => s.Variables()).FirstOrDefault(v => !dims.Contains(v)) is { } unknown ? $"{unknown} is not a size variable of the graph"
            : null;
    }
}
