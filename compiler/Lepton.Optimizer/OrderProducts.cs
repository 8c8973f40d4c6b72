using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Contractions;

namespace Lepton.Optimizer;

/// <summary>
/// Products of several factors in the cheapest order:
/// <code>
/// (a @ b) @ v                             ->   a @ (b @ v)                  n³ + n²  ->  2n²  multiplications
/// sum[j, k] a[i, j] * b[j, k] * v[k]      ->   sum[j] a[i, j] * (sum[k] b[j, k] * v[k])
/// </code>
/// Contractions, and products with what is repeated, that only another contraction reads are taken apart into their factors; <see cref="ProductOrder"/> finds the order. Products of
/// what does not change from run to run, or from step to step in a loop, cost nothing, since they are made once. Another order of sums and
/// products rounds elsewhere but not more: every path from a factor to the result still has at most as many roundings as there are terms and
/// factors. Sparse factors count for what is expected to be stored of them (<see cref="ExpectedDensity"/>) where all sizes are known. For
/// floats of at least 32 bits, not in the exact mode; integers always.
/// </summary>
public static class OrderProducts
{
    // Beyond, the order is as it was.
    private const int MaxFactors = 8;

    // What an order must save: sizes may be guesses.
    private const double Worthwhile = 0.8;

    /// <param name="graph">The graph.</param>
    /// <param name="exact">Products of floats stay in the order in which they are.</param>
    /// <param name="tell">Hears of each product in another order.</param>
    public static Graph Run(Graph graph, bool exact = false, Action<RuleNote>? tell = null) => Rewrite.InBodies(graph, g => new Ordering(g, exact, tell).Run());

    /// <param name="Factors">Of the whole product, contractions inside taken apart.</param>
    /// <param name="Cost">As it stands, if all were dense.</param>
    /// <param name="Expected">As it stands, for what is expected to be stored.</param>
    /// <param name="Last">The last step's part of that.</param>
    private sealed record Product(ValueList<Factor> Factors, ValueList<int> Output, double Cost, double Expected, double Last);

    private sealed class Ordering(Graph graph, bool exact, Action<RuleNote>? tell)
    {
        private readonly int[] _uses = graph.CountUses();
        private readonly Dictionary<NodeId, Product> _products = [];
        private readonly InvariantNodes _invariant = new();
        private readonly ExpectedDensity _density = new();
        private GraphAssembler _target = null!;
        private int _position;

        public Graph Run() => Rewrite.Flat(graph, (target, node) =>
        {
            _target = target;
            var isOnce = _uses[_position++] == 1;
            if (node is MapNode { Op: MapOp.Mul } map && isOnce && MayReorder(map.Type.Element))
            {
                var made = target.Add(node);
                if (Scaled(map) is { } scaled)
                {
                    _products[made] = scaled;
                }

                return made;
            }

            if (node is not ContractNode contract || !MayReorder(contract.Type.Element))
            {
                return target.Add(node);
            }

            var product = Flatten(contract);
            var best = product.Factors.Count is > 2 and <= MaxFactors ? Cheapest(contract, product) : null;
            var id = best?.Id ?? target.Add(contract);
            if (isOnce)
            {
                _products[id] = best is { } found ? product with { Cost = found.Cost, Expected = found.Cost, Last = found.Last } : product;
            }

            return id;
        });

        private bool MayReorder(ElementType element) => element.IsInteger() || (!exact && element is (ElementType.F32 or ElementType.F64));

        // a[i, j] * s[j]: two factors, one of which depends on fewer indices.
        private Product? Scaled(MapNode map)
        {
            var labels = Enumerable.Range(0, map.Type.Rank).ToValueList();
            var (left, right) = (Factor.Plain(_target, map.Arguments[0], labels), Factor.Plain(_target, map.Arguments[1], labels));
            return left.Labels.Count != right.Labels.Count && (left.Labels.Count == labels.Count || right.Labels.Count == labels.Count)
                ? With([left, right], [left, right], labels, Costs.Elements(map.Type.Shape), 0)
                : null;
        }

        private Product Flatten(ContractNode contract)
        {
            var factors = new List<Factor>();
            var sizes = new Dictionary<int, double>();
            var fresh = contract.Labels.SelectMany(l => l).Append(-1).Max() + 1;
            var (cost, expected) = (0.0, 0.0);
            for (var k = 0; k < contract.Factors.Count; k++)
            {
                var labels = contract.Labels[k];
                for (var axis = 0; axis < labels.Count; axis++)
                {
                    sizes[labels[axis]] = Costs.Size(_target.TypeOf(contract.Factors[k]).Shape[axis]);
                }

                if (_products.TryGetValue(contract.Factors[k], out var inside) && _target.TypeOf(contract.Factors[k]).Element == contract.Type.Element
                    && factors.Count + inside.Factors.Count <= MaxFactors)
                {
                    // Labels of the result have names here already; summed ones get new ones.
                    var names = new Dictionary<int, int>();
                    for (var axis = 0; axis < labels.Count; axis++)
                    {
                        names[inside.Output[axis]] = labels[axis];
                    }

                    foreach (var factor in inside.Factors)
                    {
                        factors.Add(factor with { Labels = factor.Labels.Select(l => names.TryGetValue(l, out var known) ? known : names[l] = fresh++).ToValueList() });
                    }

                    (cost, expected) = (cost + inside.Cost, expected + inside.Expected - Unsampled(contract, k, inside));
                }
                else
                {
                    factors.Add(new Factor(contract.Factors[k], labels));
                }
            }

            if (contract.Factors.All(IsInvariant))
            {
                return new Product(factors.ToValueList(), contract.Output, 0, 0, 0);
            }

            var own = contract.Factors.Select((f, k) => new Factor(f, contract.Labels[k])).ToList();
            var places = sizes.Values.Aggregate(1.0, (a, b) => a * b);
            var product = With(own, factors, contract.Output, places, Costs.Elements(contract.Type.Shape));
            return product with { Cost = product.Cost + cost, Expected = product.Expected + expected };
        }

