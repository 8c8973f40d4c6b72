using System.Globalization;
using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>
/// Numbers separated by commas, one row a line, read as f64[rows, columns]. A first line in which a field is no number is a header. An empty
/// field is NaN. Empty lines are passed over; fields may stand in double quotes.
/// </summary>
internal static class Csv
{
    private const int MaxField = 1 << 16;

    internal static OwnedTensor Read(TensorReader reader)
    {
        var bytes = new ByteSource(reader);
        var values = new List<double>();
        var field = new StringBuilder();
        long rows = 0;
        var columns = -1;
        var header = false;
        var line = 1;
        for (var more = true; more; line++)
        {
            var start = values.Count;
            var count = 0;
            var words = false;
            var empty = true;
            bool ended;
            do
            {
                (ended, more, var quoted) = ReadField(bytes, field, reader, line);
                var text = field.ToString().Trim();
                empty &= text.Length == 0 && ended && count == 0 && !quoted;
                count++;
                if (TryParse(text, out var value))
                {
                    values.Add(value);
                }
                else if (rows == 0 && !header)
                {
                    words = true;
                }
                else
                {
                    throw reader.Bad(
                        $"line {line}, field {count}: '{Shorten(text)}' is not a number",
                        text.Contains(';') ? "separate the fields by commas" : "leave the field empty for a missing value (NaN)");
                }
            }
            while (!ended);

            if (empty)
            {
                values.RemoveRange(start, values.Count - start);
                continue;
            }

            if (columns >= 0 && count != columns)
            {
                throw reader.Bad($"line {line} has {count} fields, and the first has {columns}", "give every line as many fields");
            }

            columns = count;
            if (words)
            {
                values.RemoveRange(start, values.Count - start);
                header = true;
            }
            else
            {
                rows++;
            }
        }

        if (columns < 0)
        {
            throw reader.Bad("it is empty", "write at least one line of numbers");
        }

        var tensor = new OwnedTensor(ElementType.F64, [rows, columns], zeroed: false);
        values.CopyTo(tensor.AsSpan<double>());
        return tensor;
    }

    internal static unsafe void Write(Stream stream, Tensor tensor, string file)
    {
        if (tensor.Rank > 2)
        {
            throw new TensorFileException(file, $"a table has two axes, and this tensor is {tensor}", "reshape it to [rows, columns], or write .npy");
        }

        // A vector is one column, a scalar one field.
        var (rows, columns) = tensor.Rank switch
        {
            0 => (1L, 1L),
            1 => (tensor.Shape[0], 1L),
            _ => (tensor.Shape[0], tensor.Shape[1]),
        };
        using var pin = tensor.Pin();
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        for (long row = 0; row < rows; row++)
        {
            for (long column = 0; column < columns; column++)
            {
                if (column > 0)
                {
                    writer.Write(',');
                }

                writer.Write(Format((byte*)pin.Pointer + (((row * columns) + column) * tensor.Element.ByteSize()), tensor.Element));
            }

            writer.Write('\n');
        }
    }

    /// <summary>One field into <paramref name="field"/>; whether the line ended with it, whether the file goes on, whether it had quotes.</summary>
    private static (bool LineEnded, bool More, bool Quoted) ReadField(ByteSource bytes, StringBuilder field, TensorReader reader, int line)
    {
        field.Clear();
        var (inside, quoted) = (false, false);
        while (true)
        {
            var next = bytes.Next();
            if (next == '"')
            {
                (inside, quoted) = (!inside, true);
                continue;
            }

            if (next == -1)
            {
                return inside ? throw reader.Bad($"line {line}: a quote is not closed") : (true, false, quoted);
            }

            if (!inside && next is ',' or '\n')
            {
                return (next == '\n', true, quoted);
            }

            // Latin-1 is enough: what is not ASCII is not a number anyway.
            field.Append((char)next);
            if (field.Length > MaxField)
            {
                throw reader.Bad($"line {line} has a field of more than {MaxField} characters");
            }
        }
    }

    internal static bool TryParse(string text, out double value)
    {
        if (text.Length == 0)
        {
            value = double.NaN;
            return true;
        }

        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value))
        {
            return true;
        }

        var bare = text.TrimStart('+', '-');
        if (text.Length - bare.Length <= 1 && bare.Equals("inf", StringComparison.OrdinalIgnoreCase))
        {
            value = text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        return false;
    }

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..37] + "...";

    internal static unsafe string Format(byte* at, ElementType element) => element switch
    {
        ElementType.F64 => Format(*(double*)at, (*(double*)at).ToString("R", CultureInfo.InvariantCulture)),
        ElementType.F32 => Format(*(float*)at, (*(float*)at).ToString("R", CultureInfo.InvariantCulture)),
        ElementType.F16 => Format((double)*(Half*)at, (*(Half*)at).ToString("R", CultureInfo.InvariantCulture)),
        ElementType.BF16 => Format(*(BFloat16*)at, ((float)*(BFloat16*)at).ToString("R", CultureInfo.InvariantCulture)),
        ElementType.I64 => (*(long*)at).ToString(CultureInfo.InvariantCulture),
        ElementType.I32 => (*(int*)at).ToString(CultureInfo.InvariantCulture),
        ElementType.I16 => (*(short*)at).ToString(CultureInfo.InvariantCulture),
        ElementType.I8 => (*(sbyte*)at).ToString(CultureInfo.InvariantCulture),
        _ => (*at).ToString(CultureInfo.InvariantCulture),
    };

    private static string Format(double value, string digits) =>
        double.IsNaN(value) ? "nan" : double.IsInfinity(value) ? (value > 0 ? "inf" : "-inf") : digits;

    /// <summary>Bytes one by one, without a byte order mark and with line ends as \n.</summary>
    private sealed class ByteSource
    {
        private readonly TensorReader _reader;
        private readonly byte[] _block = new byte[1 << 16];
        private int _at;
        private int _end;

        internal ByteSource(TensorReader reader)
        {
            _reader = reader;
            Fill();
            _at = _block.AsSpan(0, _end).StartsWith("\uFEFF"u8) ? 3 : 0;
        }

        internal int Next()
        {
            var next = Take();
            if (next != '\r')
            {
                return next;
            }

            if (Peek() == '\n')
            {
                _at++;
            }

            return '\n';
        }

        private int Take() => Peek() < 0 ? -1 : _block[_at++];

        private int Peek()
        {
            if (_at == _end)
            {
                Fill();
            }

            return _at < _end ? _block[_at] : -1;
        }

        private void Fill()
        {
            (_at, _end) = (0, (int)Math.Min(_block.Length, _reader.Remaining));
            _reader.Read(_block.AsSpan(0, _end), "the data");
        }
    }
}
