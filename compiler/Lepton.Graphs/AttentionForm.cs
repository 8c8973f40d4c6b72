using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// A softmax between two contractions, read off a graph:
/// <code>
/// product = contract q, k        logits = elementwise f(product, masks, biases, indices)
/// e = exp(logits - max[keys] logits)        p = e / sum[keys] e        result = contract p, v  over the keys
/// </code>
/// Axes are those of the logits: Keys are reduced; Outer are the others that k or v has; Rows those that only q or f has.
/// </summary>
/// <param name="Inside">Every node from the product to p, in order. When nobody else uses them, none has to be stored.</param>
/// <param name="Query">Which factor of the product is q.</param>
/// <param name="Value">Which factor of the result is v.</param>
/// <param name="Depth">The labels that the product sums.</param>
/// <param name="Features">The labels of v that the result has and p has not.</param>
public sealed record AttentionForm(
    NodeId Result,
    NodeId Product,
    NodeId Logits,
    ValueList<NodeId> Inside,
    int Query,
    int Value,
    ValueList<int> Outer,
    ValueList<int> Rows,
    ValueList<int> Keys,
    ValueList<int> Depth,
    ValueList<int> Features)
{
    // More between product and softmax than this is not a mask or a bias.
    private const int MostOperations = 64;

    /// <summary>The form that ends in a node, or null.</summary>
    public static AttentionForm? Of(Graph graph, NodeId result) => graph[result] is ContractNode { Factors.Count: 2 } contract
        ? Of(graph, result, contract, 0) ?? Of(graph, result, contract, 1)
        : null;

    private static AttentionForm? Of(Graph graph, NodeId result, ContractNode second, int p)
    {
        if (graph[second.Factors[p]] is not MapNode { Op: MapOp.Div } quotient
            || graph[quotient.Arguments[0]] is not MapNode { Op: MapOp.Exp } exp
            || graph[exp.Arguments[0]] is not MapNode { Op: MapOp.Sub } difference
            || Repeated(graph, quotient.Arguments[1], ReduceKind.Sum, quotient.Arguments[0]) is not { } sum
            || Repeated(graph, difference.Arguments[1], ReduceKind.Max, difference.Arguments[0]) is not { } max)
        {
            return null;
        }

        var (logits, keys) = (difference.Arguments[0], ((ReduceNode)graph[max]).Axes);
        if (((ReduceNode)graph[sum]).Axes != keys || Chain(graph, logits) is not { } chain)
        {
            return null;
        }

        var (axes, values) = (second.Labels[p], second.Labels[1 - p]);
        var features = values.Except(axes).ToValueList();
        var kept = Enumerable.Range(0, axes.Count).Except(keys).ToArray();
        if (features.Count == 0 || !features.All(second.Output.Contains) || !kept.All(a => second.Output.Contains(axes[a]))
            || keys.Any(a => second.Output.Contains(axes[a]) || !values.Contains(axes[a])) || second.Factors[0] == second.Factors[1])
        {
            return null;
        }

        var first = (ContractNode)graph[chain[0]];
        var query = keys.Any(a => first.Labels[0].Contains(first.Output[a])) ? 1 : 0;
        if (keys.Any(a => first.Labels[query].Contains(first.Output[a])))
        {
            return null;
        }

        var outer = kept.Where(a => first.Labels[1 - query].Contains(first.Output[a]) || values.Contains(axes[a])).ToValueList();
        NodeId[] softmax =
            [max, difference.Arguments[1], exp.Arguments[0], quotient.Arguments[0], sum, quotient.Arguments[1], second.Factors[p]];
        return new AttentionForm(
            result,
            chain[0],
            logits,
            chain.Concat(softmax).OrderBy(n => n.Value).ToValueList(),
            query,
            1 - p,
            outer,
            kept.Except(outer).ToValueList(),
            keys,
            first.Labels[0].Concat(first.Labels[1]).Distinct().Except(first.Output).ToValueList(),
            features);
    }

    // y[i, j] = r[i] where r reduces source[i, j] over j: answers r.
    private static NodeId? Repeated(Graph graph, NodeId id, ReduceKind kind, NodeId source) =>
        graph[id] is ViewNode view && graph[view.Source] is ReduceNode reduce && reduce.Kind == kind && reduce.Source == source
        && view.Access.Select(a => a.AsPlainAxis).SequenceEqual(Enumerable.Range(0, view.Type.Rank).Except(reduce.Axes)) ? view.Source : null;

    // The last contract of which the logits are an elementwise function, and what stands between them, both ends included.
    private static List<NodeId>? Chain(Graph graph, NodeId logits)
    {
        var above = new HashSet<NodeId>();
        var open = new Stack<NodeId>([logits]);
        var product = new NodeId(-1);
        while (open.TryPop(out var id))
        {
            if (graph[id] is MapNode map && above.Add(id))
            {
                foreach (var argument in map.Arguments)
                {
                    open.Push(argument);
                }
            }
            else if (graph[id] is ContractNode { Factors.Count: 2 } && id.Value > product.Value)
            {
                product = id;
            }

            if (above.Count > MostOperations)
            {
                return null;
            }
        }

        if (product.Value < 0)
        {
            return null;
        }

        // Ids rise along every edge, so one walk upwards finds what hangs on the product.
        var chain = new List<NodeId> { product };
        foreach (var id in above.Where(n => n.Value > product.Value).OrderBy(n => n.Value))
        {
            if (graph[id].Operands.Any(chain.Contains))
            {
                chain.Add(id);
            }
        }

        return chain;
    }
}
