using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Text;

/// <summary>A float of any type taken apart: value = ± Mantissa * 2^Exponent, exactly.</summary>
/// <param name="Value">The value; every element type fits into f64.</param>
/// <param name="Mantissa">With the hidden bit; 0 for zero.</param>
/// <param name="Exponent">Of the mantissa's lowest bit.</param>
/// <param name="NarrowBelow">The neighbour below is half as far as the one above: the value is a power of two.</param>
internal readonly record struct FloatParts(double Value, ulong Mantissa, int Exponent, bool NarrowBelow)
{
    internal bool Negative => double.IsNegative(Value);

    internal static unsafe FloatParts At(byte* data, long index, ElementType element) => element switch
    {
        ElementType.F64 => From(((double*)data)[index], BitConverter.DoubleToUInt64Bits(((double*)data)[index]), 52, 11),
        ElementType.F32 => From(((float*)data)[index], BitConverter.SingleToUInt32Bits(((float*)data)[index]), 23, 8),
        ElementType.F16 => From((double)((Half*)data)[index], BitConverter.HalfToUInt16Bits(((Half*)data)[index]), 10, 5),
        _ => From(((BFloat16*)data)[index], ((BFloat16*)data)[index].Bits, 7, 8),
    };

    private static FloatParts From(double value, ulong bits, int fractionBits, int exponentBits)
    {
        var fraction = bits & ((1UL << fractionBits) - 1);
        var exponent = (int)(bits >> fractionBits) & ((1 << exponentBits) - 1);
        var bias = (1 << (exponentBits - 1)) - 1 + fractionBits;
        return exponent == 0
            ? new(value, fraction, 1 - bias, false)
            : new(value, fraction | (1UL << fractionBits), exponent - bias, fraction == 0 && exponent > 1);
    }
}
