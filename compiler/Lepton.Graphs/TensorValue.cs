using System.Buffers.Binary;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// A tensor of the interpreter: element type, shape, row-major numbers, held as doubles (floats) or longs (integers, bools) that are always
/// representable in the element type. Never changed after it is made.
/// </summary>
public sealed class TensorValue
{
    private TensorValue(ElementType element, long[] shape, double[]? floats, long[]? integers)
    {
        Element = element;
        Shape = shape;
        Floats = floats;
        Integers = integers;
    }

    public ElementType Element { get; }

    public IReadOnlyList<long> Dims => Shape;

    public int Count => Floats?.Length ?? Integers!.Length;

    /// <summary>The numbers of a float tensor.</summary>
    public ReadOnlySpan<double> AsFloats => Floats ?? throw new InvalidOperationException($"{Element.Name()} is not a float");

    /// <summary>The numbers of an integer or bool tensor.</summary>
    public ReadOnlySpan<long> AsIntegers => Integers ?? throw new InvalidOperationException($"{Element.Name()} is not an integer");

    internal long[] Shape { get; }

    internal double[]? Floats { get; }

    internal long[]? Integers { get; }

    public Scalar this[int index] => Floats is not null
        ? new Scalar(Element, BitConverter.DoubleToInt64Bits(Floats[index]))
        : new Scalar(Element, Integers![index]);

    /// <summary>A float tensor; every value is rounded to the element type.</summary>
    public static TensorValue OfFloats(ElementType element, ReadOnlySpan<long> shape, ReadOnlySpan<double> values)
    {
        var rounded = values.ToArray();
        for (var i = 0; i < rounded.Length; i++)
        {
            rounded[i] = Scalar.Round(element, rounded[i]);
        }

        return Own(element, shape.ToArray(), rounded);
    }

    /// <summary>An integer or bool tensor; every value is wrapped to the element type.</summary>
    public static TensorValue OfIntegers(ElementType element, ReadOnlySpan<long> shape, ReadOnlySpan<long> values)
    {
        var wrapped = values.ToArray();
        for (var i = 0; i < wrapped.Length; i++)
        {
            wrapped[i] = Scalar.Wrap(element, wrapped[i]);
        }

        return Own(element, shape.ToArray(), wrapped);
    }

    /// <summary>A tensor from small numbers, of whatever element type.</summary>
    public static TensorValue Of(ElementType element, ReadOnlySpan<long> shape, params ReadOnlySpan<double> values) => element.IsFloat()
        ? OfFloats(element, shape, values)
        : OfIntegers(element, shape, Array.ConvertAll(values.ToArray(), v => (long)v));

    /// <summary>From native memory: row-major, little-endian, the element type's own width.</summary>
    public static TensorValue FromBytes(ElementType element, ReadOnlySpan<long> shape, ReadOnlySpan<byte> bytes)
    {
        var count = CountOf(shape);
        var size = element.ByteSize();
        if (bytes.Length != count * size)
        {
            throw new ArgumentException($"{bytes.Length} bytes for {count} elements of {element.Name()}", nameof(bytes));
        }

        var floats = element.IsFloat() ? new double[count] : null;
        var integers = element.IsFloat() ? null : new long[count];
        for (var i = 0; i < count; i++)
        {
            var at = bytes.Slice(i * size, size);
            if (floats is not null)
            {
                floats[i] = element switch
                {
                    ElementType.F64 => BinaryPrimitives.ReadDoubleLittleEndian(at),
                    ElementType.F32 => BinaryPrimitives.ReadSingleLittleEndian(at),
                    ElementType.F16 => (double)BinaryPrimitives.ReadHalfLittleEndian(at),
                    _ => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(at) << 16),
                };
            }
            else
            {
                integers![i] = element switch
                {
                    ElementType.I64 => BinaryPrimitives.ReadInt64LittleEndian(at),
                    ElementType.I32 => BinaryPrimitives.ReadInt32LittleEndian(at),
                    ElementType.I16 => BinaryPrimitives.ReadInt16LittleEndian(at),
                    ElementType.I8 => (sbyte)at[0],
                    _ => at[0],
                };
            }
        }

        return new TensorValue(element, shape.ToArray(), floats, integers);
    }

    /// <summary>As native memory has it.</summary>
    public byte[] ToBytes()
    {
        var size = Element.ByteSize();
        var bytes = new byte[Count * size];
        for (var i = 0; i < Count; i++)
        {
            var at = bytes.AsSpan(i * size, size);
            switch (Element)
            {
                case ElementType.F64:
                    BinaryPrimitives.WriteDoubleLittleEndian(at, Floats![i]);
                    break;
                case ElementType.F32:
                    BinaryPrimitives.WriteSingleLittleEndian(at, (float)Floats![i]);
                    break;
                case ElementType.F16:
                    BinaryPrimitives.WriteHalfLittleEndian(at, (Half)Floats![i]);
                    break;
                case ElementType.BF16:
                    BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)(BitConverter.SingleToUInt32Bits((float)Floats![i]) >> 16));
                    break;
                case ElementType.I64:
                    BinaryPrimitives.WriteInt64LittleEndian(at, Integers![i]);
                    break;
                case ElementType.I32:
                    BinaryPrimitives.WriteInt32LittleEndian(at, (int)Integers![i]);
                    break;
                case ElementType.I16:
                    BinaryPrimitives.WriteInt16LittleEndian(at, (short)Integers![i]);
                    break;
                default:
                    at[0] = unchecked((byte)Integers![i]);
                    break;
            }
        }

        return bytes;
    }

    /// <summary>Same type, shape and numbers; any nan equals any nan, 0.0 is not -0.0.</summary>
    public bool Same(TensorValue other)
    {
        if (Element != other.Element || !Shape.AsSpan().SequenceEqual(other.Shape))
        {
            return false;
        }

        if (Integers is not null)
        {
            return Integers.AsSpan().SequenceEqual(other.Integers);
        }

        for (var i = 0; i < Floats!.Length; i++)
        {
            var (a, b) = (Floats[i], other.Floats![i]);
            if (BitConverter.DoubleToInt64Bits(a) != BitConverter.DoubleToInt64Bits(b) && !(double.IsNaN(a) && double.IsNaN(b)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Type, shape and the first numbers, for messages: <c>f32[2, 3] 1 2 3 4 5 6</c>.</summary>
    public override string ToString()
    {
        var numbers = Enumerable.Range(0, Math.Min(Count, 16)).Select(i => this[i].ToString());
        return $"{Element.Name()}[{string.Join(", ", Shape)}] {string.Join(' ', numbers)}{(Count > 16 ? " …" : "")}";
    }

    /// <summary>Wraps numbers that already fit the element type, without a copy.</summary>
    internal static TensorValue Own(ElementType element, long[] shape, Array numbers)
    {
        if (numbers.Length != CountOf(shape) || numbers is double[] != element.IsFloat())
        {
            throw new ArgumentException($"{numbers.Length} numbers for {element.Name()}[{string.Join(", ", shape)}]", nameof(numbers));
        }

        return new TensorValue(element, shape, numbers as double[], numbers as long[]);
    }

    internal TensorValue Reshaped(long[] shape) => new(Element, shape, Floats, Integers);

    internal static int CountOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (var size in shape)
        {
            count = checked(count * (size >= 0 ? size : throw new ArgumentException($"a size of {size}", nameof(shape))));
        }

        return checked((int)count);
    }
}
