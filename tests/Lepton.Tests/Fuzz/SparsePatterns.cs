using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>Random formats, what tensors stored in them hold, and their storage, with fill values stored here and there.</summary>
internal static class SparsePatterns
{
    // Stands for a fill value that is stored, until the storage is made. No random number is this.
    private const double Marked = 99;

    /// <summary>A format for a tensor with these sizes: one with a name, or any levels.</summary>
    public static TensorFormat Format(Random random, long[] dims)
    {
        var index = random.Next(3) == 0 ? ElementType.I64 : ElementType.I32;
        long[] Blocks(int axis) => [.. new long[] { 1, 2, 3, 4 }.Where(b => dims[axis] % b == 0)];
        if (random.Next(2) == 0)
        {
            TensorFormat[] named = dims.Length == 2
                ? [TensorFormat.Csr, TensorFormat.Csc, TensorFormat.Dcsr, TensorFormat.Coo(2), TensorFormat.Bsr(Of(random, Blocks(0)), Of(random, Blocks(1)))]
                : [TensorFormat.Coo(dims.Length), TensorFormat.Csf(dims.Length)];
            return Of(random, named) with { Index = index };
        }

        while (true)
        {
            var axes = Enumerable.Range(0, dims.Length).ToArray();
            random.Shuffle(axes);
            var (levels, inner) = (new List<FormatLevel>(), new List<FormatLevel>());
            foreach (var axis in axes)
            {
                var block = random.Next(6) == 0 ? Of(random, Blocks(axis)) : 1;
                var part = block > 1 ? LevelPart.Outer : LevelPart.Whole;
                var isChained = levels is [.., { Unique: false }];
                var kind = isChained ? LevelKind.Singleton : random.Next(5) < 2 ? LevelKind.Dense : LevelKind.Compressed;
                levels.Add(new FormatLevel(kind, axis, part, block, Unique: kind == LevelKind.Dense || axis == axes[^1] || random.Next(isChained ? 2 : 4) > 0));
                if (block > 1)
                {
                    inner.Add(new FormatLevel(LevelKind.Dense, axis, LevelPart.Inner, block));
                }
            }

            levels.AddRange(inner);
            var format = new TensorFormat("any", levels.ToValueList(), index);
            if (format.Problem(dims.Length) is null)
            {
                return format;
            }
        }
    }

    /// <summary>The elements of a tensor: the fill, but for an empty, single, full, banded, random or unevenly spread pattern of small integers.</summary>
    public static double[] Fill(Random random, long[] dims, double fill)
    {
        var count = (int)dims.Aggregate(1L, (a, b) => a * b);
        var values = Enumerable.Repeat(fill, count).ToArray();
        var (pattern, width) = (random.Next(8), random.Next(2));
        var rows = dims.Length == 0 || dims[0] == 0 ? 1 : (int)dims[0];
        var columns = dims.Length < 2 ? 1 : (int)dims[1];
        var single = count == 0 ? 0 : random.Next(count);
        for (var e = 0; e < count; e++)
        {
            var (row, column) = (e / (count / rows), columns == 0 ? 0 : e % (count / rows) / Math.Max(1, count / rows / columns));
            var isStored = pattern switch
            {
                0 => false,
                1 => e == single,
                2 => true,
                3 => Math.Abs(row - column) <= width,
                4 => random.NextDouble() < 1.0 / (1 + row),
                _ => random.Next(10) < (pattern - 4) * 2,
            };
            values[e] = !isStored ? fill : random.Next(2) == 0 ? random.Next(1, 4) : -random.Next(1, 4);
        }

        return values;
    }

    /// <summary>A value in a format. With <paramref name="marks"/>, one in five fill values is stored, where that number says.</summary>
    public static OwnedSparseTensor Store(TensorValue value, TensorFormat format, int? marks)
    {
        var fill = format.FillOf(value.Element).AsDouble;
        var random = new Random(marks ?? 0);
        var numbers = Enumerable.Range(0, (int)value.Count).Select(i => value[i].AsDouble).ToArray();
        if (marks is not null)
        {
            numbers = [.. numbers.Select(n => n.Equals(fill) && random.Next(5) == 0 ? Marked : n)];
        }

        using var dense = (OwnedTensor)NativeRunner.Tensor(TensorValue.Of(value.Element, [.. value.Dims], numbers));
        var stored = SparseTensor.From(dense, format);
        var bytes = stored.Values.AsBytes();
        var (marked, plain) = (Bytes(Marked), Bytes(fill));
        for (var at = 0; at < bytes.Length; at += marked.Length)
        {
            if (bytes.Slice(at, marked.Length).SequenceEqual(marked))
            {
                plain.CopyTo(bytes[at..]);
            }
        }

        return stored;

        byte[] Bytes(double number) => TensorValue.Of(value.Element, [1], number).ToBytes();
    }

    private static T Of<T>(Random random, IReadOnlyList<T> all) => all[random.Next(all.Count)];
}
