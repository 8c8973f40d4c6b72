using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer.Contractions;

/// <summary>The one way in which a contraction is written, so that equal ones are equal and kernels find the matrix product in it.</summary>
internal static class ContractForm
{
    /// <summary>
    /// Σ_k a[batch, m, k]·b[batch, n, k]: labels are numbered batch, m, n, k; the factor with the first private result index comes first.
    /// The order of the result's axes stays. More factors: result indices first, then the others.
    /// </summary>
    public static ContractNode Build(GraphAssembler graph, ElementType element, List<Factor> factors, ValueList<int> output)
    {
        if (factors.Count == 2 && output.FirstOrDefault(l => factors[0].Labels.Contains(l) != factors[1].Labels.Contains(l), -1) is >= 0 and var first
            && !factors[0].Labels.Contains(first))
        {
            factors.Reverse();
        }

        var all = factors.SelectMany(f => f.Labels).Distinct().ToList();
        int Class(int label) => !output.Contains(label) ? 3
            : factors.All(f => f.Labels.Contains(label)) ? 0
            : factors.Count == 2 && !factors[0].Labels.Contains(label) ? 2 : 1;
        var order = output.Where(l => Class(l) == 0)
            .Concat(output.Where(l => Class(l) == 1))
            .Concat(output.Where(l => Class(l) == 2))
            .Concat(all.Where(l => Class(l) == 3))
            .Select((label, number) => (label, number))
            .ToDictionary(p => p.label, p => p.number);

        var sizes = new SizeExpr[order.Count];
        foreach (var factor in factors)
        {
            var shape = graph.TypeOf(factor.Node).Shape;
            for (var axis = 0; axis < shape.Count; axis++)
            {
                sizes[order[factor.Labels[axis]]] = shape[axis];
            }
        }

        var type = new TensorType(element, output.Select(l => sizes[order[l]]).ToValueList());
        return new ContractNode(
            type,
            factors.Select(f => f.Node).ToValueList(),
            factors.Select(f => f.Labels.Select(l => order[l]).ToValueList()).ToValueList(),
            output.Select(l => order[l]).ToValueList());
    }

    public static NodeId Add(GraphAssembler graph, ElementType element, List<Factor> factors, ValueList<int> output) =>
        graph.Add(Build(graph, element, factors, output));

    /// <summary>The factors of a contraction, each stripped as far as the other factors still say the sizes of its labels.</summary>
    public static List<Factor> Factors(GraphAssembler graph, ContractNode contract)
    {
        var factors = contract.Factors.Select((node, k) => new Factor(node, contract.Labels[k])).ToList();
        for (var k = 0; k < factors.Count; k++)
        {
            if (graph[factors[k].Node] is ViewNode view)
            {
                var axes = Affine.Axes(view.Access);
                var lost = factors[k].Labels.Where((_, axis) => !axes.Contains(axis));
                factors[k] = lost.All(l => factors.Where((_, other) => other != k).Any(f => f.Labels.Contains(l)))
                    ? Factor.Strip(graph, factors[k].Node, factors[k].Labels)
                    : factors[k];
            }
        }

        return factors;
    }

    /// <summary>
    /// Three and more factors, two at a time: the pair with the smallest product first, summed over the labels that only the pair has. Changes
    /// the order of sums and products: for integers, or when asked for.
    /// </summary>
    public static NodeId AddInPairs(GraphAssembler graph, ElementType element, List<Factor> factors, ValueList<int> output)
    {
        while (factors.Count > 2)
        {
            var best = (Cost: double.PositiveInfinity, Left: 0, Right: 1);
            for (var left = 0; left < factors.Count; left++)
            {
                for (var right = left + 1; right < factors.Count; right++)
                {
                    var cost = PairLabels(factors, left, right).Aggregate(1.0, (product, l) => product * Costs.Size(SizeOf(graph, factors, l)));
                    best = cost < best.Cost ? (cost, left, right) : best;
                }
            }

            var rest = factors.Where((_, k) => k != best.Left && k != best.Right).ToList();
            var kept = PairLabels(factors, best.Left, best.Right).Where(l => output.Contains(l) || rest.Any(f => f.Labels.Contains(l))).ToValueList();
            var pair = Add(graph, element, [factors[best.Left], factors[best.Right]], kept);
            factors = [new Factor(pair, kept), .. rest];
        }

        return Add(graph, element, factors, output);
    }

    private static IEnumerable<int> PairLabels(List<Factor> factors, int left, int right) => factors[left].Labels.Union(factors[right].Labels);

    private static SizeExpr SizeOf(GraphAssembler graph, List<Factor> factors, int label)
    {
        foreach (var factor in factors)
        {
            for (var axis = 0; axis < factor.Labels.Count; axis++)
            {
                if (factor.Labels[axis] == label)
                {
                    return graph.TypeOf(factor.Node).Shape[axis];
                }
            }
        }

        throw new CompilerBugException("form-contractions", $"label {label} has no size");
    }
}
