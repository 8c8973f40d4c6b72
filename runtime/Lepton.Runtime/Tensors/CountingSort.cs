using System.Numerics;

namespace Lepton.Runtime.Tensors;

/// <summary>A stable sort of numbers 0 to n by keys below a bound, in time linear in n: least significant digit first (Knuth, 5.2.5).</summary>
internal static class CountingSort
{
    // The counters of a pass stay in the first cache.
    private const int DigitBits = 12;

    /// <summary>The order in which the keys ascend; equal ones stay as they were.</summary>
    /// <param name="keys">From 0 to below <paramref name="bound"/>.</param>
    /// <param name="bound">What all keys are below.</param>
    /// <param name="order">The order so far; null: as they stand.</param>
    /// <returns>The new order; null: as they stand, still.</returns>
    internal static int[]? By(long[] keys, long bound, int[]? order)
    {
        var bits = bound <= 1 ? 0 : 64 - BitOperations.LeadingZeroCount((ulong)(bound - 1));
        var passes = (bits + DigitBits - 1) / DigitBits;
        if (passes == 0 || IsSorted(keys, order))
        {
            return order;
        }

        var width = (bits + passes - 1) / passes;
        var starts = new int[1 << width];
        for (var pass = 0; pass < passes; pass++)
        {
            var (shift, mask) = (pass * width, (1L << width) - 1);
            Array.Clear(starts);
            foreach (var key in keys)
            {
                starts[(key >> shift) & mask]++;
            }

            var sum = 0;
            for (var digit = 0; digit < starts.Length; digit++)
            {
                (starts[digit], sum) = (sum, sum + starts[digit]);
            }

            var next = new int[keys.Length];
            for (var i = 0; i < next.Length; i++)
            {
                var number = order is null ? i : order[i];
                next[starts[(keys[number] >> shift) & mask]++] = number;
            }

            order = next;
        }

        return order;
    }

    private static bool IsSorted(long[] keys, int[]? order)
    {
        for (var i = 1; i < keys.Length; i++)
        {
            if (order is null ? keys[i] < keys[i - 1] : keys[order[i]] < keys[order[i - 1]])
            {
                return false;
            }
        }

        return true;
    }
}
