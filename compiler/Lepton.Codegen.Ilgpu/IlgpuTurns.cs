using System.Numerics;

namespace Lepton.Codegen.Ilgpu;

/// <summary>x = K turns + Rest + Low.</summary>
public struct IlgpuTurns
{
    public double Rest;
    public double Low;
    public long K;

    /// <summary>The three together.</summary>
    public static IlgpuTurns Of(double rest, double low, long k)
    {
        IlgpuTurns turns;
        turns.Rest = rest;
        turns.Low = low;
        turns.K = k;
        return turns;
    }

    /// <summary>The number of the first of four words that matter for an argument, of 64 zero bits and the bits of 2/π behind them.</summary>
    public static int FirstWord(double x) => (int)(Start(x) >> 6);

    /// <summary>
    /// Payne and Hanek's reduction of huge, infinite and nan arguments; a float is a double here. The mantissa times the window of 2/π whose first bit then
    /// weighs 2¹: two bits of quarter turns and 126 of a fraction, as high and low word.
    /// </summary>
    /// <param name="x">The argument.</param>
    /// <param name="turn">0: quarters; 1: halves; 2: halves, of x + π/2.</param>
    /// <param name="p0">π/2, and <paramref name="p1"/> what it lacks.</param>
    /// <param name="a">The words of 2/π from <see cref="FirstWord"/> on.</param>
    public static IlgpuTurns Huge(double x, int turn, double p0, double p1, long a, long b, long c, long d)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (bits >> 52) & 2047;
        var m = (ulong)((bits & ((1L << 52) - 1)) | (1L << 52));
        var offset = (int)(Start(x) & 63);
        var w0 = Window((ulong)a, (ulong)b, offset);
        var w1 = Window((ulong)b, (ulong)c, offset);
        var w2 = Window((ulong)c, (ulong)d, offset);
        var carried = High(m, w2);
        var low = unchecked((m * w1) + carried);
        var high = unchecked((m * w0) + High(m, w1) + (low < carried ? 1UL : 0UL));
        if (x < 0)
        {
            high = unchecked(~high + (low == 0 ? 1UL : 0UL));
            low = unchecked(0 - low);
        }

        high = turn == 2 ? unchecked(high + (1UL << 62)) : high;
        var shift = turn == 0 ? 62 : 63;
        var whole = unchecked(high + (turn == 0 ? 1UL << 61 : 1UL << 62)) >> shift;
        high = unchecked(high - (whole << shift));
        var isBelow = (long)high < 0;
        if (isBelow)
        {
            high = unchecked(~high + (low == 0 ? 1UL : 0UL));
            low = unchecked(0 - low);
        }

        // Its 53 leading bits and the 64 behind them, as doubles; then times π/2 in two parts.
        var zeros = high != 0 ? BitOperations.LeadingZeroCount(high) : 64 + BitOperations.LeadingZeroCount(low);
        zeros = zeros > 127 ? 127 : zeros;
        if (zeros >= 64)
        {
            high = low << (zeros - 64);
            low = 0;
        }
        else if (zeros > 0)
        {
            high = (high << zeros) | (low >> (64 - zeros));
            low <<= zeros;
        }

        var scale = BitConverter.Int64BitsToDouble((long)(972 - zeros) << 52);
        scale = isBelow ? -scale : scale;
        var leading = (double)(long)(high >> 11) * scale;
        var behind = (high << 53) | (low >> 11);

        // The 64 bits as two numbers of 32.
        var words = ((double)(long)(behind >> 32) * 4294967296.0) + (double)(long)(behind & 0xFFFFFFFF);
        var following = words * 5.421010862427522e-20 * scale; // 2^-64
        var product = leading * p0;
        var rest = ProductRest(leading, p0, product) + ((leading * p1) + (following * p0));
        var sum = product + rest;
        return exponent == 2047 ? Of(double.NaN, double.NaN, 0) : Of(sum, rest - (sum - product), (long)whole);
    }

    private static long Start(double x)
    {
        var start = ((BitConverter.DoubleToInt64Bits(x) >> 52) & 2047) - 1013;
        return start < 0 ? 0 : start;
    }

    private static ulong Window(ulong word, ulong next, int offset) => offset == 0 ? word : (word << offset) | (next >> (64 - offset));

    // The high word of a product, by halves.
    private static ulong High(ulong x, ulong y)
    {
        ulong x0 = x & 0xFFFFFFFF, x1 = x >> 32, y0 = y & 0xFFFFFFFF, y1 = y >> 32;
        var middle = (x1 * y0) + ((x0 * y0) >> 32);
        return (x1 * y1) + (middle >> 32) + (((middle & 0xFFFFFFFF) + (x0 * y1)) >> 32);
    }

    private static double Half(double x) => BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(x) & ~0x7FFFFFFL);

    // a b - product, but for some 2^-105 of it: Dekker, with halves cut by bits.
    private static double ProductRest(double a, double b, double product)
    {
        double ah = Half(a), bh = Half(b);
        double al = a - ah, bl = b - bh;
        return (((ah * bh) - product) + (ah * bl) + (al * bh)) + (al * bl);
    }
}
