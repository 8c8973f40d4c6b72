using Lepton.Abi;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>Sparse tensors: what they store, and that no conversion changes an element.</summary>
public sealed class SparseTensorTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Conversions_between_any_two_formats_change_nothing(int seed)
    {
        var random = new Random(seed);
        for (var turn = 0; turn < 250; turn++)
        {
            var shape = new long[random.Next(5)];
            for (var axis = 0; axis < shape.Length; axis++)
            {
                shape[axis] = random.Next(5) == 0 ? random.Next(2) : random.Next(1, 13);
            }

            var element = ElementTypes.All[random.Next(ElementTypes.All.Count)];
            var fill = Scalar.Of(element, random.Next(2));
            using var dense = SparseFormats.Values(random, element, random.Next(3) * 0.3, fill, shape);
            var (one, two) = (SparseFormats.Random(random, shape).WithFill(fill), SparseFormats.Random(random, shape).WithFill(Scalar.Of(element, random.Next(2))));
            using var first = SparseTensor.From(dense, one);
            using var second = first.ConvertTo(two);
            using var third = second.ConvertTo(one);
            foreach (var tensor in new[] { first, second, third })
            {
                tensor.Validate();
                using var back = tensor.ToDense();
                Assert.Equal(dense.Shape.ToArray(), back.Shape.ToArray());
                Assert.True(dense.AsBytes().SequenceEqual(back.AsBytes()), $"turn {turn}: {dense} by {one} {string.Join(" ", one.Levels)} and {two} {string.Join(" ", two.Levels)}");
            }

            Assert.Equal(first.Arrays.Select(a => Convert.ToHexString(a.AsBytes())), third.Arrays.Select(a => Convert.ToHexString(a.AsBytes())));
        }
    }

    [Fact]
    public void The_arrays_of_the_library_s_formats_are_those_of_the_textbooks()
    {
        //     0 5 0 0
        // A = 0 0 0 0
        //     7 0 9 0
        using var dense = Tensor.Allocate(ElementType.F32, 3, 4);
        (dense.AsSpan<float>()[1], dense.AsSpan<float>()[8], dense.AsSpan<float>()[10]) = (5, 7, 9);
        Assert.Equal("0 1 1 3 | 1 0 2 | 5 7 9", Arrays(TensorFormat.Csr));
        Assert.Equal("0 1 2 3 3 | 2 0 2 | 7 5 9", Arrays(TensorFormat.Csc));
        Assert.Equal("0 3 | 0 2 2 | 1 0 2 | 5 7 9", Arrays(TensorFormat.Coo(2)));
        Assert.Equal("0 2 | 0 2 | 0 1 3 | 1 0 2 | 5 7 9", Arrays(TensorFormat.Dcsr));
        Assert.Equal("0 1 1 3 | 0 0 1 | 0 5 7 0 9 0", Arrays(TensorFormat.Bsr(1, 2)));

        string Arrays(TensorFormat format)
        {
            using var tensor = SparseTensor.From(dense, format);
            return string.Join(" | ", tensor.Arrays.Select(a =>
            {
                using var wide = a.ConvertTo(ElementType.I64);
                return string.Join(" ", wide.AsSpan<long>().ToArray());
            }));
        }
    }

    [Fact]
    public void Arrays_of_the_caller_are_used_in_place()
    {
        float[] values = [5, 7, 9];
        var a = SparseTensor.Csr<int, float>(new[] { 0, 1, 1, 3 }, new[] { 1, 0, 2 }, values, [3, 4]);
        values[1] = 8;
        Assert.Equal([5, 8, 9], a.Values.AsSpan<float>().ToArray());
        Assert.Equal("f32[3, 4] in csr, 3 stored", a.ToString());
        Assert.Equal([0, 1, 1, 3], a.Positions(1).AsSpan<int>().ToArray());
        Assert.Throws<ArgumentException>(() => a.Coordinates(0));
    }

    [Fact]
    public void Explicit_fill_values_mean_nothing_and_minus_zero_is_kept()
    {
        using var dense = SparseTensor.Csr([0, 2], [0, 2], new float[] { 0, -0f }, [1, 3]).ToDense();
        Assert.Equal([0, 0, unchecked((int)0x80000000)], dense.AsSpan<float>().ToArray().Select(BitConverter.SingleToInt32Bits));
        using var csc = SparseTensor.From(dense, TensorFormat.Csc);
        Assert.Equal(1, csc.StoredCount);
    }

    [Fact]
    public void Sizes_beyond_32_bits_are_no_matter()
    {
        // Linearised coordinates of this shape are beyond 2^63, and counting by axes beyond all memory.
        long[] shape = [1L << 40, 1L << 40, 5];
        var wide = TensorFormat.Coo(3) with { Index = ElementType.I64 };
        long[][] columns = [[3, 1L << 39, (1L << 40) - 1], [7, (1L << 40) - 1, 0], [1, 2, 4]];
        var tensor = SparseTensor.Over(wide, shape, Tensor.From([0L, 3]), Tensor.From(columns[0]), Tensor.From(columns[1]), Tensor.From(columns[2]), Tensor.From([1.5, 2.5, 3.5]));
        var turned = new TensorFormat("turned", [new(LevelKind.Compressed, 1), new(LevelKind.Dense, 2), new(LevelKind.Compressed, 0)], ElementType.I64);
        using var other = tensor.ConvertTo(turned);
        Assert.Equal([0, 7, (1L << 40) - 1], other.Coordinates(0).AsSpan<long>().ToArray());
        using var back = other.ConvertTo(wide);
        Assert.Equal(columns, [back.Coordinates(0).AsSpan<long>().ToArray(), back.Coordinates(1).AsSpan<long>().ToArray(), back.Coordinates(2).AsSpan<long>().ToArray()]);
        Assert.Contains("does not fit into i32", Assert.Throws<ArgumentException>(() => tensor.ConvertTo(TensorFormat.Coo(3))).Message);
        Assert.Contains("is larger than", Assert.Throws<ArgumentException>(() => tensor.ToDense()).Message);
        Assert.Contains("level 1", Assert.Throws<ArgumentException>(() => tensor.ConvertTo(new TensorFormat("d", [new(LevelKind.Dense, 0), new(LevelKind.Dense, 1), new(LevelKind.Compressed, 2)]))).Message);
    }

    [Fact]
    public void Millions_of_entries_are_converted_in_linear_time()
    {
        const int Rows = 200;
        const int PerRow = 10_000;
        var rows = new int[Rows + 1];
        var columns = new int[Rows * PerRow];
        for (var i = 0; i < columns.Length; i++)
        {
            (rows[(i / PerRow) + 1], columns[i]) = (i + 1, (i % PerRow * 3) + (i / PerRow % 3));
        }

        var csr = SparseTensor.Csr(rows, columns, new byte[columns.Length].Select((_, i) => (byte)((i % 251) + 1)).ToArray(), [Rows, 3 * PerRow]);
        using var csc = csr.ConvertTo(TensorFormat.Csc);
        csc.Validate();
        Assert.Equal(columns.Length, csc.StoredCount);
        using var back = csc.ConvertTo(TensorFormat.Csr);
        Assert.True(back.Values.AsBytes().SequenceEqual(csr.Values.AsBytes()));
        Assert.True(back.Coordinates(1).AsBytes().SequenceEqual(csr.Coordinates(1).AsBytes()));
    }
}
