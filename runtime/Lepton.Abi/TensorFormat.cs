namespace Lepton.Abi;

/// <summary>How one level of a sparse tensor says which coordinates it has.</summary>
public enum LevelKind
{
    /// <summary>All of them, 0 to the size; nothing is stored.</summary>
    Dense,

    /// <summary>Positions[p] to Positions[p + 1] are the coordinates below position p of the level before; ascending.</summary>
    Compressed,

    /// <summary>One for each position of the level before.</summary>
    Singleton,
}

/// <summary>Which coordinate of an axis a level counts: the index itself, or, of an axis cut into blocks, index / block and index % block.</summary>
public enum LevelPart
{
    Whole,
    Outer,
    Inner,
}

/// <summary>One level of a <see cref="TensorFormat"/>.</summary>
/// <param name="Axis">The tensor's axis whose coordinates it holds.</param>
/// <param name="Block">The size of a block where <paramref name="Part"/> is not Whole; else 1. It divides the axis.</param>
/// <param name="Unique">Whether a coordinate stands once below a position; a level with repeated ones is followed by a singleton.</param>
public sealed record FormatLevel(LevelKind Kind, int Axis, LevelPart Part = LevelPart.Whole, long Block = 1, bool Unique = true);

/// <summary>
/// How a tensor is stored: levels, outermost first, after "Format Abstraction for Sparse Tensor Algebra Compilers" (Chou, Kjolstad,
/// Amarasinghe, OOPSLA 2018). What is not stored is the fill value. Formats are equal when they store alike, whatever their names.
/// </summary>
/// <param name="Name">As written: <c>csr</c>, <c>bsr(4, 4)</c>.</param>
/// <param name="Index">The type of positions and coordinates: i32 or i64.</param>
/// <param name="Fill">What is not stored; null: 0.</param>
public sealed record TensorFormat(string Name, ValueList<FormatLevel> Levels, ElementType Index = ElementType.I32, Scalar? Fill = null)
{
    /// <summary>Rows dense, columns compressed.</summary>
    public static TensorFormat Csr { get; } = new("csr", [Dense(0), Compressed(1)]);

    /// <summary>Columns dense, rows compressed.</summary>
    public static TensorFormat Csc { get; } = new("csc", [Dense(1), Compressed(0)]);

    /// <summary>Both compressed: for tensors with empty rows.</summary>
    public static TensorFormat Dcsr { get; } = new("dcsr", [Compressed(0), Compressed(1)]);

    /// <summary>Sorted lists of coordinates, one for each axis.</summary>
    public static TensorFormat Coo(int rank) =>
        new("coo", [.. Enumerable.Range(0, rank).Select(a => a == 0 ? new FormatLevel(LevelKind.Compressed, 0, Unique: rank == 1) : new FormatLevel(LevelKind.Singleton, a, Unique: a == rank - 1))]);

    /// <summary>Every axis compressed, in order: the compressed sparse fiber.</summary>
    public static TensorFormat Csf(int rank) => new("csf", [.. Enumerable.Range(0, rank).Select(Compressed)]);

    /// <summary>Compressed rows of dense blocks.</summary>
    public static TensorFormat Bsr(long rows, long columns) => new($"bsr({rows}, {columns})",
    [
        new FormatLevel(LevelKind.Dense, 0, LevelPart.Outer, rows),
        new FormatLevel(LevelKind.Compressed, 1, LevelPart.Outer, columns),
        new FormatLevel(LevelKind.Dense, 0, LevelPart.Inner, rows),
        new FormatLevel(LevelKind.Dense, 1, LevelPart.Inner, columns),
    ]);

    /// <summary>How many axes a tensor of this format has.</summary>
    public int Rank => Levels.Select(l => l.Axis).Distinct().Count();

    /// <summary>The fill value for an element type.</summary>
    public Scalar FillOf(ElementType element) => Fill ?? Scalar.Of(element, 0);

    /// <summary>How many coordinates a level may have, over the sizes of the tensor's axes.</summary>
    public SizeExpr SizeOf(int level, ValueList<SizeExpr> shape) => Levels[level].Part switch
    {
        LevelPart.Whole => shape[Levels[level].Axis],
        LevelPart.Outer => SizeExpr.FloorDiv(shape[Levels[level].Axis], Levels[level].Block),
        _ => Levels[level].Block,
    };

