using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>A stream of which the length is known, so that every claim of a header is held against what is really there.</summary>
internal sealed class TensorReader(Stream stream, string file, long length)
{
    private const int Block = 1 << 22;

    private uint _crc = uint.MaxValue;

    internal string File => file;

    /// <summary>Bytes not yet read.</summary>
    internal long Remaining { get; private set; } = length;

    /// <summary>When set, every byte read goes into <see cref="Crc"/>.</summary>
    internal bool WithCrc { get; init; }

    /// <summary>CRC-32 (as in zip) of what was read.</summary>
    internal uint Crc => ~_crc;

    internal TensorFileException Bad(string problem, string mend = "the file is damaged or not what its name says") => new(file, problem, mend);

    /// <summary>Reads exactly these bytes.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="what">For the message: <c>the header</c>.</param>
    internal void Read(Span<byte> target, string what)
    {
        if (target.Length > Remaining)
        {
            throw Bad($"it ends inside {what}: {target.Length} bytes are needed and {Remaining} are left");
        }

        try
        {
            stream.ReadExactly(target);
        }
        catch (EndOfStreamException)
        {
            throw Bad($"it ends inside {what}, before the length that it states");
        }

        Remaining -= target.Length;
        if (WithCrc)
        {
            _crc = Crc32.Add(_crc, target);
        }
    }

    internal byte[] Read(int count, string what)
    {
        if (count > Remaining)
        {
            throw Bad($"it ends inside {what}: {count} bytes are needed and {Remaining} are left");
        }

        var bytes = new byte[count];
        Read(bytes, what);
        return bytes;
    }

    /// <summary>The next byte, or -1 at the end.</summary>
    internal int Next()
    {
        if (Remaining == 0)
        {
            return -1;
        }

        Span<byte> one = stackalloc byte[1];
        Read(one, "the data");
        return one[0];
    }

    /// <summary>Reads a whole tensor. Its size is checked against the file's before memory is asked for.</summary>
    internal unsafe OwnedTensor Tensor(ElementType element, ReadOnlySpan<long> shape, bool bigEndian)
    {
        if (!TensorShape.TryByteLength(element, shape, out var bytes, out var problem))
        {
            throw Bad(problem);
        }

        if (bytes > Remaining)
        {
            throw Bad($"the header promises {element.Name()}{TensorShape.Text(shape)}, {bytes} bytes, and {Remaining} are left");
        }

        var tensor = new OwnedTensor(element, shape, zeroed: false);
        try
        {
            using var pin = tensor.Pin();
            for (long at = 0; at < bytes; at += Block)
            {
                var block = new Span<byte>((byte*)pin.Pointer + at, (int)Math.Min(Block, bytes - at));
                Read(block, "the data");
                if (bigEndian)
                {
                    Swap(block, element.ByteSize());
                }

                if (element == ElementType.Bool)
                {
                    Normalise(block);
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

    /// <summary>Nothing may follow.</summary>
    internal void End()
    {
        if (Remaining > 0)
        {
            throw Bad($"{Remaining} bytes follow the data");
        }
    }

    internal static void Swap(Span<byte> block, int size)
    {
        switch (size)
        {
            case 2:
                var shorts = MemoryMarshal.Cast<byte, ushort>(block);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                var ints = MemoryMarshal.Cast<byte, uint>(block);
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            case 8:
                var longs = MemoryMarshal.Cast<byte, ulong>(block);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }

    // Native code relies on 0 and 1; a foreign writer may have put any byte for true.
    private static void Normalise(Span<byte> block)
    {
        foreach (ref var value in block)
        {
            value = (byte)(value != 0 ? 1 : 0);
        }
    }
}
