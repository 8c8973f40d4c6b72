using System.Globalization;

namespace Lepton.Runtime.Tensors;

/// <summary>A bfloat16: the upper 16 bits of an f32. Storage only; compute in <see cref="float"/>.</summary>
/// <param name="Bits">Sign (1), exponent (8), fraction (7).</param>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The nearest bfloat16, ties to even; a NaN stays a (quiet) NaN.</summary>
    public static explicit operator BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);

        // Adding 0x7fff plus the lowest kept bit carries exactly when the dropped half is above one half, or is one half and the kept part is odd.
        return float.IsNaN(value)
            ? new((ushort)((bits >> 16) | 0x40))
            : new((ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>The nearest bfloat16, ties to even, rounded once.</summary>
    public static explicit operator BFloat16(double value)
    {
        // Round to odd on the way through f32, so that the second rounding sees whether anything was cut off.
        var near = (float)value;
        if (near != value && float.IsFinite(near) && (BitConverter.SingleToUInt32Bits(near) & 1) == 0)
        {
            near = Math.Abs((double)near) > Math.Abs(value)
                ? BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(near) - 1)
                : BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(near) + 1);
        }

        return (BFloat16)near;
    }

    /// <summary>The same value as f32; exact.</summary>
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);
}
