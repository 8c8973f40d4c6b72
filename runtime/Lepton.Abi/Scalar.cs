using System.Globalization;

namespace Lepton.Abi;

/// <summary>One number of one element type: the literal of graphs and kernels. Compares by bits, so nan == nan and 0.0 != -0.0.</summary>
/// <param name="Type">The element type; the value is representable in it.</param>
/// <param name="Bits">Integers and bools: the value itself. Floats of every width: the bits of the value as a double (exact).</param>
public readonly record struct Scalar(ElementType Type, long Bits)
{
    public double AsDouble => Type.IsFloat() ? BitConverter.Int64BitsToDouble(Bits) : Bits;

    /// <summary>The integer value; for floats use <see cref="AsDouble"/>.</summary>
    public long AsInteger => Type.IsFloat() ? throw new InvalidOperationException($"{Type.Name()} is not an integer") : Bits;

    public bool AsBool => Bits != 0;

    /// <summary>A float rounded to <paramref name="type"/> (half to even).</summary>
    public static Scalar Float(ElementType type, double value) => new(type, BitConverter.DoubleToInt64Bits(Round(type, value)));

    /// <summary>An integer wrapped to <paramref name="type"/>.</summary>
    public static Scalar Integer(ElementType type, long value) => new(type, Wrap(type, value));

    public static Scalar Bool(bool value) => new(ElementType.Bool, value ? 1 : 0);

    /// <summary>A number of any element type from a small integer, as 0 and 1 are needed everywhere.</summary>
    public static Scalar Of(ElementType type, long value) => type.IsFloat() ? Float(type, value) : type == ElementType.Bool ? Bool(value != 0) : Integer(type, value);

    /// <summary>The nearest value of a float type, half to even, as a double.</summary>
    public static double Round(ElementType type, double value) => type switch
    {
        ElementType.F64 => value,
        ElementType.F32 => (float)value,
        ElementType.F16 => (double)(Half)value,
        ElementType.BF16 => RoundToBFloat16(value),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The low bits of <paramref name="value"/> as the integer type has them.</summary>
    public static long Wrap(ElementType type, long value) => type switch
    {
        ElementType.I64 => value,
        ElementType.I32 => unchecked((int)value),
        ElementType.I16 => unchecked((short)value),
        ElementType.I8 => unchecked((sbyte)value),
        ElementType.U8 => unchecked((byte)value),
        ElementType.Bool => value != 0 ? 1 : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Round-trip text without the type: <c>1</c>, <c>0.5</c>, <c>inf</c>, <c>nan</c>, <c>true</c>.</summary>
    public override string ToString()
    {
        if (Type == ElementType.Bool)
        {
            return AsBool ? "true" : "false";
        }

        if (!Type.IsFloat())
        {
            return Bits.ToString(CultureInfo.InvariantCulture);
        }

        var value = AsDouble;
        return double.IsNaN(value) ? "nan"
            : double.IsPositiveInfinity(value) ? "inf"
            : double.IsNegativeInfinity(value) ? "-inf"
            : Type == ElementType.F64 ? value.ToString("R", CultureInfo.InvariantCulture)
            : ((float)value).ToString("R", CultureInfo.InvariantCulture);
    }

    private static double RoundToBFloat16(double value)
    {
        if (double.IsNaN(value))
        {
            return value;
        }

        // Round to odd in f32 first, so that the second rounding is the only one that counts.
        var single = (float)value;
        var bits = BitConverter.SingleToUInt32Bits(single);
        if (!float.IsInfinity(single) && single != value)
        {
            if (Math.Abs((double)single) > Math.Abs(value))
            {
                bits--;
            }

            bits |= 1;
        }
        else if (float.IsInfinity(single) && !double.IsInfinity(value))
        {
            bits = (bits & 0x80000000u) | 0x7F7FFFFFu;
        }

        bits += 0x7FFFu + ((bits >> 16) & 1);
        return BitConverter.UInt32BitsToSingle(bits & 0xFFFF0000u);
    }
}
