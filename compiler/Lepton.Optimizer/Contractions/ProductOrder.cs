using Lepton.Abi;

namespace Lepton.Optimizer.Contractions;

/// <summary>
/// The cheapest order of a product, two at a time, by dynamic programming over the subsets S of its factors:
/// <code>
/// kept(S) = labels of S that the result or a factor outside of S has
/// cost(S) = min over S = A ∪ B of cost(A) + cost(B) + 2 · Π sizes(kept(A) ∪ kept(B));   0 where all of S is made once
/// </code>
/// Of equal costs the one with the smaller intermediate results is taken.
/// </summary>
internal sealed class ProductOrder
{
    private readonly IReadOnlyList<ValueList<int>> _factors;
    private readonly IReadOnlyDictionary<int, double> _sizes;
    private readonly ValueList<int> _output;
    private readonly ValueList<int>[] _kept;
    private readonly double[] _cost;
    private readonly double[] _elements;
    private readonly int[] _left;

    public ProductOrder(
        IReadOnlyList<ValueList<int>> factors, IReadOnlyDictionary<int, double> sizes, IReadOnlyList<bool> isMadeOnce, ValueList<int> output)
    {
        (_factors, _sizes, _output) = (factors, sizes, output);
        All = (1 << factors.Count) - 1;
        (_kept, _cost, _elements, _left) = (new ValueList<int>[All + 1], new double[All + 1], new double[All + 1], new int[All + 1]);
        for (var set = 1; set <= All; set++)
        {
            _kept[set] = KeptOf(set);
            var isOnce = Members(set).All(f => isMadeOnce[f]);
            if (int.PopCount(set) > 1)
            {
                Split(set, isOnce);
            }
        }
    }

    /// <summary>The set of all factors.</summary>
    public int All { get; }

    /// <summary>Multiplications and additions of the best order.</summary>
    public double Cost => _cost[All];

    /// <summary>The labels of the product of a set.</summary>
    public ValueList<int> Kept(int set) => _kept[set];

    /// <summary>One of the two sets that a set is the product of.</summary>
    public int LeftOf(int set) => _left[set];

    private void Split(int set, bool isOnce)
    {
        _cost[set] = double.PositiveInfinity;
        var own = Product(_kept[set]);

        // Each split once: the half with the lowest factor is the left one.
        var lowest = set & -set;
        for (var left = (set - 1) & set; left > 0; left = (left - 1) & set)
        {
            if ((left & lowest) == 0)
            {
                continue;
            }

            var right = set & ~left;
            var cost = isOnce ? 0 : _cost[left] + _cost[right] + (2 * Product(_kept[left].Union(_kept[right])));
            var elements = own + _elements[left] + _elements[right];
            if (cost < _cost[set] || (cost == _cost[set] && elements < _elements[set]))
            {
                (_cost[set], _elements[set], _left[set]) = (cost, elements, left);
            }
        }
    }

    private ValueList<int> KeptOf(int set)
    {
        var labels = Members(set).SelectMany(f => _factors[f]).Distinct().ToList();
        return int.PopCount(set) == 1
            ? labels.ToValueList()
            : labels.Where(l => _output.Contains(l) || Members(All & ~set).Any(f => _factors[f].Contains(l))).ToValueList();
    }

    private double Product(IEnumerable<int> labels) => labels.Aggregate(1.0, (product, l) => product * _sizes[l]);

    private IEnumerable<int> Members(int set) => Enumerable.Range(0, _factors.Count).Where(f => (set >> f & 1) != 0);
}
