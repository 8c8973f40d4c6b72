using System.Globalization;
using System.Text;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>What a .mtx file says of itself: banner and sizes.</summary>
internal sealed record MatrixMarketHeader(bool IsArray, string Field, string Symmetry, long Rows, long Columns, long Entries)
{
    internal bool IsInteger => Field == "integer";

    internal bool IsPattern => Field == "pattern";

    /// <summary>Whether each entry off the diagonal stands for two.</summary>
    internal bool IsMirrored => Symmetry != "general";

    internal static MatrixMarketHeader Read(TensorReader reader, ByteLines lines)
    {
        _ = lines.Next(out var banner);
        var words = Encoding.Latin1.GetString(banner).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words is not [var magic, var what, var layout, var field, var symmetry] || !magic.Equals("%%MatrixMarket", StringComparison.OrdinalIgnoreCase))
        {
            throw reader.Bad("line 1 is not '%%MatrixMarket matrix coordinate|array FIELD SYMMETRY'");
        }

        (layout, field, symmetry) = (layout.ToLowerInvariant(), field.ToLowerInvariant(), symmetry.ToLowerInvariant());
        field = field == "double" ? "real" : field;
        var isArray = layout == "array";
        var problem = !what.Equals("matrix", StringComparison.OrdinalIgnoreCase) ? $"object '{what}'; a matrix is read"
            : layout is not ("coordinate" or "array") ? $"layout '{layout}'; coordinate and array are read"
            : field is not ("real" or "integer" or "pattern") ? $"field '{field}'; real, integer and pattern are read"
            : symmetry is not ("general" or "symmetric" or "skew-symmetric") ? $"symmetry '{symmetry}'; general, symmetric and skew-symmetric are read"
            : field == "pattern" && (isArray || symmetry == "skew-symmetric") ? $"a pattern that is {(isArray ? "an array" : symmetry)}, which there is not"
            : null;
        if (problem is not null)
        {
            throw reader.Bad($"line 1 has {problem}", "write it as another kind of matrix");
        }

        var line = Content(lines, out var found);
        var sizes = new List<long>();
        while (found && MatrixMarket.Token(ref line) is { IsEmpty: false } token)
        {
            sizes.Add(long.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size <= TensorShape.MaxBytes
                ? size
                : throw reader.Bad($"line {lines.Number} has '{MatrixMarket.Shown(token)}', which is not a size"));
        }

        if (sizes.Count != (isArray ? 2 : 3))
        {
            throw reader.Bad(found ? $"line {lines.Number} has {sizes.Count} sizes; expected rows, columns{(isArray ? "" : " and entries")}" : "it ends before its sizes");
        }

        if (symmetry != "general" && sizes[0] != sizes[1])
        {
            throw reader.Bad($"line {lines.Number}: a {symmetry} matrix of {sizes[0]} rows and {sizes[1]} columns, which is not square");
        }

        // An entry takes a line, which has a character and an end at least; so a false promise asks for no memory.
        var entries = isArray ? Stored(symmetry, sizes[0], sizes[1]) : sizes[2];
        return entries * (isArray ? 2 : 4) <= reader.Remaining + (1 << 19) && entries < int.MaxValue / 2
            ? new MatrixMarketHeader(isArray, field, symmetry, sizes[0], sizes[1], (long)entries)
            : throw reader.Bad($"line {lines.Number} promises {entries} entries, more than the file has room for");
    }

    /// <summary>The next line that is neither empty nor a comment.</summary>
    internal static ReadOnlySpan<byte> Content(ByteLines lines, out bool found)
    {
        while (lines.Next(out var line))
        {
            line = line.Trim(" \t"u8);
            if (!line.IsEmpty && line[0] != '%')
            {
                found = true;
                return line;
            }
        }

        found = false;
        return default;
    }

    /// <summary>Moves to where the next element of an array lies: column by column; of symmetric ones from the diagonal on, of skew ones behind it.</summary>
    internal void Advance(ref long row, ref long column)
    {
        row++;
        while (row >= Rows && column < Columns)
        {
            column++;
            row = Start(column);
        }
    }

    /// <summary>The first row of a column that an array holds.</summary>
    internal long Start(long column) => Symmetry switch
    {
        "symmetric" => column,
        "skew-symmetric" => column + 1,
        _ => 0,
    };

    private static Int128 Stored(string symmetry, long rows, long columns) => symmetry switch
    {
        "symmetric" => (Int128)rows * (rows + 1) / 2,
        "skew-symmetric" => (Int128)rows * (rows - 1) / 2,
        _ => (Int128)rows * columns,
    };
}
