using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>
/// The elements of a tensor that differ from a fill value, each with its coordinates: what every format is made from, and can be made into.
/// </summary>
/// <param name="shape">The sizes of the axes.</param>
/// <param name="axes">For each axis the coordinate of each entry.</param>
/// <param name="values">The elements.</param>
internal sealed class SparseEntries(long[] shape, long[][] axes, OwnedTensor values) : IDisposable
{
    internal long[] Shape { get; } = shape;

    internal long[][] Axes { get; private set; } = axes;

    internal OwnedTensor Values { get; private set; } = values;

    internal int Count => (int)Values.Length;

    public void Dispose() => Values.Dispose();

    /// <summary>The elements of a dense tensor whose bits are not those of the fill value: -0.0 is no 0 here, so that nothing is lost.</summary>
    internal static SparseEntries Of(Tensor dense, Scalar fill)
    {
        using var pattern = SparseValues.One(fill);
        var count = Room(SparseValues.CountOthers(dense, pattern));
        var axes = Columns(dense.Rank, count);
        var values = new OwnedTensor(dense.Element, [count], zeroed: false);
        var found = new long[count];
        SparseValues.CopyOthers(dense, pattern, values, found);
        for (var axis = dense.Rank - 1; axis >= 0; axis--)
        {
            var size = dense.Shape[axis];
            for (var i = 0; i < found.Length; i++)
            {
                var rest = found[i] / size;
                (axes[axis][i], found[i]) = (found[i] - (rest * size), rest);
            }
        }

        return new SparseEntries(dense.Shape.ToArray(), axes, values);
    }

    /// <summary>The stored elements of a sparse tensor but those that are its fill value, in the order of its levels.</summary>
    internal static SparseEntries Of(SparseTensor tensor)
    {
        var columns = new long[tensor.Rank][];
        var count = 1;
        for (var l = 0; l < tensor.Format.Levels.Count; l++)
        {
            var level = tensor.Format.Levels[l];
            var next = Room(tensor.Count(l));
            var own = Coordinates(tensor, l, count, next, out var parents);
            for (var axis = 0; axis < columns.Length && parents is not null; axis++)
            {
                columns[axis] = columns[axis] is { } before ? Array.ConvertAll(parents, p => before[p]) : null!;
            }

            var old = columns[level.Axis];
            for (var i = 0; i < next; i++)
            {
                own[i] = level.Part == LevelPart.Outer ? own[i] * level.Block : level.Part == LevelPart.Inner ? own[i] + old[i] : own[i];
            }

            (columns[level.Axis], count) = (own, next);
        }

        var entries = new SparseEntries(tensor.Shape.ToArray(), columns, tensor.Values.ConvertTo(tensor.Element));
        using var pattern = SparseValues.One(tensor.Fill);
        var kept = SparseValues.CountOthers(tensor.Values, pattern);
        if (kept < count)
        {
            entries.Keep(kept, pattern);
        }

        return entries;
    }

    /// <summary>Sorts by the coordinates of the levels, outermost first: by digits, the last level first, each pass stable and linear.</summary>
    internal void SortFor(TensorFormat format)
    {
        if (IsSorted(format))
        {
            return;
        }

        int[]? order = null;
        for (var l = format.Levels.Count - 1; l >= 0; l--)
        {
            var keys = KeysOf(format.Levels[l]);
            order = CountingSort.By(keys, SparseLayout.Size(format, l, Shape), order);
        }

        if (order is not null)
        {
            Reorder(order);
        }
    }

    /// <summary>Adds up neighbours with the same coordinates, in their order; they are sorted.</summary>
    internal void AddDuplicates()
    {
        var kept = new List<int>(Count);
        for (var i = 0; i < Count; i++)
        {
            if (i > 0 && Array.TrueForAll(Axes, a => a[i] == a[i - 1]))
            {
                SparseValues.Add(Values, kept[^1], i);
            }
            else
            {
                kept.Add(i);
            }
        }

        if (kept.Count < Count)
        {
            Reorder([.. kept]);
        }
    }

    /// <summary>The coordinates of a level, one for each entry.</summary>
    internal long[] KeysOf(FormatLevel level) => level.Part switch
    {
        LevelPart.Whole => Axes[level.Axis],
        LevelPart.Outer => Array.ConvertAll(Axes[level.Axis], c => c / level.Block),
        _ => Array.ConvertAll(Axes[level.Axis], c => c % level.Block),
    };

    private static long[][] Columns(int rank, long count)
    {
        var columns = new long[rank][];
        for (var axis = 0; axis < rank; axis++)
        {
            columns[axis] = new long[count];
        }

        return columns;
    }

    private static int Room(long count) => count < Array.MaxLength
        ? (int)count
        : throw new ArgumentException($"{count} entries are more than a conversion can take: {Array.MaxLength}");

    // The coordinates of a level's positions, and for each the position of the level before that it belongs to; null: the same.
    private static long[] Coordinates(SparseTensor tensor, int l, int before, int count, out long[]? parents)
    {
        parents = null;
        var own = new long[count];
        if (tensor.Format.Levels[l].Kind == LevelKind.Dense)
        {
            parents = new long[count];
            var size = before == 0 ? 0 : count / before;
            for (var i = 0; i < count; i++)
            {
                parents[i] = i / size;
                own[i] = i - (parents[i] * size);
            }

            return own;
        }

        using (var coordinates = tensor.Coordinates(l).ConvertTo(ElementType.I64))
        {
            coordinates.AsSpan<long>().CopyTo(own);
        }

        if (tensor.Format.Levels[l].Kind == LevelKind.Compressed)
        {
            parents = new long[count];
            using var positions = tensor.Positions(l).ConvertTo(ElementType.I64);
            var p = positions.AsSpan<long>();
            for (var s = 0; s < before; s++)
            {
                parents.AsSpan((int)p[s]..(int)p[s + 1]).Fill(s);
            }
        }

        return own;
    }

    private bool IsSorted(TensorFormat format)
    {
        var keys = format.Levels.Select(KeysOf).ToArray();
        for (var i = 1; i < Count; i++)
        {
            var k = 0;
            while (k < keys.Length && keys[k][i] == keys[k][i - 1])
            {
                k++;
            }

            if (k < keys.Length && keys[k][i] < keys[k][i - 1])
            {
                return false;
            }
        }

        return true;
    }

    private void Reorder(int[] order)
    {
        var values = SparseValues.Gather(Values, order);
        Values.Dispose();
        Values = values;
        Axes = Array.ConvertAll(Axes, a => Array.ConvertAll(order, i => a[i]));
    }

    private void Keep(long kept, OwnedTensor pattern)
    {
        var numbers = new long[kept];
        var values = new OwnedTensor(Values.Element, [kept], zeroed: false);
        SparseValues.CopyOthers(Values, pattern, values, numbers);
        Values.Dispose();
        Values = values;
        Axes = Array.ConvertAll(Axes, a => Array.ConvertAll(numbers, i => a[i]));
    }
}
