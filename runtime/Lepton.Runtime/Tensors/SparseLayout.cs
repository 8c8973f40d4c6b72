using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Which arrays a format has, and how long they must be.</summary>
internal static class SparseLayout
{
    /// <summary>
    /// How many positions each level has: dense levels multiply, compressed ones have as many as coordinates. Checks number, type and lengths of
    /// the arrays on the way, and nothing in them.
    /// </summary>
    /// <exception cref="ArgumentException">They do not fit the format.</exception>
    internal static long[] Counts(TensorFormat format, ReadOnlySpan<long> shape, Tensor[] arrays)
    {
        CheckFormat(format, shape);
        var wanted = format.Levels.Sum(l => l.Kind switch { LevelKind.Compressed => 2, LevelKind.Singleton => 1, _ => 0 }) + 1;
        if (arrays.Length != wanted)
        {
            throw new ArgumentException($"a tensor in {format} has {wanted} arrays, and {arrays.Length} are given");
        }

        var counts = new long[format.Levels.Count];
        var (count, next) = (1L, 0);
        for (var l = 0; l < counts.Length; l++)
        {
            switch (format.Levels[l].Kind)
            {
                case LevelKind.Dense:
                    var product = (Int128)count * Size(format, l, shape);
                    count = product <= TensorShape.MaxBytes
                        ? (long)product
                        : throw new ArgumentException($"level {l} of {format} has more than {TensorShape.MaxBytes} positions in a tensor of shape {TensorShape.Text(shape)}");
                    break;
                case LevelKind.Compressed:
                    CheckArray(arrays[next], format.Index, count + 1, Describe(format, l, StorageKind.Positions), $"one more than the {count} positions before it");
                    count = arrays[next + 1].Length;
                    CheckArray(arrays[next + 1], format.Index, count, Describe(format, l, StorageKind.Coordinates), "");
                    next += 2;
                    break;
                default:
                    CheckArray(arrays[next], format.Index, count, Describe(format, l, StorageKind.Coordinates), $"as many as level {l - 1} has");
                    next++;
                    break;
            }

            counts[l] = count;
        }

        CheckArray(arrays[next], arrays[next].Element, count, "values", "one for each stored position");
        _ = FillFor(format, arrays[next].Element);
        return counts;
    }

    /// <summary>The fill value of tensors of an element type.</summary>
    /// <exception cref="ArgumentException">The format's is of another type.</exception>
    internal static Scalar FillFor(TensorFormat format, ElementType element) => format.FillOf(element) is var fill && fill.Type == element
        ? fill
        : throw new ArgumentException($"the fill value of {format} is {fill.Type.Name()}, and the values are {element.Name()}");

    /// <summary>How many coordinates a level may have.</summary>
    internal static long Size(TensorFormat format, int level, ReadOnlySpan<long> shape) => format.Levels[level].Part switch
    {
        LevelPart.Whole => shape[format.Levels[level].Axis],
        LevelPart.Outer => shape[format.Levels[level].Axis] / format.Levels[level].Block,
        _ => format.Levels[level].Block,
    };

    /// <summary>The place of an array in native order.</summary>
    /// <exception cref="ArgumentException">The level has none of that kind.</exception>
    internal static int Find(TensorFormat format, int level, StorageKind kind)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)level, (uint)format.Levels.Count, nameof(level));
        var at = 0;
        for (var l = 0; l < level; l++)
        {
            at += format.Levels[l].Kind switch { LevelKind.Compressed => 2, LevelKind.Singleton => 1, _ => 0 };
        }

        return (format.Levels[level].Kind, kind) switch
        {
            (LevelKind.Compressed, StorageKind.Positions) => at,
            (LevelKind.Compressed, StorageKind.Coordinates) => at + 1,
            (LevelKind.Singleton, StorageKind.Coordinates) => at,
            _ => throw new ArgumentException($"level {level} of {format} is {format.Levels[level].Kind.ToString().ToLowerInvariant()} and has no {kind.ToString().ToLowerInvariant()}"),
        };
    }

    /// <summary>What an array of a tensor is called in messages: <c>column indices of level 1</c>.</summary>
    internal static string Describe(TensorFormat format, int level, StorageKind kind)
    {
        if (kind != StorageKind.Coordinates)
        {
            return kind == StorageKind.Positions ? $"positions of level {level}" : "values";
        }

        var (axis, block) = (format.Levels[level].Axis, format.Levels[level].Part == LevelPart.Outer ? "block " : "");
        return format.Rank == 2 ? $"{block}{(axis == 0 ? "row" : "column")} indices of level {level}" : $"{block}indices of axis {axis}, level {level}";
    }

    /// <summary>Whether the levels suit the shape.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    internal static void CheckFormat(TensorFormat format, ReadOnlySpan<long> shape)
    {
        if (format.Problem(shape.Length) is { } problem)
        {
            throw new ArgumentException($"{format} does not suit a tensor of shape {TensorShape.Text(shape)}: {problem}");
        }

        foreach (var size in shape)
        {
            if (size is < 0 or > TensorShape.MaxBytes)
            {
                throw new ArgumentException($"size {size} in shape {TensorShape.Text(shape)} is {(size < 0 ? "negative" : "too large")}");
            }
        }

        foreach (var level in format.Levels)
        {
            if (shape[level.Axis] % level.Block != 0)
            {
                throw new ArgumentException($"{format}: blocks of {level.Block} do not divide axis {level.Axis} of shape {TensorShape.Text(shape)}");
            }
        }

        if (format.Fill is { } fill && fill.Type.IsFloat() && double.IsNaN(fill.AsDouble))
        {
            throw new ArgumentException("the fill value is nan: it differs from itself, so that nothing could be told to be stored");
        }
    }

    private static void CheckArray(Tensor array, ElementType element, long length, string what, string why)
    {
        if (array.Element != element)
        {
            throw new ArgumentException($"{what}: expected {element.Name()}, got {array.Element.Name()}");
        }

        if (array.Rank != 1)
        {
            throw new ArgumentException($"{what}: expected one axis, got shape {TensorShape.Text(array.Shape)}");
        }

        if (array.Length != length)
        {
            throw new ArgumentException($"{what}: expected {length}, {why}; got {array.Length}");
        }
    }
}
