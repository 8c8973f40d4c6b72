using ILGPU;
using Lepton.Abi;

namespace Lepton.Codegen.Ilgpu;

/// <summary>
/// What emitted kernels call on the device. ILGPU reads these methods as IL, so they keep to what it knows: static methods, numbers, structs, views;
/// nothing of .NET that it has no counterpart for. Public, because the kernels lie in an assembly of their own.
/// </summary>
public static class IlgpuSupport
{
    private const long Fraction = (1L << 52) - 1;

    /// <summary>The number of the chunk that a work-item runs.</summary>
    public static long Chunk(Index1D index, long first) => first + index.X;

    /// <summary>A piece of the memory that work-items have besides their buffers.</summary>
    /// <param name="scratch">That of all work-items.</param>
    /// <param name="start">Where the piece starts, in bytes.</param>
    /// <param name="bytes">Its size.</param>
    public static ArrayView<T> Piece<T>(ArrayView<byte> scratch, long start, long bytes)
        where T : unmanaged => scratch.SubView(start, bytes).Cast<T>();

    /// <summary>
    /// Keeps the report with the smallest (site, element) in { lock, error, site, element, value, bound }. Who holds the lock gives it back in the same
    /// round, so that work-items that run in step with it are not held up for ever.
    /// </summary>
    public static void Fail(ArrayView<long> report, long site, long element, long value, long bound)
    {
        var isDone = false;
        while (!isDone)
        {
            if (Atomic.CompareExchange(ref report[0], 0L, 1L) == 0)
            {
                MemoryFence.DeviceLevel();
                if (report[1] == 0 || site < report[2] || (site == report[2] && element < report[3]))
                {
                    report[1] = (long)NativeError.IndexOutOfRange;
                    report[2] = site;
                    report[3] = element;
                    report[4] = value;
                    report[5] = bound;
                }

                MemoryFence.DeviceLevel();
                Atomic.Exchange(ref report[0], 0L);
                isDone = true;
            }
        }
    }

    /// <summary>Saturates; nan gives 0.</summary>
    public static int ToInt32(float x) => x >= 2147483648f ? int.MaxValue : x > -2147483648f ? (int)x : x <= -2147483648f ? int.MinValue : 0;

    /// <inheritdoc cref="ToInt32(float)"/>
    public static int ToInt32(double x) => x >= 2147483648.0 ? int.MaxValue : x > -2147483648.0 ? (int)x : x <= -2147483648.0 ? int.MinValue : 0;

    /// <inheritdoc cref="ToInt32(float)"/>
    public static long ToInt64(float x) =>
        x >= 9223372036854775808f ? long.MaxValue : x > -9223372036854775808f ? (long)x : x <= -9223372036854775808f ? long.MinValue : 0;

    /// <inheritdoc cref="ToInt32(float)"/>
    public static long ToInt64(double x) =>
        x >= 9223372036854775808.0 ? long.MaxValue : x > -9223372036854775808.0 ? (long)x : x <= -9223372036854775808.0 ? long.MinValue : 0;

    /// <summary>
    /// f16, as bits, to f32. Exponent and mantissa at their f32 places are the value times 2^-112, subnormals too; inf and nan keep all exponent bits.
    /// </summary>
    public static float FromHalf(int bits)
    {
        var magnitude = (bits & 0x7FFF) << 13;
        var sign = (bits & 0x8000) << 16;
        var finite = BitConverter.SingleToInt32Bits(BitConverter.Int32BitsToSingle(magnitude) * 5.192296858534828e33f); // 2^112
        return BitConverter.Int32BitsToSingle((magnitude >= 0x0F800000 ? magnitude | 0x7F800000 : finite) | sign);
    }

    /// <summary>The bits of the nearest f16, half to even.</summary>
    public static int ToHalf(float x)
    {
        var bits = BitConverter.SingleToInt32Bits(x);
        var magnitude = bits & 0x7FFFFFFF;
        int half;
        if (magnitude >= 0x47800000)
        {
            half = magnitude > 0x7F800000 ? 0x7E00 : 0x7C00;
        }
        else if (magnitude < 0x38800000)
        {
            // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
            half = BitConverter.SingleToInt32Bits(BitConverter.Int32BitsToSingle(magnitude) + 0.5f) - 0x3F000000;
        }
        else
        {
            // Half a unit of the kept mantissa less one, plus its last bit; the exponent of another bias; 13 bits fewer.
            half = (magnitude - 0x37FFF001 + ((magnitude >> 13) & 1)) >> 13;
        }

        return (short)(half | ((bits >> 16) & 0x8000));
    }

