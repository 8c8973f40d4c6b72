using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>What a reduction or contraction sees through windows: the view of it, also with axes of the result and of the windows alone.</summary>
/// <param name="Seen">Axes: those of the result, then Windows; only its accesses, source, element and fill count.</param>
internal sealed record WindowSource(NodeId? Inner, NodeId? Between, NodeId View, ViewNode Seen, ValueList<long> Windows)
{
    /// <summary>The only view below through which windows slide, or null.</summary>
    public static WindowSource? Of(Graph graph, HashSet<NodeId> members, NodeId id)
    {
        var rank = graph[id].Type.Rank;
        if (Operands(graph, id) is not { } own || Constant(own.Windows) is not { } windows || Only(graph, members, rank, own) is not var (view, axes))
        {
            return null;
        }

        // axes of the view: of the result, or rank + the number of the window.
        var node = (ViewNode)graph[view];
        var access = node.Access.Select(a => a with { Terms = Sorted(a.Terms.Select(t => new AffineTerm(axes[t.Axis], t.Coefficient))) }).ToValueList();
        var contracts = Below(graph, members, node.Source).Where(n => graph[n] is ContractNode).ToArray();
        if (contracts.Length == 0)
        {
            return new WindowSource(null, null, view, node with { Access = access }, windows);
        }

        // An element of the contraction at an index that the first view gives.
        if (contracts is not [var inner] || graph[id] is not ReduceNode || node.Access.Any(a => a.Outside != Outside.Never || a.Data >= 0)
            || Operands(graph, inner) is not { } below || Constant(below.Windows) is not { } more
            || Only(graph, members, graph[inner].Type.Rank, below) is not var (x, of))
        {
            return null;
        }

        var (seen, depth) = ((ViewNode)graph[x], graph[inner].Type.Rank);
        var composed = seen.Access.Select(a => Compose(a, t => of[t] < depth ? access[of[t]] : AxisAccess.Axis(rank + windows.Count + of[t] - depth))).ToValueList();
        return new WindowSource(inner, view, x, seen with { Access = composed }, [.. windows, .. more]);
    }

    /// <summary>Every output is computed elementwise from the result at its own place.</summary>
    public static bool OutputsFollow(Graph graph, FusionGroup group, NodeId id)
    {
        var above = new HashSet<NodeId> { id };
        foreach (var member in group.Members.Where(m => m.Value > id.Value && graph[m].Operands.Any(above.Contains)))
        {
            if (graph[member] is not MapNode)
            {
                return false;
            }

            above.Add(member);
        }

        return group.Outputs.All(o => above.Contains(o) && graph[o].Type.Shape == graph[id].Type.Shape);
    }

    // What is combined, each with the axes on which its own lie (of the result, or rank + window), and the sizes of the windows.
    private static (ValueList<(NodeId Node, ValueList<int> Axes)> Sources, ValueList<SizeExpr> Windows)? Operands(Graph graph, NodeId id)
    {
        var rank = graph[id].Type.Rank;
        switch (graph[id])
        {
            case ReduceNode { Kind: not (ReduceKind.ArgMax or ReduceKind.ArgMin) } reduce:
                var (shape, reduced, kept) = (graph[reduce.Source].Type.Shape, reduce.Axes.ToList(), 0);
                var axes = Enumerable.Range(0, shape.Count).Select(a => reduced.IndexOf(a) is >= 0 and var w ? rank + w : kept++).ToValueList();
                return ([(reduce.Source, axes)], reduce.Axes.Select(a => shape[a]).ToValueList());
            case ContractNode contract:
                var (sizes, output) = (ContractionPlan.SizesOf(graph, contract), contract.Output.ToList());
                var summed = sizes.Keys.Where(l => !output.Contains(l)).Order().ToList();
                var factors = contract.Factors.Select((f, i) => (f, contract.Labels[i].Select(l => output.IndexOf(l) is >= 0 and var o ? o : rank + summed.IndexOf(l)).ToValueList()));
                return (factors.ToValueList(), summed.Select(l => sizes[l]).ToValueList());
            default:
                return null;
        }
    }

    private static ValueList<long>? Constant(ValueList<SizeExpr> sizes) =>
        sizes.All(s => s.AsConstant is >= 1) ? sizes.Select(s => s.AsConstant!.Value).ToValueList() : null;

    // The view in which some axis moves with the result and with a window.
    private static (NodeId View, ValueList<int> Axes)? Only(
        Graph graph, HashSet<NodeId> members, int rank, (ValueList<(NodeId Node, ValueList<int> Axes)> Sources, ValueList<SizeExpr> Windows) own)
    {
        var views = own.Sources.SelectMany(s => Below(graph, members, s.Node).Where(n => graph[n] is ViewNode).Select(v => (View: v, s.Axes)))
            .Where(v => ((ViewNode)graph[v.View]).Access.Any(a =>
                a.Terms.Any(t => v.Axes[t.Axis] >= rank && own.Windows[v.Axes[t.Axis] - rank] != SizeExpr.One) && a.Terms.Any(t => v.Axes[t.Axis] < rank)))
            .Distinct().ToArray();
        return views is [var one] ? one : null;
    }

    // Members that are reached through elementwise operations.
    private static IEnumerable<NodeId> Below(Graph graph, HashSet<NodeId> members, NodeId node)
    {
        var (open, seen) = (new Stack<NodeId>([node]), new HashSet<NodeId>());
        while (open.TryPop(out var id))
        {
            if (!members.Contains(id) || !seen.Add(id))
            {
                continue;
            }

            yield return id;
            foreach (var operand in graph[id] is MapNode map ? map.Arguments : [])
            {
                open.Push(operand);
            }
        }
    }

    // offset + Σ coefficient·index where each index is itself such a sum.
    private static AxisAccess Compose(AxisAccess outer, Func<int, AxisAccess> index)
    {
        var (offset, terms) = (outer.Offset, new SortedDictionary<int, SizeExpr>());
        foreach (var term in outer.Terms)
        {
            var inner = index(term.Axis);
            offset += inner.Offset * term.Coefficient;
            foreach (var (axis, coefficient) in inner.Terms)
            {
                terms[axis] = terms.GetValueOrDefault(axis, SizeExpr.Zero) + (coefficient * term.Coefficient);
            }
        }

        return outer with { Offset = offset, Terms = terms.Where(t => t.Value != SizeExpr.Zero).Select(t => new AffineTerm(t.Key, t.Value)).ToValueList() };
    }

    private static ValueList<AffineTerm> Sorted(IEnumerable<AffineTerm> terms) => terms.OrderBy(t => t.Axis).ToValueList();
}
