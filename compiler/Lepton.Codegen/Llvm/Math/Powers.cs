using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>pow and cbrt.  |x|^y = 2^(y log₂ |x|): the product needs 11 bits more than a double has, or, for f32, all of a double's.</summary>
internal static class Powers
{
    // 2 atanh(s) / ln 2 = s p(s²); error 2^-36.
    private static readonly double[] RoughLog2 = [2.8853900817901468, 0.961796673275945, 0.5770835961623957, 0.4116721099790822, 0.3407404556983876];

    // 2^r = 1 + r p(r) on ±1/2; error 2^-34.
    private static readonly double[] RoughExp2 =
    [
        0.69314718070458, 0.24022651066610964, 0.055504103658865114, 0.009618038124698242, 0.0013333935118791343, 0.00015466758856714388,
        1.5196147058530988e-05,
    ];

    // 2 atanh(s) = 2s + s³ (2/3 + s² p(s²)); error 2^-73.
    private static readonly double[] FineAtanh =
    [
        0.3999999999999998, 0.2857142857144511, 0.22222222217536355, 0.18181818870328192, 0.153845568701071, 0.13336317451242485, 0.11674817900924297,
        0.11989017811383448,
    ];

    public static Flt Pow(MathBody b, Flt x, Flt y)
    {
        var a = b.Abs(x);
        var power = b.Single ? PowerOfFloat(b, a, y) : PowerOfDouble(b, a, y);
        power = b.Select(a.Is(0), b.Select(y < 0, double.PositiveInfinity, 0.0), power);
        power = b.Select(a.Is(double.PositiveInfinity), b.Select(y < 0, 0.0, double.PositiveInfinity), power);

        // The sign of x counts when y is odd; a negative finite x with a y that is not integral has no power.
        var whole = Rounding.Trunc(b, y);
        var half = y * 0.5;
        var odd = whole.Is(y) & Rounding.Trunc(b, half).IsNot(half);
        var none = (x < 0) & whole.IsNot(y) & (x > double.NegativeInfinity);
        power = b.FlipSign(power, b.Select(odd, b.SignBit(x), b.I(0)));
        power = b.Select(none, double.NaN, power);

        // nan in, nan out, but 1^y = x^0 = 1 whatever the other is; (-1)^±inf = 1.
        power = b.Select(b.Compare("uno", x, y), double.NaN, power);
        var one = x.Is(1) | y.Is(0) | (x.Is(-1) & b.Abs(y).Is(double.PositiveInfinity));
        return b.Select(one, 1, power);
    }

    /// <summary>A guess by a third of the bits, two steps of Halley's, and one of Newton's whose square is exact.</summary>
    public static Flt Cbrt(MathBody b, Flt x)
    {
        var plain = b.Single ? b.Widen(b.Abs(x)) : b.Abs(x);
        var w = plain.Body;
        var a = plain;
        if (!b.Single)
        {
            // By 2^±54, so that neither the cubes nor their differences leave the range.
            var up = w.Select(plain < 1e-290, 18014398509481984.0, w.Select(plain > 1e290, 5.551115123125783e-17, w.F(1)));
            a = plain * up;
        }

        // The high word h of a double is near 2^20 (log₂ + 1023): h/3 + 2/3 of the bias, with the best offset for a line through it.
        var two52 = 4503599627370496.0;
        var word = w.FromBits((w.BitsOf(a) >>> 32) | 0x4330000000000000L) - two52;
        var third = w.MulAdd(word, 1.0 / 3, two52 + 715094163.0);
        var t = w.FromBits(w.BitsOf(third) << 32);
        for (var step = 0; step < 2; step++)
        {
            var cube = t * t * t;
            t = t * (w.MulAdd(a, 0.5, cube * 0.25) / w.MulAdd(cube, 0.5, a * 0.25)); // (2a + t³) / (2t³ + a), quartered for the largest a
        }

        if (!b.Single)
        {
            t = w.FromBits(w.BitsOf(t) & ~0x7FFFFFFL);
            var quotient = a / (t * t);
            t += t * ((quotient - t) / ((t + t) + quotient));
            t *= w.Select(plain < 1e-290, 3.814697265625e-06, w.Select(plain > 1e290, 262144.0, w.F(1))); // 2^∓18
        }

        var root = b.CopySign(b.Single ? b.Narrow(t) : t, x);
        var ordinary = (b.Abs(x) > 0) & (b.Abs(x) < double.PositiveInfinity);
        return b.Select(ordinary, root, x);
    }

    // a^y for f32 by doubles, in which no power of floats of interest overflows on the way.
    private static Flt PowerOfFloat(MathBody b, Flt a, Flt y)
    {
        var w = b.As(ElementType.F64);
        var (k, f) = Logarithms.Split(w, b.Widen(a));
        var s = f / (f + 2);
        var log = w.MulAdd(s, w.Polynomial(s * s, RoughLog2), k);
        var e = w.AtMost(w.AtLeast(b.Widen(y) * log, -200), 200);
        var sum = e + w.RoundingMagic;
        var r = e - (sum - w.RoundingMagic);
        return b.Narrow(Exponentials.Scale(w, w.MulAdd(r, w.Polynomial(r, RoughExp2), 1), w.BitsOf(sum)));
    }

    // Every quantity that counts is a sum high + low of two doubles.
    private static Flt PowerOfDouble(MathBody b, Flt a, Flt y)
    {
        var (k, f) = Logarithms.Split(b, a);

        // s = f / (2 + f)
        var (d, dLow) = MathBody.FastSum(b.F(2), f);
        var s = f / d;
        var sLow = (b.Fma(-s, d, f) - (s * dLow)) / d;

        // z = s², cubic = 2/3 + z p(z), log(1 + f) = 2s + s z cubic
        var (z, zLost) = b.Product(s, s);
        var zLow = b.MulAdd(s + s, sLow, zLost);
        var more = z * b.Polynomial(z, FineAtanh);
        var (c, cLost) = MathBody.FastSum(b.F(0.6666666666666666), more);
        var cLow = cLost + 3.700743415417188e-17;
        var (sz, szLost) = b.Product(s, z);
        var szLow = b.MulAdd(s, zLow, b.MulAdd(sLow, z, szLost));
        var (p, pLost) = b.Product(sz, c);
        var pLow = b.MulAdd(sz, cLow, b.MulAdd(szLow, c, pLost));
        var (l, lLost) = MathBody.FastSum(s * 2.0, p);
        var lLow = lLost + (b.MulAdd(sLow, 2.0, pLow));

        // log₂ a = k + log / ln 2
        var (g, gLost) = b.Product(l, b.F(1.4426950408889634));
        var gLow = b.MulAdd(l, 2.0355273740931033e-17, b.MulAdd(lLow, 1.4426950408889634, gLost));
        var (h, hLost) = MathBody.FastSum(k, g);
        var hLow = hLost + gLow;

        // y times it; far outside, only the first part counts. (Any y beyond 1e30 is as good as that: |log₂ a| is 0 or more than 1e-16.)
        y = b.AtMost(b.AtLeast(y, -1e30), 1e30);
        var (e, eLost) = b.Product(y, h);
        var eLow = b.MulAdd(y, hLow, eLost);
        var inside = b.Abs(e) < 1100;
        eLow = b.Select(inside, eLow, 0);
        e = b.AtMost(b.AtLeast(e, -1100), 1100);
        var sum = e + b.RoundingMagic;
        var fraction = (e - (sum - b.RoundingMagic)) + eLow;
        return Exponentials.Scale(b, Exponentials.Exp2OfFraction(b, fraction), b.BitsOf(sum));
    }
}
