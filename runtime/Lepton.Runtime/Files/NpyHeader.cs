using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>The text header of a .npy file: <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (2, 3), }</c>, a Python literal.</summary>
internal sealed record NpyHeader(ElementType Element, bool BigEndian, bool FortranOrder, long[] Shape)
{
    internal static NpyHeader Parse(string text, TensorReader reader)
    {
        var at = 0;
        string? descr = null;
        bool? fortran = null;
        long[]? shape = null;

        Expect('{');
        while (!Take('}'))
        {
            var key = Text();
            Expect(':');
            switch (key)
            {
                case "descr" when descr is null:
                    descr = Peek() == '[' ? throw Unsupported("a structured type") : Text();
                    break;
                case "fortran_order" when fortran is null:
                    fortran = Truth();
                    break;
                case "shape" when shape is null:
                    shape = Tuple();
                    break;
                default:
                    throw reader.Bad($"the header has {(key is "descr" or "fortran_order" or "shape" ? "two entries" : "an unknown entry")} '{key}'");
            }

            if (!Take(','))
            {
                Expect('}');
                break;
            }
        }

        if (text.AsSpan(at).Trim(" \n\r\t").Length > 0)
        {
            throw reader.Bad("text follows the header's closing brace");
        }

        var missing = descr is null ? "descr" : fortran is null ? "fortran_order" : shape is null ? "shape" : null;
        if (missing is not null)
        {
            throw reader.Bad($"the header has no '{missing}'");
        }

        var element = ElementOf(descr!) ?? throw Unsupported($"'{descr}'");
        return new(element, descr![0] == '>' && element.ByteSize() > 1, fortran!.Value, shape!);

        TensorFileException Unsupported(string type) => reader.Bad(
            $"its element type is {type}", "convert it first: x.astype(...) to bool, i1, i2, i4, i8, u1, f2, f4 or f8");

        char Peek()
        {
            while (at < text.Length && text[at] is ' ' or '\t' or '\n' or '\r')
            {
                at++;
            }

            return at < text.Length ? text[at] : '\0';
        }

        bool Take(char wanted)
        {
            if (Peek() != wanted)
            {
                return false;
            }

            at++;
            return true;
        }

        void Expect(char wanted)
        {
            if (!Take(wanted))
            {
                throw reader.Bad($"the header lacks '{wanted}' at character {at}");
            }
        }

        string Text()
        {
            var quote = Peek();
            var end = quote is '\'' or '"' ? text.IndexOf(quote, at + 1) : -1;
            if (end < 0)
            {
                throw reader.Bad($"the header lacks a string at character {at}");
            }

            var value = text[(at + 1)..end];
            at = end + 1;
            return value;
        }

        bool Truth()
        {
            Peek();
            foreach (var (word, value) in new[] { ("True", true), ("False", false) })
            {
                if (text.AsSpan(at).StartsWith(word))
                {
                    at += word.Length;
                    return value;
                }
            }

            throw reader.Bad($"fortran_order is neither True nor False (at character {at} of the header)");
        }

        long[] Tuple()
        {
            var sizes = new List<long>();
            Expect('(');
            while (!Take(')'))
            {
                Peek();
                var start = at;
                while (at < text.Length && char.IsAsciiDigit(text[at]))
                {
                    at++;
                }

                if (!long.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var size))
                {
                    throw reader.Bad($"the shape has no valid size at character {start} of the header");
                }

                sizes.Add(size);
                Take('L'); // Python 2 wrote long integers as 3L
                if (!Take(','))
                {
                    Expect(')');
                    break;
                }
            }

            return [.. sizes];
        }
    }

    /// <summary>Version 1.0 with its padding: the data begin at a multiple of 64.</summary>
    internal static byte[] Write(Tensor tensor)
    {
        var sizes = string.Join(", ", tensor.Shape.ToArray()) + (tensor.Rank == 1 ? "," : "");
        return Write(Descr(tensor.Element), sizes);
    }

    /// <summary>For any type and shape, as texts.</summary>
    internal static byte[] Write(string descr, string sizes)
    {
        var text = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}";
        var length = (10 + text.Length + 1 + 63) / 64 * 64;
        var bytes = new byte[length];
        bytes.AsSpan().Fill((byte)' ');
        ReadOnlySpan<byte> magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)(length - 10));
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(10));
        bytes[^1] = (byte)'\n';
        return bytes;
    }

    private static string Descr(ElementType element) => element switch
    {
        ElementType.Bool => "|b1",
        ElementType.U8 => "|u1",
        ElementType.I8 => "|i1",
        ElementType.I16 or ElementType.I32 or ElementType.I64 => "<i" + element.ByteSize(),
        _ => "<f" + element.ByteSize(),
    };

    private static ElementType? ElementOf(string descr)
    {
        if (descr.Length < 2 || descr[0] is not ('<' or '>' or '|' or '='))
        {
            return null;
        }

        ElementType? element = descr.AsSpan(1) switch
        {
            "b1" => ElementType.Bool,
            "u1" => ElementType.U8,
            "i1" => ElementType.I8,
            "i2" => ElementType.I16,
            "i4" => ElementType.I32,
            "i8" => ElementType.I64,
            "f2" => ElementType.F16,
            "f4" => ElementType.F32,
            "f8" => ElementType.F64,
            _ => null,
        };

        // '|' means that byte order does not matter, so it goes with one-byte types alone.
        return element is { } known && (descr[0] != '|' || known.ByteSize() == 1) ? known : null;
    }
}
