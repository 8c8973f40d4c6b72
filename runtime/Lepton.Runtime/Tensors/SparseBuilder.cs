using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Puts sorted entries into the levels of a format, outermost first, and makes dense tensors of them.</summary>
/// <remarks>
/// <c>at[i]</c> is the position of entry i in the level before; each level turns it into its own:
/// <code>
/// dense        at = at * size + c
/// compressed   a new position wherever (at, c) differs from the entry before; positions count them below each at
/// singleton    at stays, c is written there
/// </code>
/// </remarks>
internal static unsafe class SparseBuilder
{
    /// <summary>The entries in a format; they become sorted for it.</summary>
    /// <exception cref="ArgumentException">The format does not suit, an index does not fit its type, or there would be too much memory.</exception>
    internal static OwnedSparseTensor Build(SparseEntries entries, TensorFormat format)
    {
        SparseLayout.CheckFormat(format, entries.Shape);
        var fill = format.FillOf(entries.Values.Element);
        entries.SortFor(format);
        var arrays = new List<OwnedTensor>();
        try
        {
            var at = new long[entries.Count];
            long count = 1;
            for (var l = 0; l < format.Levels.Count; l++)
            {
                var keys = entries.KeysOf(format.Levels[l]);
                switch (format.Levels[l].Kind)
                {
                    case LevelKind.Dense:
                        var size = SparseLayout.Size(format, l, entries.Shape);
                        count = Product(count, size, format, l, entries.Shape);
                        for (var i = 0; i < at.Length; i++)
                        {
                            at[i] = (at[i] * size) + keys[i];
                        }

                        break;
                    case LevelKind.Compressed:
                        count = Compress(entries, format, l, at, count, keys, arrays);
                        break;
                    default:
                        arrays.Add(Coordinates(format, l, count, at, keys));
                        break;
                }
            }

            arrays.Add(Values(entries, at, [count], fill));
            return new OwnedSparseTensor(format, entries.Shape, [.. arrays]);
        }
        catch
        {
            arrays.ForEach(a => a.Dispose());
            throw;
        }
    }

    /// <summary>The dense tensor, with the fill value where there is no entry.</summary>
    internal static OwnedTensor Dense(SparseEntries entries, Scalar fill)
    {
        var at = new long[entries.Count];
        for (var axis = 0; axis < entries.Shape.Length; axis++)
        {
            var (size, keys) = (entries.Shape[axis], entries.Axes[axis]);
            for (var i = 0; i < at.Length; i++)
            {
                at[i] = (at[i] * size) + keys[i];
            }
        }

        return Values(entries, at, entries.Shape, fill);
    }

    private static long Compress(SparseEntries entries, TensorFormat format, int l, long[] at, long before, long[] keys, List<OwnedTensor> arrays)
    {
        // With repeated coordinates, the singletons behind it tell positions apart.
        var chain = new List<long[]> { keys };
        for (var k = l; !format.Levels[k].Unique; k++)
        {
            chain.Add(entries.KeysOf(format.Levels[k + 1]));
        }

        var positions = new OwnedTensor(ElementType.I64, [before + 1], zeroed: true);
        arrays.Add(positions); // its place; and freed when something fails
        using var pin = positions.Pin();
        var starts = (long*)pin.Pointer;
        var place = new long[at.Length];
        long count = 0;
        for (var i = 0; i < at.Length; i++)
        {
            if (i == 0 || at[i] != at[i - 1] || chain.Exists(c => c[i] != c[i - 1]))
            {
                count++;
                starts[at[i] + 1]++;
            }

            place[i] = count - 1;
        }

        for (long p = 0; p < before; p++)
        {
            starts[p + 1] += starts[p];
        }

        if (format.Index == ElementType.I32)
        {
            if (count > int.MaxValue)
            {
                throw new ArgumentException($"level {l} has {count} positions, which do not fit into i32: store it with i64 indices");
            }

            arrays[^1] = positions.ConvertTo(ElementType.I32);
            positions.Dispose(); // once the pin is gone
        }

        place.CopyTo(at, 0);
        arrays.Add(Coordinates(format, l, count, at, keys));
        return count;
    }

    private static OwnedTensor Coordinates(TensorFormat format, int l, long count, long[] at, long[] keys)
    {
        var result = new OwnedTensor(format.Index, [count], zeroed: true);
        if (format.Index == ElementType.I32)
        {
            using var pin = result.Pin();
            var target = (int*)pin.Pointer;
            for (var i = 0; i < at.Length; i++)
            {
                target[at[i]] = keys[i] <= int.MaxValue
                    ? (int)keys[i]
                    : throw new ArgumentException($"coordinate {keys[i]} of level {l} does not fit into i32: store it with i64 indices");
            }
        }
        else
        {
            using var pin = result.Pin();
            var target = (long*)pin.Pointer;
            for (var i = 0; i < at.Length; i++)
            {
                target[at[i]] = keys[i];
            }
        }

        return result;
    }

    private static OwnedTensor Values(SparseEntries entries, long[] at, ReadOnlySpan<long> shape, Scalar fill)
    {
        var values = new OwnedTensor(fill.Type, shape, zeroed: true);
        using var pattern = SparseValues.One(fill);
        if (pattern.AsBytes().ContainsAnyExcept((byte)0) && values.Length > at.Length)
        {
            SparseValues.Fill(values, pattern);
        }

        SparseValues.Scatter(entries.Values, at, values);
        return values;
    }

    private static long Product(long count, long size, TensorFormat format, int level, long[] shape) => (Int128)count * size is var product && product <= TensorShape.MaxBytes
        ? (long)product
        : throw new ArgumentException($"level {level} of {format} would have more than {TensorShape.MaxBytes} positions in a tensor of shape {TensorShape.Text(shape)}");
}
