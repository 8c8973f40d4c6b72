using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Checked arithmetic on shapes: everything is refused here before memory is asked for.</summary>
public static class TensorShape
{
    /// <summary>The most axes that a tensor may have.</summary>
    public const int MaxRank = 64;

    /// <summary>The most bytes that a tensor may have: 2^47, the user half of a 48-bit address space.</summary>
    public const long MaxBytes = 1L << 47;

    /// <summary>The number of elements of a shape; 1 for a scalar.</summary>
    /// <exception cref="ArgumentException">A negative size, too many axes, or a product that overflows.</exception>
    public static long Count(ReadOnlySpan<long> shape) =>
        TryBytes(1, shape, out var count, out var problem) ? count : throw new ArgumentException(problem);

    /// <summary>The number of bytes of a contiguous tensor.</summary>
    /// <exception cref="ArgumentException">As <see cref="Count"/>, or more than <see cref="MaxBytes"/>.</exception>
    public static long ByteLength(ElementType element, ReadOnlySpan<long> shape) =>
        TryBytes(element.ByteSize(), shape, out var bytes, out var problem) ? bytes : throw new ArgumentException(problem);

    /// <summary>As <see cref="ByteLength"/>, without an exception: <paramref name="problem"/> says what is wrong.</summary>
    public static bool TryByteLength(ElementType element, ReadOnlySpan<long> shape, out long bytes, out string problem) =>
        TryBytes(element.ByteSize(), shape, out bytes, out problem);

    /// <summary>The shape as text: <c>[2, 3]</c>.</summary>
    public static string Text(ReadOnlySpan<long> shape) => "[" + string.Join(", ", shape.ToArray()) + "]";

    /// <summary>The coordinates of element <paramref name="flat"/> in row-major order.</summary>
    public static long[] Unravel(long flat, ReadOnlySpan<long> shape)
    {
        var at = new long[shape.Length];
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            var size = Math.Max(shape[axis], 1);
            (flat, at[axis]) = (flat / size, flat % size);
        }

        return at;
    }

    private static bool TryBytes(long elementSize, ReadOnlySpan<long> shape, out long bytes, out string problem)
    {
        (bytes, problem) = (0, "");
        if (shape.Length > MaxRank)
        {
            problem = $"{shape.Length} axes are more than {MaxRank}";
            return false;
        }

        // A size of 0 makes the whole empty, whatever the others are; so look for one first.
        var product = (Int128)elementSize;
        foreach (var size in shape)
        {
            if (size < 0)
            {
                problem = $"size {size} in shape {Text(shape)} is negative";
                return false;
            }

            product = size == 0 ? 0 : product;
        }

        foreach (var size in shape)
        {
            product *= size;
            if (product > MaxBytes)
            {
                problem = $"shape {Text(shape)} is larger than {MaxBytes} bytes";
                return false;
            }
        }

        bytes = (long)product;
        return true;
    }
}
