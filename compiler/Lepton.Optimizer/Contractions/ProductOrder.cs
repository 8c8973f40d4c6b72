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
    // A set of labels is the bits of a number.
    private const int MaxLabels = 64;

    private readonly int[] _labels;
    private readonly double[] _sizes;
    private readonly ulong[] _kept;
    private readonly double[] _cost;
    private readonly double[] _elements;
    private readonly int[] _left;

    public ProductOrder(
        IReadOnlyList<ValueList<int>> factors, IReadOnlyDictionary<int, double> sizes, IReadOnlyList<bool> isMadeOnce, ValueList<int> output)
    {
        All = (1 << factors.Count) - 1;
        _labels = [.. sizes.Keys];
        _sizes = [.. _labels.Select(l => sizes[l])];
        (_kept, _cost, _elements, _left) = (new ulong[All + 1], new double[All + 1], new double[All + 1], new int[All + 1]);
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
            var cost = isOnce ? 0 : _cost[left] + _cost[right] + (2 * Product(_kept[left] | _kept[right]));
            var elements = own + _elements[left] + _elements[right];
            if (cost < _cost[set] || (cost == _cost[set] && elements < _elements[set]))
            {
                (_cost[set], _elements[set], _left[set]) = (cost, elements, left);
            }
        }
    }

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
