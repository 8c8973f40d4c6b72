using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>
/// Pictures as .pgm and .ppm: P2, P3 (text) and P5, P6 (binary), 8 or 16 bit. Read as u8, or as i32 when the largest value is above 255;
/// <c>[height, width]</c> for grey, <c>[height, width, 3]</c> for colour. Written as P5 or P6 from u8.
/// </summary>
internal static class Netpbm
{
    internal static OwnedTensor Read(TensorReader reader)
    {
        var magic = reader.Read(2, "the magic number");
        if (magic[0] != 'P' || magic[1] is not ((byte)'2' or (byte)'3' or (byte)'5' or (byte)'6'))
        {
            throw reader.Bad("it does not begin with P2, P3, P5 or P6", "convert the picture to .pgm or .ppm first");
        }

        var (color, text) = (magic[1] is (byte)'3' or (byte)'6', magic[1] is (byte)'2' or (byte)'3');
        long width = Number(reader, "the width"), height = Number(reader, "the height");
        var largest = Number(reader, "the largest value");
        if (width < 1 || height < 1)
        {
            throw reader.Bad($"its size is {width} by {height}");
        }

        if (largest is < 1 or > 65535)
        {
            throw reader.Bad($"its largest value is {largest}; it must be 1 to 65535");
        }

        long[] shape = color ? [height, width, 3] : [height, width];
        var tensor = text ? ReadText(reader, shape, largest) : ReadBinary(reader, shape, largest);
        return tensor;
    }

    internal static void Write(Stream stream, Tensor tensor, string file, bool? color)
    {
        var isColor = tensor.Rank == 3 && tensor.Shape[2] == 3;
        if (tensor.Element != ElementType.U8)
        {
            throw new TensorFileException(file, $"a picture is written from u8, and this tensor is {tensor}", "scale to 0..255 and cast: u8(x)");
        }

        if ((tensor.Rank != 2 && !isColor) || tensor.Length == 0 || (color ?? isColor) != isColor)
        {
            throw new TensorFileException(file, $"{tensor} is not a picture of this kind", ".pgm takes u8[height, width], .ppm takes u8[height, width, 3]");
        }

        stream.Write(Encoding.ASCII.GetBytes($"{(isColor ? "P6" : "P5")}\n{tensor.Shape[1]} {tensor.Shape[0]}\n255\n"));
        TensorWriter.Data(stream, tensor);
    }

    private static unsafe OwnedTensor ReadBinary(TensorReader reader, long[] shape, long largest)
    {
        var raw = reader.Tensor(largest < 256 ? ElementType.U8 : ElementType.I16, shape, bigEndian: true);
        try
        {
            using var pin = raw.Pin();
            if (largest < 256)
            {
                for (long i = 0; largest < 255 && i < raw.Length; i++)
                {
                    if (((byte*)pin.Pointer)[i] > largest)
                    {
                        throw TooLarge(reader, ((byte*)pin.Pointer)[i], largest);
                    }
                }

                return raw;
            }

            var wide = new OwnedTensor(ElementType.I32, shape, zeroed: false);
            using var target = wide.Pin();
            long top = 0;
            for (long i = 0; i < raw.Length; i++)
            {
                var value = ((ushort*)pin.Pointer)[i];
                top = Math.Max(top, value);
                ((int*)target.Pointer)[i] = value;
            }

            raw.Dispose();
            if (top > largest)
            {
                wide.Dispose();
                throw TooLarge(reader, top, largest);
            }

            return wide;
        }
        catch
        {
            raw.Dispose();
            throw;
        }
    }

    private static TensorFileException TooLarge(TensorReader reader, long value, long largest) =>
        reader.Bad($"it holds the value {value}, and its header says that {largest} is the largest");

    private static unsafe OwnedTensor ReadText(TensorReader reader, long[] shape, long largest)
    {
        // Each number takes a digit and, but for the last, a blank: a promise of more numbers than that is broken before memory is asked for.
        if (!TensorShape.TryByteLength(ElementType.I32, shape, out var bytes, out var problem))
        {
            throw reader.Bad(problem);
        }

        var count = bytes / 4;
        if (count > (reader.Remaining + 1) / 2)
        {
            throw reader.Bad($"the header promises {count} values, and {reader.Remaining} bytes are left");
        }

        var tensor = new OwnedTensor(largest < 256 ? ElementType.U8 : ElementType.I32, shape, zeroed: false);
        try
        {
            using var pin = tensor.Pin();
            for (long i = 0; i < count; i++)
            {
                var value = Number(reader, "the values");
                if (value > largest)
                {
                    throw TooLarge(reader, value, largest);
                }

                if (largest < 256)
                {
                    ((byte*)pin.Pointer)[i] = (byte)value;
                }
                else
                {
                    ((int*)pin.Pointer)[i] = (int)value;
                }
            }

            int next;
            while ((next = reader.Next()) >= 0)
            {
                if (!IsBlank(next))
                {
                    throw reader.Bad("more values follow than its header says");
                }
            }

            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Skips blanks and comments (<c># ...</c> to the line's end), reads digits and the one blank after them.</summary>
    private static long Number(TensorReader reader, string what)
    {
        var next = reader.Next();
        while (IsBlank(next) || next == '#')
        {
            if (next == '#')
            {
                while (next is not ('\n' or '\r' or -1))
                {
                    next = reader.Next();
                }
            }

            next = reader.Next();
        }

        long value = -1;
        while (next is >= '0' and <= '9')
        {
            value = (Math.Max(value, 0) * 10) + (next - '0');
            if (value > int.MaxValue)
            {
                throw reader.Bad($"{what} is larger than {int.MaxValue}");
            }

            next = reader.Next();
        }

        if (value < 0 || !(IsBlank(next) || next == -1))
        {
            throw reader.Bad(next == -1 ? $"it ends inside {what}" : $"{what} is not a number");
        }

        return value;
    }

    private static bool IsBlank(int value) => value is ' ' or '\t' or '\n' or '\r' or '\v' or '\f';
}
