using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// Size variables with known values become constants, in types, accesses, counts and constraints; a bound variable leaves
/// <see cref="Graph.Dims"/>. The JIT calls this with the sizes of a call.
/// </summary>
public static class Specialise
{
    /// <param name="graph">The graph; unchanged when none of its variables is bound.</param>
    /// <param name="dims">Sizes by name; names that are no variables of the graph are ignored.</param>
    /// <exception cref="GraphRunException">With these sizes a size or an index does not fit 64 bits.</exception>
    public static Graph Run(Graph graph, IReadOnlyDictionary<string, long> dims)
    {
        var bound = graph.Dims.Any(dims.ContainsKey) ? Bound(graph, dims) : graph;
        CheckAccesses(bound);
        return bound;
    }

    private static Graph Bound(Graph graph, IReadOnlyDictionary<string, long> dims)
    {
        // Sizes repeat from node to node; each is substituted once.
        var known = new Dictionary<SizeExpr, SizeExpr>();
        SizeExpr Bind(SizeExpr size)
        {
            if (size.IsConstant)
            {
                return size;
            }

            if (!known.TryGetValue(size, out var bound))
            {
                try
                {
                    bound = size.Substitute(name => dims.TryGetValue(name, out var value) ? SizeExpr.Constant(value) : null);
                }
                catch (Exception e) when (e is OverflowException or DivideByZeroException)
                {
                    throw new GraphRunException(GraphRunError.TooLarge, $"the size {size} has no value in 64 bits");
                }

                known.Add(size, bound);
            }

            return bound;
        }

        return Bound(graph, dims, Bind);
    }

    private static Graph Bound(Graph graph, IReadOnlyDictionary<string, long> dims, Func<SizeExpr, SizeExpr> bind)
    {
        var target = new GraphAssembler(graph.Name, graph.Dims.Where(d => !dims.ContainsKey(d)).ToValueList());
        foreach (var constraint in graph.Constraints)
        {
            var bound = constraint with { Left = bind(constraint.Left), Right = bind(constraint.Right) };
            if (!HoldsAlways(bound))
            {
                target.Require(bound);
            }
        }

        foreach (var site in graph.Sites)
        {
            target.AddSite(site with { Shape = Each(site.Shape, bind) });
        }

        foreach (var node in graph.Nodes)
        {
            target.Add(Bound(node with { Type = new TensorType(node.Type.Element, Each(node.Type.Shape, bind)) }, dims, bind));
        }

        foreach (var output in graph.Outputs)
        {
            target.Output(output.Name, output.Node);
        }

        return target.ToGraph();
    }

    private static Node Bound(Node node, IReadOnlyDictionary<string, long> dims, Func<SizeExpr, SizeExpr> bind) => node switch
    {
        SizeNode size => size with { Size = bind(size.Size) },
        ViewNode view => view with { Access = Each(view.Access, bind) },
        GatherNode gather => gather with { Access = Each(gather.Access, bind) },
        ScatterNode scatter => scatter with { Access = Each(scatter.Access, bind) },
        ScanNode scan => scan with { Count = bind(scan.Count), Body = Bound(scan.Body, dims, bind) },
        IterateNode iterate => iterate with { Max = bind(iterate.Max), Body = Bound(iterate.Body, dims, bind) },
        _ => node,
    };

    private static void CheckAccesses(Graph graph)
    {
        foreach (var node in graph.Nodes)
        {
            var (access, source, result) = node switch
            {
                ViewNode view => (view.Access, graph[view.Source].Type.Shape, view.Type.Shape),
                GatherNode gather => (gather.Access, graph[gather.Source].Type.Shape, gather.Type.Shape),
                ScatterNode scatter => (scatter.Access, scatter.Type.Shape, graph[scatter.Updates].Type.Shape),
                _ => ([], [], []),
            };
            if (!AxisAccess.Fit(access, source, result))
            {
                throw new GraphRunException(
                    GraphRunError.TooLarge, $"the index [{string.Join(", ", access)}] of [{string.Join(", ", source)}] over [{string.Join(", ", result)}] does not fit 64 bits");
            }

            if (node is ScanNode { Body: var scanned })
            {
                CheckAccesses(scanned);
            }
            else if (node is IterateNode { Body: var iterated })
            {
                CheckAccesses(iterated);
            }
        }
    }

    private static bool HoldsAlways(SizeConstraint constraint) =>
        constraint.Left == constraint.Right || (constraint.AtLeast && (constraint.Left - constraint.Right).IsProvablyNonNegative());

    private static ValueList<SizeExpr> Each(ValueList<SizeExpr> sizes, Func<SizeExpr, SizeExpr> bind) => sizes.Select(bind).ToValueList();

    private static ValueList<AxisAccess> Each(ValueList<AxisAccess> accesses, Func<SizeExpr, SizeExpr> bind) => accesses.Select(a => a with
    {
        Offset = bind(a.Offset),

        // A coefficient may become zero, and then its term is none.
        Terms = a.Terms.Select(t => t with { Coefficient = bind(t.Coefficient) }).Where(t => t.Coefficient != SizeExpr.Zero).ToValueList(),
    }).ToValueList();
}
