using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>NumPy's .npy, versions 1, 2 and 3: magic, version, header length, header text, data.</summary>
internal static class Npy
{
    /// <summary>Far more than the header of any tensor needs, and little to ask for.</summary>
    private const uint MaxHeader = 1 << 20;

    internal static OwnedTensor Read(TensorReader reader)
    {
        var header = NpyHeader.Parse(HeaderText(reader), reader);
        var tensor = reader.Tensor(header.Element, header.Shape, header.BigEndian);
        if (!header.FortranOrder || tensor.Rank < 2)
        {
            return tensor;
        }

        using (tensor)
        {
            return FromFortran(tensor);
        }
    }

    /// <summary>A file that holds one text: type <c>|S3</c> (ASCII) or <c>&lt;U3</c> (four bytes for a character).</summary>
    internal static string ReadText(TensorReader reader)
    {
        var header = HeaderText(reader);
        var match = Regex.Match(header, @"'descr': '(\|S|<U)([1-9][0-9]?)'.*'shape': \(\)");
        if (!match.Success)
        {
            throw reader.Bad("it is no text");
        }

        var isWide = match.Groups[1].Value == "<U";
        var bytes = reader.Read(int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) * (isWide ? 4 : 1), "the data");
        return (isWide ? Encoding.UTF32 : Encoding.ASCII).GetString(bytes).TrimEnd('\0');
    }

    /// <summary>As <see cref="ReadText"/> reads it.</summary>
    internal static void WriteText(Stream stream, string text)
    {
        stream.Write(NpyHeader.Write($"|S{text.Length}", ""));
        stream.Write(Encoding.ASCII.GetBytes(text));
    }

    private static string HeaderText(TensorReader reader)
    {
        Span<byte> start = stackalloc byte[8];
        reader.Read(start, "the magic number");
        if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8))
        {
            throw reader.Bad("it does not begin with the magic number of .npy");
        }

        var (major, minor) = (start[6], start[7]);
        if (major is < 1 or > 3 || minor != 0)
        {
            throw reader.Bad($"it has version {major}.{minor} of the format", "save it again with numpy.save, which writes 1.0, 2.0 or 3.0");
        }

        uint length;
        if (major == 1)
        {
            length = BinaryPrimitives.ReadUInt16LittleEndian(reader.Read(2, "the header's length"));
        }
        else
        {
            length = BinaryPrimitives.ReadUInt32LittleEndian(reader.Read(4, "the header's length"));
        }

        if (length > MaxHeader)
        {
            throw reader.Bad($"its header claims {length} bytes; no tensor needs more than {MaxHeader}");
        }

        var encoding = major == 3 ? Encoding.UTF8 : Encoding.Latin1;
        return encoding.GetString(reader.Read((int)length, "the header"));
    }

    internal static void Write(Stream stream, Tensor tensor, string file)
    {
        if (tensor.Element == ElementType.BF16)
        {
            throw new TensorFileException(file, "NumPy's files have no bf16", "write .safetensors, or convert the tensor to f32 first");
        }

        stream.Write(NpyHeader.Write(tensor));
        TensorWriter.Data(stream, tensor);
    }

    /// <summary>Column-major to row-major: element (i, j, k) lies at i + n0*(j + n1*k) in the file.</summary>
    private static unsafe OwnedTensor FromFortran(OwnedTensor source)
    {
        var result = new OwnedTensor(source.Element, source.Shape, zeroed: false);
        using var from = source.Pin();
        using var to = result.Pin();
        var size = source.Element.ByteSize();
        var shape = source.Shape;
        Span<long> strides = stackalloc long[source.Rank];
        Span<long> at = stackalloc long[source.Rank];
        long stride = 1;
        for (var axis = 0; axis < shape.Length; axis++)
        {
            strides[axis] = stride;
            stride *= shape[axis];
        }

        long offset = 0;
        for (long i = 0; i < source.Length; i++)
        {
            Buffer.MemoryCopy((byte*)from.Pointer + (offset * size), (byte*)to.Pointer + (i * size), size, size);
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                offset += strides[axis];
                if (++at[axis] < shape[axis])
                {
                    break;
                }

                offset -= strides[axis] * shape[axis];
                at[axis] = 0;
            }
        }

        return result;
    }
}