    /// <summary>
    /// How many positions a level of a tensor called <paramref name="name"/> has: a dense one size times those of the level before, a
    /// compressed one the size variable <c>name.level</c>, a singleton as many as the level before. Before the first there is one.
    /// </summary>
    public SizeExpr Count(int level, string name, ValueList<SizeExpr> shape)
    {
        var count = SizeExpr.One;
        for (var l = 0; l <= level; l++)
        {
            count = Levels[l].Kind switch
            {
                LevelKind.Dense => count * SizeOf(l, shape),
                LevelKind.Compressed => SizeExpr.Variable(StoredName(name, l)),
                _ => count,
            };
        }

        return count;
    }

    /// <summary>The size variable that counts the positions of a compressed level.</summary>
    public static string StoredName(string name, int level) => $"{name}.{level}";

    /// <summary>Whether a size variable is one that <see cref="StoredName"/> makes.</summary>
    public static bool IsStoredName(string variable) => variable.Contains('.', StringComparison.Ordinal);

    /// <summary>
    /// The arrays that hold a tensor called <paramref name="name"/>, in native order: level by level positions, then coordinates; the values last.
    /// </summary>
    public ValueList<StorageArray> Arrays(string name, ElementType element, ValueList<SizeExpr> shape)
    {
        var arrays = new List<StorageArray>();
        for (var level = 0; level < Levels.Count; level++)
        {
            var count = Count(level, name, shape);
            if (Levels[level].Kind == LevelKind.Compressed)
            {
                arrays.Add(new($"{name}.pos{level}", Index, Count(level - 1, name, shape) + 1, StorageKind.Positions, level));
            }

            if (Levels[level].Kind != LevelKind.Dense)
            {
                arrays.Add(new($"{name}.crd{level}", Index, count, StorageKind.Coordinates, level));
            }
        }

        arrays.Add(new($"{name}.values", element, Count(Levels.Count - 1, name, shape), StorageKind.Values, Levels.Count - 1));
        return arrays.ToValueList();
    }

    /// <summary>What is wrong with the levels for a tensor of so many axes, in words; null: nothing.</summary>
    public string? Problem(int rank)
    {
        for (var l = 0; l < Levels.Count; l++)
        {
            var level = Levels[l];
            var before = l == 0 ? null : Levels[l - 1];
            if (level.Axis < 0 || level.Axis >= rank)
            {
                return $"level {l} is of axis {level.Axis}, and there are {rank}";
            }

            if (level.Block < 1 || (level.Part == LevelPart.Whole && level.Block != 1))
            {
                return $"level {l} has blocks of {level.Block}";
            }

            if (level.Part == LevelPart.Inner && level.Kind != LevelKind.Dense)
            {
                return $"level {l}, the inside of a block, is not dense";
            }

            if (level.Kind == LevelKind.Singleton ? before is not { Unique: false } : before is { Unique: false })
            {
                return level.Kind == LevelKind.Singleton
                    ? $"level {l} is a singleton, and the level before it has no repeated coordinates"
                    : $"level {l - 1} has repeated coordinates, and no singleton follows";
            }

            if (!level.Unique && (level.Kind == LevelKind.Dense || l == Levels.Count - 1))
            {
                return $"level {l} cannot have repeated coordinates";
            }
        }

        for (var axis = 0; axis < rank; axis++)
        {
            var parts = Levels.Where(l => l.Axis == axis).ToArray();
            var isWhole = parts is [{ Part: LevelPart.Whole }];
            if (!isWhole && (parts is not [{ Part: LevelPart.Outer }, { Part: LevelPart.Inner }] || parts[0].Block != parts[1].Block))
            {
                return $"axis {axis} has neither one level nor a level of blocks and one inside them";
            }
        }

        return Index is ElementType.I32 or ElementType.I64 ? null : $"positions are i32 or i64, not {Index.Name()}";
    }

    /// <summary>The same storage with another fill value.</summary>
    public TensorFormat WithFill(Scalar fill) => this with { Fill = fill.Bits == 0 ? null : fill };

    public bool Equals(TensorFormat? other) => other is not null && Levels == other.Levels && Index == other.Index && Fill == other.Fill;

    public override int GetHashCode() => HashCode.Combine(Levels, Index, Fill);

    public override string ToString() => Fill is { } fill ? $"{Name} fill {fill}" : Name;

    private static FormatLevel Dense(int axis) => new(LevelKind.Dense, axis);

    private static FormatLevel Compressed(int axis) => new(LevelKind.Compressed, axis);
}

public enum StorageKind
{
    Positions,
    Coordinates,
    Values,
}

/// <summary>One array of a sparse tensor's storage: one axis of <paramref name="Count"/> elements, contiguous.</summary>
public sealed record StorageArray(string Name, ElementType Element, SizeExpr Count, StorageKind Kind, int Level);