        // The last step alone, of the factors own.
        private Product With(List<Factor> own, List<Factor> factors, ValueList<int> output, double places, double stored)
        {
            var isOnce = own.All(f => IsInvariant(f.Node));
            var density = own.Aggregate(1.0, (d, f) => d * _density.Of(_target, f.Node));
            var (all, some) = isOnce ? (0, 0) : (ProductOrder.Work(own.Count, places, 1, stored), ProductOrder.Work(own.Count, places, density, stored));
            return new Product(factors.ToValueList(), output, all, some, some);
        }

        // As ProductOrder counts it.
        private double Unsampled(ContractNode contract, int product, Product inside) =>
            contract.Factors.Count == 2 && _target[contract.Factors[product]] is ContractNode && _target[contract.Factors[1 - product]] is not ContractNode && contract.Labels[0].ToHashSet().SetEquals(contract.Labels[1])
                ? (1 - _density.Of(_target, contract.Factors[1 - product])) * inside.Last
                : 0;

        private (NodeId Id, double Cost, double Last)? Cheapest(ContractNode contract, Product product)
        {
            var isKnown = product.Factors.All(f => _target.TypeOf(f.Node).Shape.All(s => s.IsConstant));
            var densities = isKnown ? product.Factors.Select(f => _density.Of(_target, f.Node)).ToList() : null;
            densities = densities?.Any(d => d < 1) == true ? densities : null;
            var order = new ProductOrder(
                product.Factors.Select(f => f.Labels).ToList(),
                product.Factors.Select(f => f.Labels.Select((l, axis) => (l, Costs.Size(_target.TypeOf(f.Node).Shape[axis])))).SelectMany(p => p)
                    .GroupBy(p => p.l).ToDictionary(g => g.Key, g => g.First().Item2),
                product.Factors.Select(f => IsInvariant(f.Node)).ToList(),
                contract.Output,
                densities);
            var before = densities is null ? product.Cost : product.Expected;
            if (order.Cost > Worthwhile * before)
            {
                return null;
            }

            var made = Make(order, order.All, contract, product.Factors).Node;
            tell?.Invoke(Note(order, product, before, densities));
            return (made, order.Cost, order.Last);
        }

        private RuleNote Note(ProductOrder order, Product product, double before, List<double>? densities)
        {
            string Name(int factor) => _target[product.Factors[factor].Node] is InputNode input ? input.Label : $"{product.Factors[factor].Node}";
            string Text(int set) => int.PopCount(set) == 1 ? Name(int.TrailingZeroCount(set)) : $"({Text(order.LeftOf(set))} * {Text(set & ~order.LeftOf(set))})";
            var taken = product.Factors.Any(f => _target.TypeOf(f.Node).Shape.Any(s => !s.IsConstant)) ? ", unknown sizes taken for 64" : "";
            for (var f = 0; densities is not null && f < densities.Count; f++)
            {
                taken += densities[f] < 1 ? string.Create(CultureInfo.InvariantCulture, $", {Name(f)} taken to store {100 * densities[f]:G3} %") : "";
            }

            return new RuleNote(
                "order-products",
                $"{string.Join(" * ", Enumerable.Range(0, product.Factors.Count).Select(Name))} = {Text(order.All)[1..^1]}",
                string.Create(CultureInfo.InvariantCulture, $"products are associative: about {order.Cost:G4} of {before:G4} operations{taken}"));
        }

        private Factor Make(ProductOrder order, int set, ContractNode contract, ValueList<Factor> factors)
        {
            if (int.PopCount(set) == 1)
            {
                return factors[int.TrailingZeroCount(set)];
            }

            // The whole keeps the axes of the result in their order.
            var left = Make(order, order.LeftOf(set), contract, factors);
            var right = Make(order, set & ~order.LeftOf(set), contract, factors);
            var kept = set == order.All ? contract.Output : order.Kept(set);
            if (set != order.All && kept.Count == left.Labels.Union(right.Labels).Count() && (left.IsWithin(right) || right.IsWithin(left)))
            {
                return left.IsWithin(right) ? Factor.Multiply(_target, left, right) : Factor.Multiply(_target, right, left);
            }

            return new Factor(ContractForm.Add(_target, contract.Type.Element, [left, right], kept), kept);
        }

        private bool IsInvariant(NodeId id) => _invariant.Contains(_target, id);
    }
}
