using System.Buffers.Binary;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>IDX, the format of MNIST: two zeros, a type, the number of axes, the sizes (u32), the data; all big-endian.</summary>
internal static class Idx
{
    private static readonly (byte Code, ElementType Element)[] Codes =
    [
        (0x08, ElementType.U8), (0x09, ElementType.I8), (0x0B, ElementType.I16),
        (0x0C, ElementType.I32), (0x0D, ElementType.F32), (0x0E, ElementType.F64),
    ];

    internal static OwnedTensor Read(TensorReader reader)
    {
        var magic = reader.Read(4, "the magic number");
        if (magic[0] != 0 || magic[1] != 0)
        {
            throw reader.Bad("it does not begin with two zeros as IDX does", "if it is compressed (.gz), unpack it first");
        }

        var (_, element) = Array.Find(Codes, c => c.Code == magic[2]) is { Code: not 0 } known
            ? known
            : throw reader.Bad($"its element type 0x{magic[2]:X2} is none of IDX");
        if (magic[3] > TensorShape.MaxRank)
        {
            throw reader.Bad($"it has {magic[3]} axes, more than {TensorShape.MaxRank}");
        }

        var shape = new long[magic[3]];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = BinaryPrimitives.ReadUInt32BigEndian(reader.Read(4, "the sizes"));
        }

        return reader.Tensor(element, shape, bigEndian: true);
    }

    internal static unsafe void Write(Stream stream, Tensor tensor, string file)
    {
        var (code, _) = Array.Find(Codes, c => c.Element == tensor.Element) is { Code: not 0 } known
            ? known
            : throw new TensorFileException(file, $"IDX has no {tensor.Element.Name()}", "convert to u8, i8, i16, i32, f32 or f64, or write .npy");
        stream.Write([0, 0, code, (byte)tensor.Rank]);
        Span<byte> number = stackalloc byte[8];
        foreach (var size in tensor.Shape)
        {
            BinaryPrimitives.WriteUInt32BigEndian(number, size <= uint.MaxValue
                ? (uint)size
                : throw new TensorFileException(file, $"size {size} is more than IDX can say", "write .npy"));
            stream.Write(number[..4]);
        }

        using var pin = tensor.Pin();
        var width = tensor.Element.ByteSize();
        var block = new byte[1 << 16];
        for (long at = 0; at < tensor.ByteLength; at += block.Length)
        {
            var part = block.AsSpan(0, (int)Math.Min(block.Length, tensor.ByteLength - at));
            new ReadOnlySpan<byte>((byte*)pin.Pointer + at, part.Length).CopyTo(part);
            TensorReader.Swap(part, width);
            stream.Write(part);
        }
    }
}
