using System.Globalization;
using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>
/// Matrix Market's exchange format (Boisvert, Pozo, Remington 1996): a banner, comments, sizes, then one entry a line, counted from 1; or all
/// elements, column by column.
/// <code>
/// %%MatrixMarket matrix coordinate real general
/// 3 4 2
/// 1 2 5.0
/// 3 1 7.5
/// </code>
/// </summary>
/// <remarks>real and pattern (ones) become f64, integer i64. Entries that stand several times are added. Of symmetric matrices one half is there.</remarks>
internal static class MatrixMarket
{
    internal static OwnedTensor ReadDense(TensorReader reader)
    {
        using var entries = Read(reader);
        return SparseBuilder.Dense(entries, Scalar.Of(entries.Values.Element, 0));
    }

    /// <summary>As coo, with i32 indices where the sizes allow.</summary>
    internal static OwnedSparseTensor ReadSparse(TensorReader reader)
    {
        using var entries = Read(reader);
        var isWide = entries.Shape.Any(s => s > int.MaxValue);
        return SparseBuilder.Build(entries, TensorFormat.Coo(2) with { Index = isWide ? ElementType.I64 : ElementType.I32 });
    }

    internal static void Write(Stream stream, SparseTensor tensor)
    {
        using var entries = SparseEntries.Of(tensor);
        entries.SortFor(TensorFormat.Coo(2));
        using var writer = Begin(stream, "coordinate", tensor.Element);
        writer.Write(Line($"{tensor.Shape[0]} {tensor.Shape[1]} {entries.Count}\n"));
        using var pin = entries.Values.Pin();
        for (var i = 0; i < entries.Count; i++)
        {
            writer.Write(Line($"{entries.Axes[0][i] + 1} {entries.Axes[1][i] + 1} {Text(pin, entries.Values.Element, i)}\n"));
        }
    }

    internal static void Write(Stream stream, Tensor tensor, string file)
    {
        if (tensor.Rank != 2)
        {
            throw new TensorFileException(file, $"it holds matrices, and the tensor has shape {TensorShape.Text(tensor.Shape)}", "write it as .npy");
        }

        using var writer = Begin(stream, "array", tensor.Element);
        var (rows, columns) = (tensor.Shape[0], tensor.Shape[1]);
        writer.Write(Line($"{rows} {columns}\n"));
        using var pin = tensor.Pin();
        for (long column = 0; column < columns; column++)
        {
            for (long row = 0; row < rows; row++)
            {
                writer.Write(Text(pin, tensor.Element, (row * columns) + column) + "\n");
            }
        }
    }

    private static StreamWriter Begin(Stream stream, string layout, ElementType element)
    {
        var writer = new StreamWriter(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
        writer.Write($"%%MatrixMarket matrix {layout} {(element.IsFloat() ? "real" : "integer")} general\n");
        return writer;
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static unsafe string Text(System.Buffers.MemoryHandle pin, ElementType element, long at) =>
        Csv.Format((byte*)pin.Pointer + (at * element.ByteSize()), element);

    private static SparseEntries Read(TensorReader reader)
    {
        var lines = new ByteLines(reader);
        var header = MatrixMarketHeader.Read(reader, lines);
        var count = header.Entries * (header.IsMirrored ? 2 : 1);
        var (rows, columns) = (new List<long>((int)count), new List<long>((int)count));
        var values = new List<long>((int)count);
        var (nextRow, nextColumn) = (header.Start(0), 0L);
        for (long e = 0; e < header.Entries; e++)
        {
            var line = MatrixMarketHeader.Content(lines, out var found);
            if (!found)
            {
                throw reader.Bad($"it ends after {e} of {header.Entries} entries", "the file is cut off; fetch or write it again");
            }

            var (row, column) = header.IsArray ? (nextRow, nextColumn) : (Index(ref line, 0), Index(ref line, 1));
            header.Advance(ref nextRow, ref nextColumn);
            var bits = Value(ref line);
            if (!Token(ref line).IsEmpty)
            {
                throw Bad("has more than an entry");
            }

            if (header.Symmetry == "skew-symmetric" && row == column)
            {
                throw Bad("is on the diagonal, and a skew-symmetric matrix has zeros there");
            }

            Add(row, column, bits);
            if (header.IsMirrored && row != column)
            {
                Add(column, row, header.Symmetry != "skew-symmetric" ? bits : header.IsInteger ? unchecked(-bits) : BitConverter.DoubleToInt64Bits(-BitConverter.Int64BitsToDouble(bits)));
            }
        }

        _ = MatrixMarketHeader.Content(lines, out var isLonger);
        if (isLonger)
        {
            throw reader.Bad($"line {lines.Number}: more than the {header.Entries} entries that it promises");
        }

        var tensor = new OwnedTensor(header.IsInteger ? ElementType.I64 : ElementType.F64, [values.Count], zeroed: false);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(values)).CopyTo(tensor.AsBytes());
        var entries = new SparseEntries([header.Rows, header.Columns], [[.. rows], [.. columns]], tensor);
        entries.SortFor(TensorFormat.Coo(2));
        entries.AddDuplicates();
        return entries;

        void Add(long row, long column, long bits)
        {
            rows.Add(row);
            columns.Add(column);
            values.Add(bits);
        }

        long Index(ref ReadOnlySpan<byte> line, int axis)
        {
            var size = axis == 0 ? header.Rows : header.Columns;
            var token = Token(ref line);
            return long.TryParse(token, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index) && index >= 1 && index <= size
                ? index - 1
                : throw Bad($"has {(axis == 0 ? "row" : "column")} '{Shown(token)}', which is not 1 to {size}");
        }

        long Value(ref ReadOnlySpan<byte> line)
        {
            if (header.IsPattern)
            {
                return BitConverter.DoubleToInt64Bits(1);
            }

            var token = Token(ref line);
            if (header.IsInteger)
            {
                return long.TryParse(token, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? integer : throw Bad($"has '{Shown(token)}', which is not an integer of 64 bits");
            }

            return Csv.TryParse(Encoding.Latin1.GetString(token), out var number) && !token.IsEmpty ? BitConverter.DoubleToInt64Bits(number) : throw Bad($"has '{Shown(token)}', which is not a number");
        }

        TensorFileException Bad(string problem) => reader.Bad($"line {lines.Number} {problem}");
    }

    internal static ReadOnlySpan<byte> Token(ref ReadOnlySpan<byte> line)
    {
        line = line.TrimStart(" \t"u8);
        var end = line.IndexOfAny(" \t"u8);
        var token = end < 0 ? line : line[..end];
        line = line[token.Length..];
        return token;
    }

    internal static string Shown(ReadOnlySpan<byte> token) => Encoding.Latin1.GetString(token.Length <= 40 ? token : token[..40]);
}
