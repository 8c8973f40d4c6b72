namespace Lepton.Codegen.Llvm.Math;

/// <summary>log and kin:  log x = k ln 2 + log(1 + f),  x = 2^k (1 + f),  √½ ≤ 1 + f &lt; √2.</summary>
internal static class Logarithms
{
    // log(1 + f) = f - f²/2 + f³ p(f); error 2^-30.
    private static readonly double[] LogF32 =
    [
        0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219553768634796, -0.12405586987733841,
        0.11888158321380615, -0.11675649881362915, 0.0674663633108139,
    ];

    // 2 atanh(s) = 2s + s³ p(s²), s = f / (2 + f); error 2^-59.
    private static readonly double[] AtanhF64 =
    [
        0.6666666666666734, 0.39999999999414343, 0.2857142874247136, 0.22222198563735626, 0.18183564858891618, 0.15314035909787893, 0.14796105847937446,
    ];

    public static Flt Log(MathBody b, Flt x)
    {
        var (k, f) = Split(b, x);
        return Special(b, x, Sum(b, k, f, null));
    }

    /// <summary>log(1 + x) = log(u) + c / u,  u = 1 + x rounded, c what the rounding lost.</summary>
    public static Flt Log1p(MathBody b, Flt x)
    {
        var u = x + 1;
        var (k, f) = Split(b, u);
        var lost = b.Select(x > 1, 1 - (u - x), x - (u - 1)) / u;
        var near = k.Is(0);
        f = b.Select(near, x, f);
        lost = b.Select(near, 0, lost);
        return b.Select(b.Abs(x) < b.Pick(3e-8, 1e-16), x, Special(b, u, Sum(b, k, f, lost)));
    }

    public static Flt Log2(MathBody b, Flt x)
    {
        // log₂ x = k + log(1 + f) / ln 2, with 1 / ln 2 in two parts.
        var (k, f) = Split(b, x);
        var log = Sum(b, b.F(0), f, null);
        var high = b.Pick(1.44269502162933349609375, 1.4426950408889634);
        var low = b.Pick(1.92596299112661746887e-8, 2.0355273740931033e-17);
        var near = b.MulAdd(log, high, log * low);
        return Special(b, x, k + near);
    }

    public static Flt Log10(MathBody b, Flt x)
    {
        // log₁₀ x = k log₁₀ 2 + log(1 + f) / ln 10; the first part of log₁₀ 2 has few bits, so k times it is exact.
        var (k, f) = Split(b, x);
        var log = Sum(b, b.F(0), f, null);
        var high = b.Pick(0.4342944920063018798828125, 0.4342944819032518);
        var low = b.Pick(-1.010305014616205e-8, 1.098319650216765e-17);
        var near = b.MulAdd(k, b.Pick(4.6050389811952137e-6, 3.69423907715893078616e-13), b.MulAdd(log, high, log * low));
        return Special(b, x, b.MulAdd(k, b.Pick(0.301025390625, 3.01029995663611771306e-01), near));
    }

    /// <summary>x = 2^k (1 + f) for positive x, subnormal ones included; k is integral.</summary>
    public static (Flt K, Flt F) Split(MathBody b, Flt x)
    {
        var small = x < b.SmallestNormal;
        var up = b.Pick(33554432.0, 18014398509481984.0); // 2^25, 2^54
        x = b.Select(small, x * up, x);
        var one = b.Bias << b.MantissaBits;
        var root = b.Single ? 0x3F3504F3L : 0x3FE6A09E667F3BCDL; // bits of √½
        var shifted = b.BitsOf(x) + (one - root);
        var exponent = shifted >>> b.MantissaBits;

        // A small non-negative integer becomes a float by putting it into the low bits of 2^(mantissa bits).
        var two = b.Pick(8388608.0, 4503599627370496.0);
        var magic = b.FromBits(exponent | (b.Single ? 0x4B000000L : 0x4330000000000000L));
        var k = magic - b.Select(small, two + b.Bias + b.Pick(25, 54), two + b.Bias);
        var mantissa = b.FromBits((shifted & ((1L << b.MantissaBits) - 1)) + root);
        return (k, mantissa - 1);
    }

    // k ln 2 + log(1 + f) + extra
    private static Flt Sum(MathBody b, Flt k, Flt f, Flt? extra)
    {
        var half = f * f * 0.5;
        Flt rest;
        if (b.Single)
        {
            rest = f * f * f * b.Polynomial(f, LogF32);
        }
        else
        {
            var s = f / (f + 2);
            var z = s * s;
            rest = s * (half + (z * b.Polynomial(z, AtanhF64)));
        }

        var low = b.MulAdd(k, b.Pick(-2.12194440e-4, 1.90821492927058770002e-10), rest);
        if (extra is { } e)
        {
            low += e;
        }

        // f32: (f - half) loses nothing that matters once rest is added to -half first.
        return b.MulAdd(k, b.Pick(0.693359375, 6.93147180369123816490e-01), f - (half - low));
    }

    // log 0 = -inf, log of negatives = nan, log inf = inf, log nan = nan.
    private static Flt Special(MathBody b, Flt x, Flt log)
    {
        var edge = b.Select(x < 0, double.NaN, b.Select(x.Is(0), double.NegativeInfinity, x));
        var ordinary = (x > 0) & (x < double.PositiveInfinity);
        return b.Select(ordinary, log, edge);
    }
}
