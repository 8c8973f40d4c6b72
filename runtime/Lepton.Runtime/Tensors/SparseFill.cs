using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Made-up sparse tensors: for tests and benchmarks. The same seed gives the same tensor on every machine, in every format.</summary>
public static class SparseFill
{
    /// <summary>
    /// Stores each element with a probability, independently: uniform values in [0, 1) for floats, 1 to 9 for integers, true. The time grows with
    /// what is stored, not with the shape.
    /// </summary>
    /// <param name="element">The element type.</param>
    /// <param name="shape">The sizes; their product must be below 2^63.</param>
    /// <param name="density">The share of elements that are stored, 0 to 1.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="format">How to store it. With another fill value than 0, what is not drawn is that.</param>
    /// <exception cref="ArgumentException">The density or the shape cannot be, or the format does not suit.</exception>
    public static OwnedSparseTensor Uniform(ElementType element, ReadOnlySpan<long> shape, double density, ulong seed, TensorFormat format)
    {
        if (!(density is >= 0 and <= 1))
        {
            throw new ArgumentException($"density {density} is not 0 to 1");
        }

        SparseLayout.CheckFormat(format, shape);
        Int128 product = 1;
        foreach (var size in shape)
        {
            product *= size;
            product = product <= long.MaxValue ? product : throw new ArgumentException($"shape {TensorShape.Text(shape)} has 2^63 elements or more");
        }

        // A few deviations above the expected count there is room; ask before drawing.
        if ((double)product * density > Array.MaxLength / 2)
        {
            throw new ArgumentException($"{(double)product * density:G3} stored elements are too many");
        }

        var found = Places((long)product, density, seed);
        var columns = new long[shape.Length][];
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            columns[axis] = new long[found.Count];
            for (var i = 0; i < found.Count; i++)
            {
                (found[i], columns[axis][i]) = Math.DivRem(found[i], shape[axis]);
            }
        }

        using var drawn = Tensor.Allocate(ElementType.F64, found.Count);
        TensorFill.Uniform(drawn, seed, element.IsFloat() ? 0 : 1, element.IsFloat() ? 1 : 10, stream: 1);
        using var entries = new SparseEntries(shape.ToArray(), columns, drawn.ConvertTo(element));
        return SparseBuilder.Build(entries, format);
    }

    // The gaps between successes of independent trials are geometric: floor(ln u / ln(1 - p)) with u uniform in (0, 1].
    private static List<long> Places(long count, double density, ulong seed)
    {
        var found = new List<long>();
        var logarithm = Math.Log(1 - density);
        for (long at = 0, draw = 0; density > 0; at++, draw++)
        {
            var gap = density == 1 ? 0 : Math.Floor(Math.Log(1 - Philox.Uniform(seed, (ulong)draw, 0)) / logarithm);
            if (gap >= count - at)
            {
                break;
            }

            at += (long)gap;
            found.Add(at);
        }

        return found;
    }
}
