using System.Numerics;
using System.Runtime.CompilerServices;
using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Checks every index array of a sparse tensor, so that native code may follow them without looking. Linear, with vectors where all is well.</summary>
/// <remarks>
/// Level by level, from the outside: positions first, for coordinates are looked up through them.
/// <code>
/// positions     0 = p[0] ≤ p[1] ≤ … ≤ p[n] = number of coordinates
/// coordinates   0 ≤ c &lt; size, and ascending within p[i] … p[i + 1]; with repeated ones: (c, singletons behind it) ascends
/// </code>
/// </remarks>
internal static unsafe class SparseCheck
{
    /// <param name="tensor">What to check.</param>
    /// <param name="order">Whether coordinates must ascend.</param>
    internal static void Run(SparseTensor tensor, bool order = true)
    {
        if (tensor.Format.Index == ElementType.I32)
        {
            Run<int>(tensor, order);
        }
        else
        {
            Run<long>(tensor, order);
        }
    }

    private static void Run<T>(SparseTensor tensor, bool order)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var levels = tensor.Format.Levels;
        for (var l = 0; l < levels.Count; l++)
        {
            if (levels[l].Kind == LevelKind.Dense)
            {
                continue;
            }

            var size = SparseLayout.Size(tensor.Format, l, tensor.Shape);
            var coordinates = tensor.Coordinates(l);
            using var pin = coordinates.Pin();
            var c = (T*)pin.Pointer;
            Range(tensor, l, c, coordinates.Length, size);
            if (levels[l].Kind == LevelKind.Singleton)
            {
                continue; // its order is checked with the level that has repeated ones
            }

            var positions = tensor.Positions(l);
            using var positionPin = positions.Pin();
            var p = (T*)positionPin.Pointer;
            Positions(tensor, l, p, positions.Length - 1, coordinates.Length);
            if (!order)
            {
                continue;
            }

            if (levels[l].Unique)
            {
                Order(tensor, l, p, positions.Length - 1, c, coordinates.Length);
            }
            else
            {
                Chain<T>(tensor, l, p, positions.Length - 1);
            }
        }
    }

    private static void Positions<T>(SparseTensor tensor, int level, T* p, long segments, long count)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (p[0] != T.Zero)
        {
            throw Bad(tensor, level, StorageKind.Positions, $"entry 0 is {p[0]}; it must be 0");
        }

        if (Descents(p, segments + 1, orEqual: false) > 0)
        {
            for (long i = 0; i < segments; i++)
            {
                if (p[i] > p[i + 1])
                {
                    throw Bad(tensor, level, StorageKind.Positions, $"entry {i + 1} is {p[i + 1]}, less than {p[i]} before it; they never decrease");
                }
            }
        }

        if (long.CreateChecked(p[segments]) != count)
        {
            throw Bad(tensor, level, StorageKind.Positions, $"the last, entry {segments}, is {p[segments]}; there are {count} coordinates");
        }
    }

    private static void Range<T>(SparseTensor tensor, int level, T* c, long count, long size)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var top = T.CreateSaturating(size - 1);
        long i = 0;
        if (Vector.IsHardwareAccelerated && size > 0)
        {
            var (zero, limit) = (Vector<T>.Zero, new Vector<T>(top));
            for (; i <= count - Vector<T>.Count; i += Vector<T>.Count)
            {
                var v = Unsafe.ReadUnaligned<Vector<T>>(c + i);
                if (Vector.LessThanAny(v, zero) || Vector.GreaterThanAny(v, limit))
                {
                    break;
                }
            }
        }

        for (; i < count; i++)
        {
            if (c[i] < T.Zero || c[i] > top)
            {
                var range = size > 0 ? $"it must be 0 to {size - 1}" : "its axis has size 0";
                throw Bad(tensor, level, StorageKind.Coordinates, $"entry {i} is {c[i]}; {range}");
            }
        }
    }

    // All places where a coordinate is not greater than the one before: as many as there are at the starts of segments, or one is inside.
    private static void Order<T>(SparseTensor tensor, int level, T* p, long segments, T* c, long count)
        where T : unmanaged, IBinaryInteger<T>
    {
        var allowed = 0L;
        for (long s = 1; s < segments; s++)
        {
            var at = long.CreateTruncating(p[s]);
            if (p[s] != p[s - 1] && at < count && c[at] <= c[at - 1])
            {
                allowed++;
            }
        }

        if (Descents(c, count, orEqual: true) == allowed)
        {
            return;
        }

        for (long s = 0; s < segments; s++)
        {
            var end = long.CreateTruncating(p[s + 1]);
            for (var i = long.CreateTruncating(p[s]) + 1; i < end; i++)
            {
                if (c[i] <= c[i - 1])
                {
                    throw Bad(tensor, level, StorageKind.Coordinates, $"entry {i} is {c[i]}, {After(c[i] == c[i - 1], $"{c[i - 1]}")}");
                }
            }
        }
    }

    // Lexicographic order of (coordinate, coordinates of the singletons behind it), in each segment.
    private static void Chain<T>(SparseTensor tensor, int level, T* p, long segments)
        where T : unmanaged, IBinaryInteger<T>
    {
        var last = level + 1;
        while (!tensor.Format.Levels[last].Unique)
        {
            last++;
        }

        var length = last - level + 1;
        var pins = new System.Buffers.MemoryHandle[length];
        var columns = stackalloc T*[length];
        for (var k = 0; k < length; k++)
        {
            pins[k] = tensor.Coordinates(level + k).Pin();
            columns[k] = (T*)pins[k].Pointer;
        }

        try
        {
            for (long s = 0; s < segments; s++)
            {
                var end = long.CreateTruncating(p[s + 1]);
                for (var i = long.CreateTruncating(p[s]) + 1; i < end; i++)
                {
                    var k = 0;
                    while (k < length && columns[k][i] == columns[k][i - 1])
                    {
                        k++;
                    }

                    if (k == length || columns[k][i] < columns[k][i - 1])
                    {
                        var at = k == length ? k - 1 : k;
                        throw Bad(tensor, level + at, StorageKind.Coordinates, $"entry {i} is {columns[at][i]}, {After(k == length, $"{columns[at][i - 1]}")}");
                    }
                }
            }
        }
        finally
        {
            Array.ForEach(pins, pin => pin.Dispose());
        }
    }

    /// <summary>How many entries are less than the one before, or not greater.</summary>
    private static long Descents<T>(T* data, long count, bool orEqual)
        where T : unmanaged, IBinaryInteger<T>
    {
        long found = 0;
        long i = 1;
        if (Vector.IsHardwareAccelerated)
        {
            // Each lane subtracts the masks' -1; emptied long before an i32 is full.
            while (i <= count - Vector<T>.Count)
            {
                var lanes = Vector<T>.Zero;
                var end = Math.Min(count - Vector<T>.Count, i + (1L << 20));
                for (; i <= end; i += Vector<T>.Count)
                {
                    var (before, now) = (Unsafe.ReadUnaligned<Vector<T>>(data + i - 1), Unsafe.ReadUnaligned<Vector<T>>(data + i));
                    lanes -= orEqual ? Vector.LessThanOrEqual(now, before) : Vector.LessThan(now, before);
                }

                found += long.CreateTruncating(Vector.Sum(lanes));
            }
        }

        for (; i < count; i++)
        {
            found += data[i] < data[i - 1] || (orEqual && data[i] == data[i - 1]) ? 1 : 0;
        }

        return found;
    }

    private static string After(bool isRepeated, string before) =>
        isRepeated ? "as the one before it; each stands once" : $"after {before}; they ascend";

    private static ArgumentException Bad(SparseTensor tensor, int level, StorageKind kind, string problem) =>
        new($"{SparseLayout.Describe(tensor.Format, level, kind)}: {problem}");
}
