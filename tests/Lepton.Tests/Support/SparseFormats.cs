using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Support;

/// <summary>Random sparse tensors and formats for property tests.</summary>
internal static class SparseFormats
{
    /// <summary>A format for a shape: one of the library's, or levels of any kinds in any order of axes, some cut into blocks.</summary>
    public static TensorFormat Random(Random random, ReadOnlySpan<long> shape)
    {
        var rank = shape.Length;
        var format = random.Next(rank == 2 ? 8 : 4) switch
        {
            0 => TensorFormat.Coo(rank),
            1 => TensorFormat.Csf(rank),
            4 => TensorFormat.Csr,
            5 => TensorFormat.Csc,
            6 => TensorFormat.Dcsr,
            7 => TensorFormat.Bsr(Divisor(random, shape[0]), Divisor(random, shape[1])),
            _ => Levels(random, shape),
        };
        return format with { Index = random.Next(2) == 0 ? ElementType.I32 : ElementType.I64 };
    }

    /// <summary>Values of which about so many differ from the fill value.</summary>
    public static OwnedTensor Values(Random random, ElementType element, double density, Scalar fill, params ReadOnlySpan<long> shape)
    {
        var tensor = Tensor.Allocate(element, shape);
        using var pattern = SparseValues.One(fill);
        SparseValues.Fill(tensor, pattern);
        var size = element.ByteSize();
        var bytes = tensor.AsBytes();
        for (var i = 0; i < tensor.Length; i++)
        {
            if (random.NextDouble() < density)
            {
                random.NextBytes(bytes.Slice(i * size, size));
                bytes[i * size] = element == ElementType.Bool ? (byte)1 : bytes[i * size];
            }
        }

        return tensor;
    }

    private static TensorFormat Levels(Random random, ReadOnlySpan<long> shape)
    {
        var parts = new List<(int Axis, LevelPart Part, long Block)>();
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var block = random.Next(3) == 0 ? Divisor(random, shape[axis]) : 1;
            if (block > 1)
            {
                parts.Add((axis, LevelPart.Outer, block));
                parts.Add((axis, LevelPart.Inner, block));
            }
            else
            {
                parts.Add((axis, LevelPart.Whole, 1));
            }
        }

        var order = parts.ToArray();
        random.Shuffle(order);

        // Inside and outside of a block in this order.
        for (var i = 0; i < order.Length; i++)
        {
            var other = Array.FindIndex(order, p => p.Axis == order[i].Axis && p.Part == LevelPart.Outer);
            if (order[i].Part == LevelPart.Inner && other > i)
            {
                (order[i], order[other]) = (order[other], order[i]);
            }
        }

        var levels = new List<FormatLevel>();
        for (var i = 0; i < order.Length; i++)
        {
            var isChained = levels.Count > 0 && !levels[^1].Unique;
            var mayRepeat = i + 1 < order.Length && order[i + 1].Part != LevelPart.Inner && order[i].Part != LevelPart.Inner;
            var kind = isChained ? LevelKind.Singleton : order[i].Part == LevelPart.Inner || random.Next(2) == 0 ? LevelKind.Dense : LevelKind.Compressed;
            levels.Add(new FormatLevel(kind, order[i].Axis, order[i].Part, order[i].Block, Unique: kind == LevelKind.Dense || !mayRepeat || random.Next(2) == 0));
        }

        return new TensorFormat("random", levels.ToValueList());
    }

    private static long Divisor(Random random, long size)
    {
        long[] divisors = [.. Enumerable.Range(1, (int)Math.Max(size, 3)).Where(d => size % d == 0).Select(d => (long)d)];
        return divisors[random.Next(divisors.Length)];
    }
}
