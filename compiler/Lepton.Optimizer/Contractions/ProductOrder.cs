using Lepton.Abi;

namespace Lepton.Optimizer.Contractions;

/// <summary>
/// The cheapest order of a product, two at a time, by dynamic programming over the subsets S of its factors:
/// <code>
/// kept(S) = labels of S that the result or a factor outside of S has
/// cost(S) = min over S = A ∪ B of cost(A) + cost(B) + 2 · Π sizes(kept(A) ∪ kept(B));   0 where all of S is made once
/// </code>
/// Of equal costs the one with the smaller intermediate results is taken. Where factors are sparse, a product meets d(A) d(B) of its places, and
/// what it leaves in memory counts too; a product that only a sparse factor with the same labels wants is computed where that stores (sampled):
/// <code>
/// cost(A ∪ {s}) = cost(A) - (1 - d(s)) · last(A) + 2 d(s) · Π sizes(kept(A))          labels(s) = kept(A)
/// </code>
/// </summary>
internal sealed class ProductOrder
{
    // A set of labels is the bits of a number.
    private const int MaxLabels = 64;

    private readonly int[] _labels;
    private readonly double[] _sizes;
    private readonly ulong[] _kept;
    private readonly double[] _cost;
    private readonly double[] _elements;
    private readonly int[] _left;

    // Of the product of a set: the share of its places that is met, and the cost of its last step.
    private readonly double[] _density;
    private readonly double[] _last;

    // Whether it is a factor, or an elementwise product: computed where it is wanted.
    private readonly bool[] _isInline;

    /// <param name="densities">The share of each factor's places that is met; null: all.</param>
    public ProductOrder(
        IReadOnlyList<ValueList<int>> factors,
        IReadOnlyDictionary<int, double> sizes,
        IReadOnlyList<bool> isMadeOnce,
        ValueList<int> output,
        IReadOnlyList<double>? densities = null)
    {
        All = (1 << factors.Count) - 1;
        _labels = [.. sizes.Keys];
        _sizes = [.. _labels.Select(l => sizes[l])];
        (_kept, _cost, _elements, _left) = (new ulong[All + 1], new double[All + 1], new double[All + 1], new int[All + 1]);
        (_density, _last, _isInline) = (new double[All + 1], new double[All + 1], new bool[All + 1]);
        if (_labels.Length > MaxLabels)
        {
            _cost[All] = double.PositiveInfinity;
            return;
        }

        ulong Bits(ValueList<int> labels) => labels.Aggregate(0UL, (bits, l) => bits | (1UL << Array.IndexOf(_labels, l)));
        var (own, wanted) = (factors.Select(Bits).ToArray(), Bits(output));
        for (var set = 1; set <= All; set++)
        {
            var (inside, outside, isOnce) = (0UL, wanted, true);
            for (var f = 0; f < own.Length; f++)
            {
                var isMember = (set >> f & 1) != 0;
                inside |= isMember ? own[f] : 0;
                outside |= isMember ? 0 : own[f];
                isOnce &= !isMember || isMadeOnce[f];
            }

            _kept[set] = int.PopCount(set) == 1 ? inside : inside & outside;
            _isInline[set] = int.PopCount(set) == 1;
            _density[set] = densities?[int.TrailingZeroCount(set)] ?? 1;
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

    /// <summary>Of these, those of the last step.</summary>
    public double Last => _last[All];

    /// <summary>The labels of the product of a set.</summary>
    public ValueList<int> Kept(int set) => _labels.Where((_, i) => (_kept[set] >> i & 1) != 0).ToValueList();

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
            var (density, all) = (_density[left] * _density[right], _kept[left] | _kept[right]);

            // All but elementwise products is stored, and dense.
            var isInline = set != All && all == _kept[set] && (all == _kept[left] || all == _kept[right]);
            var last = isOnce ? 0 : Work(2, Product(all), density, isInline ? 0 : own);
            var cost = isOnce ? 0 : _cost[left] + _cost[right] + last - Unsampled(left, right) - Unsampled(right, left);
            var elements = own + _elements[left] + _elements[right];
            if (cost < _cost[set] || (cost == _cost[set] && elements < _elements[set]))
            {
                (_cost[set], _elements[set], _left[set], _last[set]) = (cost, elements, left, last);
                (_density[set], _isInline[set]) = (isInline ? density : 1, isInline);
            }
        }
    }

    /// <summary>Operations of a product: those at the places that are met; where that is not all, what is stored counts too.</summary>
    public static double Work(int factors, double places, double density, double stored) => (factors * places * density) + (density < 1 ? stored : 0);

    // What need not be computed of a product because the other factor does not store there.
    private double Unsampled(int product, int sparse) =>
        !_isInline[product] && _isInline[sparse] && _kept[product] == _kept[sparse] ? (1 - _density[sparse]) * _last[product] : 0;

    private double Product(ulong labels)
    {
        var product = 1.0;
        for (; labels != 0; labels &= labels - 1)
        {
            product *= _sizes[System.Numerics.BitOperations.TrailingZeroCount(labels)];
        }

        return product;
    }
}
