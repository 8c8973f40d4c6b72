using System.Numerics;

namespace Lepton.Tests.Codegen;

/// <summary>A number of 320 bits, m 2^e, and the elementary functions on it by their series: the reference for f64.</summary>
internal readonly record struct BigReal(BigInteger M, int E)
{
    private const int Bits = 320;

    public static readonly BigReal One = new(BigInteger.One, 0);
    public static readonly BigReal Zero = new(BigInteger.Zero, 0);

    // Machin, and the series of atanh.
    public static readonly BigReal Pi = Wide(() => (Small(16) * AtanOfInverse(5)) - (Small(4) * AtanOfInverse(239)));
    public static readonly BigReal Ln2 = Small(2) * AtanhSeries(One / Small(3));

    // For arguments up to 2^1023: π with 1,500 bits.
    [ThreadStatic]
    private static int _extra;

    public static BigReal Small(long value) => new(value, 0);

    public static BigReal Of(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (int)((bits >> 52) & 0x7FF);
        var fraction = bits & ((1L << 52) - 1);
        var m = exponent == 0 ? fraction : fraction | (1L << 52);
        return new BigReal(x < 0 ? -m : m, System.Math.Max(exponent, 1) - 1075);
    }

    public static BigReal operator +(BigReal a, BigReal b)
    {
        if (a.M.IsZero || b.M.IsZero)
        {
            return a.M.IsZero ? b : a;
        }

        var (high, low) = a.E >= b.E ? (a, b) : (b, a);
        return high.E - low.E > 8000 ? high : Round((high.M << (high.E - low.E)) + low.M, low.E);
    }

    public static BigReal operator -(BigReal a) => new(-a.M, a.E);

    public static BigReal operator -(BigReal a, BigReal b) => a + -b;

    public static BigReal operator *(BigReal a, BigReal b) => Round(a.M * b.M, a.E + b.E);

    public static BigReal operator /(BigReal a, BigReal b)
    {
        var shift = Bits + _extra + (int)b.M.GetBitLength() + 8;
        return Round((a.M << shift) / b.M, a.E - shift - b.E);
    }

    /// <summary>The power of two at or below the magnitude.</summary>
    public int Exponent => (int)BigInteger.Abs(M).GetBitLength() - 1 + E;

    public int Sign => M.Sign;

    public BigReal Abs() => new(BigInteger.Abs(M), E);

    public BigReal Times2(int power) => new(M, E + power);

    public double ToDouble()
    {
        var shift = System.Math.Max((int)BigInteger.Abs(M).GetBitLength() - 60, 0);
        return System.Math.ScaleB((double)(M >> shift), E + shift);
    }

    public BigInteger Nearest() => E >= 0 ? M << E : (((M >> (-E - 1)) + 1) >> 1);

    public BigReal Sqrt()
    {
        var shift = 2 * Bits + ((E & 1) == 0 ? 0 : 1);
        var n = M << shift;
        var x = BigInteger.One << (int)((n.GetBitLength() + 1) / 2 + 1);
        while (true)
        {
            var next = (x + (n / x)) >> 1;
            if (next >= x)
            {
                return Round(x, (E - shift) / 2);
            }

            x = next;
        }
    }

    public static BigReal Exp(BigReal x)
    {
        var k = (x / Ln2).Nearest();
        var r = (x - (new BigReal(k, 0) * Ln2)).Times2(-12);
        var (sum, term) = (One, One);
        for (var n = 1; n < 40; n++)
        {
            term = term * r / Small(n);
            sum += term;
        }

        for (var i = 0; i < 12; i++)
        {
            sum *= sum;
        }

        return sum.Times2((int)k);
    }

    /// <summary>2^k (1 + f): k ln 2 + 2 atanh(f / (2 + f)) with 1 + f between about ¾ and 1½.</summary>
    public static BigReal Log(BigReal x)
    {
        var k = x.Exponent;
        var m = x.Times2(-k);
        if ((m - Small(3).Times2(-1)).Sign > 0)
        {
            (k, m) = (k + 1, m.Times2(-1));
        }

        return (Small(k) * Ln2) + (Small(2) * AtanhSeries((m - One) / (m + One)));
    }

    public static (BigReal Sin, BigReal Cos) SinCos(BigReal x) => Wide(() =>
    {
        var half = Pi.Times2(-1);
        var k = (x / half).Nearest();
        var r = (x - (new BigReal(k, 0) * half)).Times2(-6);
        var z = r * r;
        var (sin, cos, term) = (Zero, Zero, One);
        for (var n = 0; n < 50; n++)
        {
            cos += n % 2 == 0 ? term : -term;
            term = term * r / Small((2 * n) + 1);
            sin += n % 2 == 0 ? term : -term;
            term = term * r / Small((2 * n) + 2);
        }

        for (var i = 0; i < 6; i++)
        {
            (sin, cos) = (sin * cos * Small(2), (cos * cos) - (sin * sin));
        }

        return (int)(((k % 4) + 4) % 4) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    });

    /// <summary>atan x, halved four times by x / (1 + √(1 + x²)), then its series.</summary>
    public static BigReal Atan(BigReal x)
    {
        for (var i = 0; i < 4; i++)
        {
            x /= One + (One + (x * x)).Sqrt();
        }

        var (sum, term, z) = (Zero, x, x * x);
        for (var n = 0; n < 90 && !term.M.IsZero; n++)
        {
            sum += (n % 2 == 0 ? term : -term) / Small((2 * n) + 1);
            term *= z;
        }

        return sum.Times2(4);
    }

    /// <summary>erf x = 2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!</summary>
    public static BigReal Erf(BigReal x)
    {
        var (sum, term, z) = (Zero, x, x * x);
        for (var n = 1; n < 600 && (term.M.IsZero ? -10000 : term.Exponent) > sum.Exponent - Bits; n++)
        {
            sum += term;
            term = term * z * Small(2) / Small((2 * n) + 1);
        }

        return sum * Small(2) / Pi.Sqrt() * Exp(-z);
    }

    private static BigReal AtanhSeries(BigReal s)
    {
        var (sum, term, z) = (Zero, s, s * s);
        for (var n = 0; n < 400 && !term.M.IsZero && (sum.M.IsZero || term.Exponent > sum.Exponent - Bits - 8); n++)
        {
            sum += term / Small((2 * n) + 1);
            term *= z;
        }

        return sum;
    }

    private static BigReal AtanOfInverse(long n)
    {
        var (sum, term) = (Zero, One / Small(n));
        for (var i = 0; i < 500; i++)
        {
            sum += (i % 2 == 0 ? term : -term) / Small((2 * i) + 1);
            term /= Small(n * n);
        }

        return sum;
    }

    private static T Wide<T>(Func<T> compute)
    {
        _extra = 1200;
        try
        {
            return compute();
        }
        finally
        {
            _extra = 0;
        }
    }

    private static BigReal Round(BigInteger m, int e)
    {
        var extra = (int)BigInteger.Abs(m).GetBitLength() - (Bits + _extra);
        return extra > 0 ? new BigReal(m >> extra, e + extra) : new BigReal(m, e);
    }
}
