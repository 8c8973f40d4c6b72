using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>
/// exp and kin:  e^x = 2^k * e^r,  k = round(x / ln 2),  r = x - k ln 2.
/// Coefficients here and in the files beside: minimax fits of relative error (Remez exchange, computed with 240 bits), then rounded.
/// </summary>
internal static class Exponentials
{
    private const double Log2E = 1.4426950408889634;

    // e^r = 1 + r (1 + r q(r)) on ±ln2/2; errors 2^-28 and 2^-57.9.
    private static readonly double[] ExpF32 =
        [0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.008368716575205326, 0.0013814626727253199];

    private static readonly double[] ExpF64 =
    [
        0.5000000000000011, 0.16666666666666413, 0.041666666666530155, 0.008333333333494399, 0.0013888888943631085, 0.00019841269506688846,
        2.4801493097828538e-05, 2.755758629088442e-06, 2.763024879588082e-07, 2.500008442577437e-08,
    ];

    // 2^r = 1 + r q(r) on ±1/2; errors 2^-29 and 2^-64.
    private static readonly double[] Exp2F32 =
        [0.6931471824645996, 0.24022647738456726, 0.055503323674201965, 0.00961843691766262, 0.0013398876180872321, 0.00015353367780335248];

    private static readonly double[] Exp2F64 =
    [
        0.6931471805599453, 0.24022650695910072, 0.05550410866482169, 0.00961812910762833, 0.0013333558146392686, 0.00015403530393640752,
        1.5252733854324348e-05, 1.321548659490167e-06, 1.0178051939161175e-07, 7.054974477218448e-09, 4.456570969391497e-10, 2.56254281953419e-11,
    ];

    /// <summary>
    /// Where no result leaves the normal numbers, 2^k is an addition to the exponent; a vector with a lane near 0 or inf, with an inf or a nan
    /// takes the careful way.
    /// </summary>
    public static Flt Exp(MathBody b, Flt x)
    {
        var (bits, r) = Reduce(b, x);
        var usual = b.FromBits(b.BitsOf(OfFraction(b, r)) + (bits << b.MantissaBits));
        return b.Rarely(b.Compare("uge", b.Abs(x), b.F(UsualBelow(b.Type))), usual, () => Exp(b, x, scale: 0));
    }

    /// <summary>The magnitude of x below which e^x and what leads to it are normal numbers.</summary>
    public static double UsualBelow(ElementType type) => type == ElementType.F32 ? 86 : 707;

    /// <summary>e^x for results that are known to be normal numbers, or nan.</summary>
    public static Flt ExpOfNormalResult(MathBody b, Flt x)
    {
        var (bits, r) = Reduce(b, x);
        return OfFraction(b, r) * Pow2(b, bits);
    }

    /// <summary>e^x * 2^scale; neither overflows before the result does.</summary>
    public static Flt Exp(MathBody b, Flt x, int scale)
    {
        // Beyond these the result is inf or 0, which the scaling makes by itself; nan passes.
        x = b.AtMost(b.AtLeast(x, b.Pick(-106, -748)), b.Pick(90, 711));
        var (bits, r) = Reduce(b, x);
        return Scale(b, OfFraction(b, r), scale == 0 ? bits : bits + scale);
    }

    public static Flt Exp2(MathBody b, Flt x)
    {
        x = b.AtMost(b.AtLeast(x, b.Pick(-152, -1077)), b.Pick(129, 1025));
        var sum = x + b.RoundingMagic;
        return Scale(b, Exp2OfFraction(b, x - (sum - b.RoundingMagic)), b.BitsOf(sum));
    }

    /// <summary>2^r for |r| ≤ 1/2.</summary>
    public static Flt Exp2OfFraction(MathBody b, Flt r) => b.MulAdd(r, b.Polynomial(r, b.Pick(Exp2F32, Exp2F64)), 1);

    /// <summary>e^x - 1 = 2^k (e^r - 1) + (2^k - 1)</summary>
    public static Flt Expm1(MathBody b, Flt x)
    {
        // Below the lower bound the result is -1 to the last bit; above the upper one k would be too large for an exponent, and the result is inf.
        var inside = b.AtMost(b.AtLeast(x, b.Pick(-20, -40)), b.Pick(88.9, 709.9));
        var (bits, r, low) = ReduceTwice(b, inside);
        var tail = b.MulAdd(r * r, b.Polynomial(r, b.Pick(ExpF32, ExpF64)), low);
        var half = Pow2(b, bits - 1); // 2^(k - 1), for 2^k may overflow where the result does not

        // ((2^k - 1) + 2^k r) + 2^k tail, halved: the first sum is where bits cancel, so what it loses is carried along.
        // Its first part is 0 or the larger: |r| ≤ 0.35 < |1 - 2^-k| for k ≠ 0.
        var (high, rest) = MathBody.FastSum(half - 0.5, half * r);
        var sum = (high + b.MulAdd(half, tail, rest)) * 2;
        return b.Select(b.Abs(x) < b.Pick(3e-8, 1e-16), x, sum);
    }

    /// <summary>
    /// p * 2^k in two steps, so that a result below the normal range is rounded once and one above it is inf. <paramref name="bits"/> are
    /// those of k + magic, whose low bits are k, and of half of which the low bits are half of k.
    /// </summary>
    public static Flt Scale(MathBody b, Flt p, Int bits)
    {
        var half = bits >>> 1;
        return p * Pow2(b, half) * Pow2(b, bits - half);
    }

    // e^r for |r| ≤ ln2/2
    private static Flt OfFraction(MathBody b, Flt r) => b.MulAdd(r, b.MulAdd(r, b.Polynomial(r, b.Pick(ExpF32, ExpF64)), 1), 1);

    // 2^k is a normal number: the low bits go to the exponent's place.
    private static Flt Pow2(MathBody b, Int bits) => b.FromBits((bits << b.MantissaBits) + (b.Bias << b.MantissaBits));

    // ln 2 in two parts; the first has so few bits that k times it is exact, with fma or without.
    private static (Int Bits, Flt R) Reduce(MathBody b, Flt x)
    {
        var sum = b.MulAdd(x, Log2E, b.RoundingMagic);
        var k = sum - b.RoundingMagic;
        var r = b.MulAdd(k, b.Pick(-0.693359375, -6.93147180369123816490e-01), x);
        return (b.BitsOf(sum), b.MulAdd(k, b.Pick(2.12194440e-4, -1.90821492927058770002e-10), r));
    }

    // The same, with what the rounding of r lost.
    private static (Int Bits, Flt R, Flt Low) ReduceTwice(MathBody b, Flt x)
    {
        var sum = b.MulAdd(x, Log2E, b.RoundingMagic);
        var k = sum - b.RoundingMagic;
        var high = b.MulAdd(k, b.Pick(-0.693359375, -6.93147180369123816490e-01), x);
        var correction = k * b.Pick(2.12194440e-4, -1.90821492927058770002e-10);
        var r = high + correction;
        return (b.BitsOf(sum), r, (high - r) + correction);
    }
}