    /// <summary>bf16, as bits, to f32.</summary>
    public static float FromBrain(int bits) => BitConverter.Int32BitsToSingle(bits << 16);

    /// <summary>The bits of the nearest bf16, half to even.</summary>
    public static int ToBrain(float x)
    {
        var bits = (uint)BitConverter.SingleToInt32Bits(x);
        return float.IsNaN(x) ? (short)((bits >> 16) | 0x40) : (short)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>
    /// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011): the same words as Lepton.Graphs.Philox. The counter's four words as two numbers, low word
    /// first; so are the first two words of the result.
    /// </summary>
    public static long Philox(long key, long counter01, long counter23)
    {
        var (a, b) = ((uint)counter01, (uint)((ulong)counter01 >> 32));
        var (c, d) = ((uint)counter23, (uint)((ulong)counter23 >> 32));
        var (key0, key1) = ((uint)key, (uint)((ulong)key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var product0 = 0xD2511F53UL * a;
            var product1 = 0xCD9E8D57UL * c;
            a = (uint)(product1 >> 32) ^ b ^ key0;
            b = (uint)product1;
            c = (uint)(product0 >> 32) ^ d ^ key1;
            d = (uint)product0;
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }

        return (long)(a | ((ulong)b << 32));
    }

    /// <summary>
    /// Floors; by 0 it is 0; wraps. ILGPU divides constants when it compiles, also where the division would not be reached: it never sees a 0 or -1.
    /// </summary>
    public static int Divide(int x, int y)
    {
        var divisor = y == 0 || y == -1 ? 1 : y;
        var quotient = x / divisor;
        var rest = x - (quotient * divisor);
        quotient = rest != 0 && (rest ^ divisor) < 0 ? quotient - 1 : quotient;
        return y == 0 ? 0 : y == -1 ? -x : quotient;
    }

    /// <inheritdoc cref="Divide(int, int)"/>
    public static long Divide(long x, long y)
    {
        var divisor = y == 0 || y == -1 ? 1 : y;
        var quotient = x / divisor;
        var rest = x - (quotient * divisor);
        quotient = rest != 0 && (rest ^ divisor) < 0 ? quotient - 1 : quotient;
        return y == 0 ? 0 : y == -1 ? -x : quotient;
    }

    /// <summary>The sign is the divisor's; by 0 it is 0.</summary>
    public static int Remainder(int x, int y)
    {
        var divisor = y == 0 || y == -1 ? 1 : y;
        var rest = x % divisor;
        return rest != 0 && (rest ^ divisor) < 0 ? rest + divisor : rest;
    }

    /// <inheritdoc cref="Remainder(int, int)"/>
    public static long Remainder(long x, long y)
    {
        var divisor = y == 0 || y == -1 ? 1 : y;
        var rest = x % divisor;
        return rest != 0 && (rest ^ divisor) < 0 ? rest + divisor : rest;
    }

    /// <summary>x mod y, exactly, for numbers that are not negative: long division of the mantissas, ten bits a step.</summary>
    public static double Remainder(double x, double y)
    {
        if (double.IsNaN(x) || double.IsNaN(y) || x > double.MaxValue || y == 0)
        {
            return double.NaN;
        }

        if (x < y)
        {
            return x;
        }

        var (bits, other) = (BitConverter.DoubleToInt64Bits(x), BitConverter.DoubleToInt64Bits(y));
        long ex = bits >> 52, ey = other >> 52;
        var rest = ex == 0 ? bits & Fraction : (bits & Fraction) | (Fraction + 1);
        var divisor = ey == 0 ? other & Fraction : (other & Fraction) | (Fraction + 1);
        divisor = divisor == 0 ? 1 : divisor; // see Divide
        ey = ey == 0 ? 1 : ey;
        var left = (ex == 0 ? 1 : ex) - ey;
        do
        {
            var step = left < 10 ? left : 10;
            rest = (rest << (int)step) % divisor;
            left -= step;
        }
        while (left > 0);

        // In two steps, because 2^e alone may be below every double.
        var e = ey - 1075;
        var half = e >> 1;
        return rest * BitConverter.Int64BitsToDouble((half + 1023) << 52) * BitConverter.Int64BitsToDouble((e - half + 1023) << 52);
    }
}
