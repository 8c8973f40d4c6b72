using System.Numerics;
using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Conversion between element types, with the language's meaning of casts.</summary>
/// <remarks>
/// Float to integer saturates, NaN gives 0; integer to float rounds to nearest even, once; integer to narrower integer wraps; to bool: x != 0.
/// Every conversion goes through a short buffer of f64 (exact for every float type) or i64 (exact for every integer type).
/// </remarks>
public static unsafe class TensorConvert
{
    private const int Block = 512;

    /// <summary>A new tensor of the same shape with the elements cast. Dispose it.</summary>
    public static OwnedTensor ConvertTo(this Tensor tensor, ElementType element)
    {
        var result = new OwnedTensor(element, tensor.Shape, zeroed: false);
        using var from = tensor.Pin();
        using var to = result.Pin();
        if (tensor.Element == element)
        {
            Buffer.MemoryCopy(from.Pointer, to.Pointer, tensor.ByteLength, tensor.ByteLength);
            return result;
        }

        Span<double> floats = stackalloc double[Block];
        Span<long> integers = stackalloc long[Block];
        for (long at = 0; at < tensor.Length; at += Block)
        {
            var count = (int)Math.Min(Block, tensor.Length - at);
            var source = (byte*)from.Pointer + (at * tensor.Element.ByteSize());
            var target = (byte*)to.Pointer + (at * element.ByteSize());
            if (tensor.Element.IsFloat())
            {
                Load(source, tensor.Element, floats[..count]);
                Store(floats[..count], target, element);
            }
            else
            {
                Load(source, tensor.Element, integers[..count]);
                Store(integers[..count], target, element);
            }
        }

        return result;
    }

    /// <summary>A new tensor of the same elements in another shape.</summary>
    internal static OwnedTensor Reshaped(this Tensor tensor, params ReadOnlySpan<long> shape)
    {
        var result = new OwnedTensor(tensor.Element, shape, zeroed: false);
        using var from = tensor.Pin();
        using var to = result.Pin();
        Buffer.MemoryCopy(from.Pointer, to.Pointer, result.ByteLength, tensor.ByteLength);
        return result;
    }

    /// <summary>Reads elements of a float type.</summary>
    internal static void Load(byte* source, ElementType element, Span<double> target)
    {
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = element switch
            {
                ElementType.F64 => ((double*)source)[i],
                ElementType.F32 => ((float*)source)[i],
                ElementType.F16 => (double)((Half*)source)[i],
                _ => ((BFloat16*)source)[i],
            };
        }
    }

    /// <summary>Reads elements of an integer type or bool.</summary>
    internal static void Load(byte* source, ElementType element, Span<long> target)
    {
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = element switch
            {
                ElementType.I64 => ((long*)source)[i],
                ElementType.I32 => ((int*)source)[i],
                ElementType.I16 => ((short*)source)[i],
                ElementType.I8 => ((sbyte*)source)[i],
                ElementType.U8 => source[i],
                _ => source[i] != 0 ? 1 : 0,
            };
        }
    }

    /// <summary>Writes f64 values as elements of any type.</summary>
    internal static void Store(ReadOnlySpan<double> source, byte* target, ElementType element)
    {
        for (var i = 0; i < source.Length; i++)
        {
            var value = source[i];
            switch (element)
            {
                case ElementType.F64:
                    ((double*)target)[i] = value;
                    break;
                case ElementType.F32:
                    ((float*)target)[i] = (float)value;
                    break;
                case ElementType.F16:
                    ((Half*)target)[i] = (Half)value;
                    break;
                case ElementType.BF16:
                    ((BFloat16*)target)[i] = (BFloat16)value;
                    break;
                case ElementType.I64:
                    ((long*)target)[i] = Saturate<long>(value);
                    break;
                case ElementType.I32:
                    ((int*)target)[i] = Saturate<int>(value);
                    break;
                case ElementType.I16:
                    ((short*)target)[i] = Saturate<short>(value);
                    break;
                case ElementType.I8:
                    ((sbyte*)target)[i] = Saturate<sbyte>(value);
                    break;
                case ElementType.U8:
                    target[i] = Saturate<byte>(value);
                    break;
                default:
                    target[i] = (byte)(value != 0 ? 1 : 0);
                    break;
            }
        }
    }

    /// <summary>Writes i64 values as elements of any type.</summary>
    internal static void Store(ReadOnlySpan<long> source, byte* target, ElementType element)
    {
        for (var i = 0; i < source.Length; i++)
        {
            var value = source[i];
            switch (element)
            {
                case ElementType.F64:
                    ((double*)target)[i] = value;
                    break;
                case ElementType.F32:
                    ((float*)target)[i] = value;
                    break;
                case ElementType.F16:
                    ((Half*)target)[i] = (Half)(double)value; // exact in f64 up to far beyond the largest f16
                    break;
                case ElementType.BF16:
                    ((BFloat16*)target)[i] = (BFloat16)(double)Sticky(value);
                    break;
                case ElementType.I64:
                    ((long*)target)[i] = value;
                    break;
                case ElementType.I32:
                    ((int*)target)[i] = unchecked((int)value);
                    break;
                case ElementType.I16:
                    ((short*)target)[i] = unchecked((short)value);
                    break;
                case ElementType.I8:
                    ((sbyte*)target)[i] = unchecked((sbyte)value);
                    break;
                case ElementType.U8:
                    target[i] = unchecked((byte)value);
                    break;
                default:
                    target[i] = (byte)(value != 0 ? 1 : 0);
                    break;
            }
        }
    }

    private static T Saturate<T>(double value)
        where T : INumberBase<T> => double.IsNaN(value) ? T.Zero : T.CreateSaturating(value);

    // Keeps 53 bits with the lowest standing for all that is cut off, so that the rounding to bfloat16 after it is the only one.
    private static long Sticky(long value) =>
        value is > -(1L << 53) and < 1L << 53 ? value : ((value >> 11) | ((value & 0x7ff) != 0 ? 1L : 0)) << 11;
}
