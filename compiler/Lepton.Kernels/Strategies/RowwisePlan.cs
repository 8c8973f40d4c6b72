using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>A factor of what is reduced, and on which axes of the plan's shape its axes lie.</summary>
internal sealed record RowwiseFactor(NodeId Node, ValueList<int> Axes);

/// <summary>A reduction of a product of factors, mostly of one, and the pass over the row that computes it.</summary>
internal sealed record RowwiseReduction(NodeId Id, ValueList<RowwiseFactor> Factors, RowwiseFold Fold, int Pass);

/// <summary>An output: stored element by element in pass <paramref name="Pass"/>, or (<paramref name="PerRow"/>) once, when the row is done.</summary>
internal sealed record RowwiseStore(NodeId Id, bool PerRow, int Pass);

/// <summary>
/// A costly value that two passes want: computed in pass First, kept, and loaded after that. Output: the output whose memory keeps it until
/// the output itself is stored; null: a local buffer.
/// </summary>
internal sealed record RowwiseKept(NodeId Id, int First, NodeId? Output);

/// <summary>
/// A group as passes over rows. softmax: pass 0 finds the maximum, pass 1 sums e = exp(x - max) and keeps e, pass 2 stores e / sum.
/// A reduction runs in the pass in which all reductions that its argument needs are known; so does a store.
/// </summary>
/// <param name="Shape">Of what is reduced, the same for all reductions; so are Axes, the reduced ones.</param>
internal sealed record RowwisePlan(
    ValueList<SizeExpr> Shape,
    ValueList<int> Axes,
    ValueList<RowwiseReduction> Reductions,
    ValueList<RowwiseStore> Stores,
    ValueList<RowwiseKept> Kept,
    int Passes)
{
    public bool IsReduced(int axis) => Axes.Contains(axis);

    public ValueList<SizeExpr> RowShape => Shape.Where((_, axis) => !IsReduced(axis)).ToValueList();

    public SizeExpr Rows => SizeExpr.Product(RowShape);

    public SizeExpr RowLength => SizeExpr.Product(Axes.Select(a => Shape[a]));

    /// <summary>The plan of a group, or null when its reductions do not share one space of rows.</summary>
    public static RowwisePlan? Make(Graph graph, FusionGroup group)
    {
        var reduces = group.Members.Where(m => graph[m] is ReduceNode).ToArray();
        if (reduces.Length == 0 || ((ReduceNode)graph[reduces[0]]).Axes.Count == 0)
        {
            return null;
        }

        var first = (ReduceNode)graph[reduces[0]];
        var shape = graph[first.Source].Type.Shape;
        if (reduces.Any(r => graph[r] is ReduceNode n && (n.Axes != first.Axes || graph[n.Source].Type.Shape != shape)))
        {
            return null;
        }

        // depth: how many reductions stand one behind the other below a node.
        var depth = new Dictionary<NodeId, int>();
        foreach (var member in group.Members)
        {
            var below = graph[member].Operands.Select(o => depth.GetValueOrDefault(o)).DefaultIfEmpty(0).Max();
            depth[member] = below + (graph[member] is ReduceNode ? 1 : 0);
        }

        var reductions = reduces.Select(r =>
        {
            var node = (ReduceNode)graph[r];
            var factor = new RowwiseFactor(node.Source, Enumerable.Range(0, shape.Count).ToValueList());
            return new RowwiseReduction(r, [factor], new RowwiseFold(node.Kind, graph[node.Source].Type.Element), depth[r] - 1);
        }).ToValueList();

        var (full, rows) = (SizeExpr.Product(shape), SizeExpr.Product(shape.Where((_, axis) => !first.Axes.Contains(axis))));
        var stores = new List<RowwiseStore>();
        foreach (var output in group.Outputs)
        {
            var type = graph[output].Type;
            var perRow = type.Count == rows && (full != rows || type.Rank < shape.Count);
            if (!perRow && type.Count != full)
            {
                return null;
            }

            stores.Add(new RowwiseStore(output, perRow, depth.GetValueOrDefault(output)));
        }

        var passes = Math.Max(reductions.Max(r => r.Pass), stores.Where(s => !s.PerRow).Select(s => s.Pass).DefaultIfEmpty(0).Max()) + 1;
        var plan = new RowwisePlan(shape, first.Axes, reductions, stores.ToValueList(), [], passes);
        return plan with { Kept = FindKept(graph, group, plan) };
    }

    /// <summary>
    /// A contract as the reduction of a product, with its labels as axes: those of the result, then the summed ones. null when the group's
    /// outputs do not have the contract's shape.
    /// </summary>
    public static RowwisePlan? Make(Graph graph, FusionGroup group, NodeId id)
    {
        var node = (ContractNode)graph[id];
        var sizes = ContractionPlan.SizesOf(graph, node);
        var labels = node.Output.Concat(sizes.Keys.Except(node.Output).Order()).ToList();
        if (group.Outputs.Any(o => graph[o].Type.Shape != node.Type.Shape) || labels.Count == node.Output.Count)
        {
            return null;
        }

        var factors = node.Factors.Select((f, i) => new RowwiseFactor(f, node.Labels[i].Select(l => labels.IndexOf(l)).ToValueList()));
        return new RowwisePlan(
            labels.Select(l => sizes[l]).ToValueList(),
            Enumerable.Range(node.Output.Count, labels.Count - node.Output.Count).ToValueList(),
            [new RowwiseReduction(id, factors.ToValueList(), new RowwiseFold(ReduceKind.Sum, node.Type.Element), 0)],
            group.Outputs.Select(o => new RowwiseStore(o, true, 1)).ToValueList(),
            [],
            1);
    }

    /// <summary>What a pass wants element by element: the arguments of its reductions, and its stores.</summary>
    public IEnumerable<NodeId> Wanted(int pass) =>
        Reductions.Where(r => r.Pass == pass).SelectMany(r => r.Factors).Select(f => f.Node).Concat(Stores.Where(s => !s.PerRow && s.Pass == pass).Select(s => s.Id));

    private static ValueList<RowwiseKept> FindKept(Graph graph, FusionGroup group, RowwisePlan plan)
    {
        var members = group.Members.ToHashSet();
        var kept = new Dictionary<NodeId, RowwiseKept>();

        // From the last node down: keeping e = exp(tanh x) makes tanh x unwanted in later passes.
        foreach (var id in group.Members.Reverse())
        {
            if (graph[id] is not MapNode { Type: var type } map || !map.Op.Info().Transcendental || type.Shape != plan.Shape)
            {
                continue;
            }

            var needs = Enumerable.Range(0, plan.Passes).Select(p => (Pass: p, Seen: Needs(p))).Where(n => n.Seen.ContainsKey(id)).ToArray();
            if (needs.Length > 1 && needs.All(n => n.Seen[id]))
            {
                var home = plan.Stores.FirstOrDefault(s =>
                    !s.PerRow && s.Pass >= needs[^1].Pass && s.Id != id && graph[s.Id].Type == type && type.Element == type.Element.ComputeType()
                    && kept.Values.All(k => k.Output != s.Id));
                kept.Add(id, new RowwiseKept(id, needs[0].Pass, home?.Id));
            }
        }

        return kept.Values.ToValueList();

        // What a pass computes element by element, and whether each is wanted at the pass's own element alone: only elementwise
        // operations stand between, no views.
        Dictionary<NodeId, bool> Needs(int pass)
        {
            var seen = new Dictionary<NodeId, bool>();
            var open = new Stack<(NodeId Id, bool InPlace)>(plan.Wanted(pass).Select(w => (w, graph[w].Type.Shape == plan.Shape)));
            while (open.TryPop(out var next))
            {
                var (id, inPlace) = next;
                if (!members.Contains(id) || (seen.TryGetValue(id, out var before) && (inPlace || !before)))
                {
                    continue;
                }

                seen[id] = inPlace;
                if (graph[id] is not ReduceNode && !(kept.TryGetValue(id, out var k) && k.First < pass))
                {
                    foreach (var operand in graph[id].Operands)
                    {
                        open.Push((operand, inPlace && graph[id] is MapNode));
                    }
                }
            }

            return seen;
        }
    }
}
