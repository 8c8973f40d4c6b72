using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>
/// A tensor of which only some elements are stored, in a <see cref="TensorFormat"/>; the others are the format's fill value. A view: its arrays
/// are <see cref="Tensor"/>s over the caller's memory, nothing is copied. <see cref="OwnedSparseTensor"/> owns its memory.
/// </summary>
/// <remarks>
/// Every index is checked when the tensor is made. Whoever writes into the index arrays afterwards calls <see cref="Validate"/> before the next
/// run: native code trusts them. Values may change at any time between runs.
/// </remarks>
/// <example>
/// <code>
/// //     0 5 0        row 0 has positions 0 to 1, row 1 none, row 2 positions 1 to 3
/// // a = 0 0 0
/// //     7 0 9
/// var a = SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new float[] { 5, 7, 9 }, [3, 3]);
/// </code>
/// </example>
public class SparseTensor
{
    private readonly long[] _shape;
    private readonly Tensor[] _arrays;
    private readonly long[] _counts;

    private protected SparseTensor(TensorFormat format, ReadOnlySpan<long> shape, Tensor[] arrays)
    {
        (Format, _shape, _arrays) = (format, shape.ToArray(), arrays);
        _counts = SparseLayout.Counts(format, shape, arrays);
    }

    /// <summary>How it is stored.</summary>
    public TensorFormat Format { get; }

    /// <summary>The type of the elements.</summary>
    public ElementType Element => Values.Element;

    /// <summary>What elements are that are not stored.</summary>
    public Scalar Fill => Format.FillOf(Element);

    /// <summary>The sizes of the axes, as of a dense tensor.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>The number of axes.</summary>
    public int Rank => _shape.Length;

    /// <summary>The arrays: level by level positions, then coordinates; the values last.</summary>
    public IReadOnlyList<Tensor> Arrays => _arrays;

    /// <summary>The stored elements, in the order of the levels.</summary>
    public Tensor Values => _arrays[^1];

    /// <summary>How many elements are stored.</summary>
    public long StoredCount => Values.Length;

    /// <summary>The memory of all arrays together.</summary>
    public long ByteLength => _arrays.Sum(a => a.ByteLength);

    /// <summary>Compressed rows over arrays that are used in place: row i has the columns and values of positions rows[i] to rows[i + 1].</summary>
    /// <param name="rows">One more than there are rows: 0, …, the number of stored elements.</param>
    /// <param name="columns">Ascending within each row, each once.</param>
    /// <param name="values">The stored elements.</param>
    /// <param name="shape">Rows and columns.</param>
    /// <exception cref="ArgumentException">An index that cannot be; the message says where the first one is.</exception>
    public static SparseTensor Csr<T>(int[] rows, int[] columns, T[] values, ReadOnlySpan<long> shape)
        where T : unmanaged => Over(TensorFormat.Csr, shape, Tensor.From(rows), Tensor.From(columns), Tensor.From(values));

    /// <inheritdoc cref="Csr{T}(int[], int[], T[], ReadOnlySpan{long})"/>
    public static SparseTensor Csr<T>(long[] rows, long[] columns, T[] values, ReadOnlySpan<long> shape)
        where T : unmanaged =>
        Over(TensorFormat.Csr with { Index = ElementType.I64 }, shape, Tensor.From(rows), Tensor.From(columns), Tensor.From(values));

    /// <summary>As for arrays; <typeparamref name="TIndex"/> is int or long.</summary>
    /// <inheritdoc cref="Csr{T}(int[], int[], T[], ReadOnlySpan{long})"/>
    public static SparseTensor Csr<TIndex, T>(Memory<TIndex> rows, Memory<TIndex> columns, Memory<T> values, ReadOnlySpan<long> shape)
        where TIndex : unmanaged
        where T : unmanaged =>
        Over(
            TensorFormat.Csr with { Index = Tensor.ElementOf<TIndex>() },
            shape,
            Tensor.From(rows, [rows.Length]),
            Tensor.From(columns, [columns.Length]),
            Tensor.From(values, [values.Length]));

    /// <summary>A tensor of any format over arrays that are used in place.</summary>
    /// <param name="format">How the arrays are to be read; its <see cref="TensorFormat.Index"/> is the type of the index arrays.</param>
    /// <param name="shape">The sizes of the axes.</param>
    /// <param name="arrays">Level by level positions, then coordinates; the values last. Each has one axis.</param>
    /// <exception cref="ArgumentException">An index that cannot be; the message says where the first one is.</exception>
    public static SparseTensor Over(TensorFormat format, ReadOnlySpan<long> shape, params ReadOnlySpan<Tensor> arrays)
    {
        var tensor = new SparseTensor(format, shape, arrays.ToArray());
        tensor.Validate();
        return tensor;
    }

    /// <summary>A dense tensor in a format: what differs from the format's fill value is stored. Linear in the number of elements.</summary>
    /// <exception cref="ArgumentException">The format does not suit the shape or the element type.</exception>
    public static OwnedSparseTensor From(Tensor dense, TensorFormat format)
    {
        using var entries = SparseEntries.Of(dense, SparseLayout.FillFor(format, dense.Element));
        return SparseBuilder.Build(entries, format);
    }

    /// <summary>
    /// The same tensor in another format, in time linear in what is stored (of formats with different fill values: in the number of elements).
    /// Elements that are stored though they are the fill value are left out.
    /// </summary>
    /// <exception cref="ArgumentException">The format does not suit, an index does not fit its type, or there would be too much memory.</exception>
    public OwnedSparseTensor ConvertTo(TensorFormat format)
    {
        if (SparseLayout.FillFor(format, Element) != Fill)
        {
            using var dense = ToDense();
            return From(dense, format);
        }

        using var entries = SparseEntries.Of(this);
        return SparseBuilder.Build(entries, format);
    }

    /// <summary>A new tensor with the values, and the fill value, cast to another element type; as <see cref="TensorConvert"/> casts. Dispose it.</summary>
    public OwnedSparseTensor ConvertTo(ElementType element) => SparseIndices.ConvertTo(this, Format.Index, element);

    /// <summary>All elements, stored or not. Dispose it.</summary>
    /// <exception cref="ArgumentException">There would be too much memory.</exception>
    public OwnedTensor ToDense()
    {
        using var entries = SparseEntries.Of(this);
        return SparseBuilder.Dense(entries, Fill);
    }

    /// <summary>As <see cref="Over"/>, with lengths and types checked alone.</summary>
    internal static SparseTensor Unchecked(TensorFormat format, ReadOnlySpan<long> shape, Tensor[] arrays) => new(format, shape, arrays);

    /// <summary>The positions of a compressed level: below position p of the level before lie those from [p] to [p + 1].</summary>
    public Tensor Positions(int level) => _arrays[SparseLayout.Find(Format, level, StorageKind.Positions)];

    /// <summary>The coordinates of a compressed or singleton level.</summary>
    public Tensor Coordinates(int level) => _arrays[SparseLayout.Find(Format, level, StorageKind.Coordinates)];

    /// <summary>How many positions a level has.</summary>
    public long Count(int level) => _counts[level];

    /// <summary>Checks every index again, in time linear in their number: for arrays that their owner has written to.</summary>
    /// <exception cref="ArgumentException">An index that cannot be; the message says where the first one is.</exception>
    public void Validate() => SparseCheck.Run(this);

    /// <summary>Type, shape and format: <c>f32[3, 3] in csr, 3 stored</c>.</summary>
    public override string ToString() => $"{Element.Name()}{TensorShape.Text(Shape)} in {Format}, {StoredCount} stored";
}
