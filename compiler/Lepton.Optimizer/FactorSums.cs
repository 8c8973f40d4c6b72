using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Optimizer.Contractions;

namespace Lepton.Optimizer;

/// <summary>
/// Two products with one sparse factor, of which only the sum is wanted, are one product with a sum:
/// <code>
/// a @ x ± a @ y    ->    a @ (x ± y)          2 · 2 s K  ->  2 s K + M K  operations, of s stored entries of a and x, y of M × K
/// </code>
/// What a stores is read once, and one result less is stored. A sum has one rounding more on the way to it and one less behind; its error stays
/// below the bound of the original, n ε Σ |a| (|x| + |y|). Where x ± y overflows the result does, as in other orders of products. For floats of
/// at least 32 bits, not in the exact mode; integers always.
/// </summary>
public static class FactorSums
{
    // What it must save: sizes and counts may be guesses.
    private const double Worthwhile = 0.8;

    /// <param name="graph">The graph.</param>
    /// <param name="exact">Sums of floats stay as they are.</param>
    /// <param name="tell">Hears of each sum that was factored.</param>
    public static Graph Run(Graph graph, bool exact = false, Action<RuleNote>? tell = null) => Rewrite.InBodies(graph, g => new Factoring(g, exact, tell).Run());

    private sealed class Factoring(Graph graph, bool exact, Action<RuleNote>? tell)
    {
        private readonly int[] _uses = graph.CountUses();
        private readonly HashSet<NodeId> _once = [];
        private readonly ExpectedDensity _density = new();
        private readonly InvariantNodes _invariant = new();
        private GraphAssembler _target = null!;
        private int _position;

        public Graph Run() => graph.Nodes.All(n => SupportAnalysis.FormatOf(n) is null) ? graph : Rewrite.Flat(graph, (target, node) =>
        {
            _target = target;
            var isOnce = _uses[_position++] == 1;
            var id = node is MapNode { Op: MapOp.Add or MapOp.Sub } sum && MayFactor(sum.Type.Element) && Factored(sum) is { } one ? target.Add(one) : target.Add(node);
            if (isOnce)
            {
                _once.Add(id);
            }

            return id;
        });

        private bool MayFactor(ElementType element) => element.IsInteger() || (!exact && element is ElementType.F32 or ElementType.F64);

        private ContractNode? Factored(MapNode sum)
        {
            var (left, right) = (sum.Arguments[0], sum.Arguments[1]);
            if (left == right || !_once.Contains(left) || !_once.Contains(right)
                || _target[left] is not ContractNode { Factors.Count: 2 } a || _target[right] is not ContractNode { Factors.Count: 2 } b
                || a.Output != b.Output || a.Type != b.Type)
            {
                return null;
            }

            for (var k = 0; k < 2; k++)
            {
                var (x, y) = (a.Factors[1 - k], b.Factors[1 - k]);
                if (a.Factors[k] == b.Factors[k] && a.Labels == b.Labels && _target.TypeOf(x) == _target.TypeOf(y) && _target.TypeOf(x).Element == a.Type.Element
                    && SupportAnalysis.FormatOf(_target[a.Factors[k]]) is { } format && IsCheaper(a, k, x, y))
                {
                    tell?.Invoke(Note(a, k, x, y, sum.Op, format));
                    var other = _target.Map(sum.Op, x, y);
                    return a with { Factors = k == 0 ? [a.Factors[0], other] : [other, a.Factors[1]] };
                }
            }

            return null;
        }

        // One product, and the storing and loading of its result, for a sum that is stored and loaded.
        private bool IsCheaper(ContractNode contract, int shared, NodeId x, NodeId y)
        {
            var density = _density.Of(_target, contract.Factors[shared]);
            var (isOnce, once) = (_invariant.Contains(_target, contract.Factors[shared]), (X: _invariant.Contains(_target, x), Y: _invariant.Contains(_target, y)));
            if (density >= 1 || _density.Of(_target, x) < 1 || _density.Of(_target, y) < 1 || (isOnce && (once.X || once.Y)))
            {
                return false;
            }

            var others = Others(contract, shared).Aggregate(1.0, (n, s) => n * Costs.Size(s));
            var saved = (2 * density * Costs.Elements(_target.TypeOf(contract.Factors[shared]).Shape) * others) + (Costs.StoreAndLoad * Costs.Elements(contract.Type.Shape));
            var price = once.X && once.Y ? 0 : Costs.StoreAndLoad * Costs.Elements(_target.TypeOf(x).Shape);
            return price < Worthwhile * saved;
        }

        // The sizes of the labels that the shared factor has not.
        private IEnumerable<SizeExpr> Others(ContractNode contract, int shared) => contract.Labels[1 - shared]
            .Select((label, axis) => (label, _target.TypeOf(contract.Factors[1 - shared]).Shape[axis]))
            .Where(l => !contract.Labels[shared].Contains(l.label)).DistinctBy(l => l.label).Select(l => l.Item2);

        private RuleNote Note(ContractNode contract, int shared, NodeId x, NodeId y, MapOp op, TensorFormat format)
        {
            string Name(NodeId id) => _target[id] is InputNode input ? input.Label : $"{id}";
            var (a, sign, type) = (Name(contract.Factors[shared]), op == MapOp.Add ? "+" : "-", _target.TypeOf(contract.Factors[shared]));
            string Product(string other) => shared == 0 ? $"{a} @ {other}" : $"{other} @ {a}";
            var once = 2 * SizeExpr.Product(Others(contract, shared)) * format.Count(format.Levels.Count - 1, a, type.Shape);
            var bytes = format.Arrays(a, type.Element, type.Shape).Aggregate(SizeExpr.Zero, (n, array) => n + (array.Count * array.Element.ByteSize()));
            return new RuleNote(
                "factor-sums",
                $"{Product(Name(x))} {sign} {Product(Name(y))} = {Product($"({Name(x)} {sign} {Name(y)})")}",
                $"one pass over {a} for two: {once + _target.TypeOf(x).Count} of {(2 * once) + contract.Type.Count} operations, {bytes} of {2 * bytes} bytes of {a}");
        }
    }
}
