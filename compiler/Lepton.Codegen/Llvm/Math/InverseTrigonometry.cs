namespace Lepton.Codegen.Llvm.Math;

/// <summary>asin, acos, atan and atan2.</summary>
internal static class InverseTrigonometry
{
    // asin s = s + s³ p(s²) on ±1/2; errors 2^-32 and 2^-56.
    private static readonly double[] AsinF32 =
        [0.16666659712791443, 0.07500504702329636, 0.044516898691654205, 0.03180824965238571, 0.01443646103143692, 0.03751964122056961];

    private static readonly double[] AsinF64 =
    [
        0.16666666666665408, 0.07500000000337399, 0.0446428568279923, 0.03038195915148005, 0.02237175768847277, 0.017359710410818848,
        0.01388517799323569, 0.012169599176509973, 0.006526258154217963, 0.019533070494267737, -0.0162319519824822, 0.03191765149208935,
    ];

    // atan t = t + t³ p(t²) on ±1; errors 2^-31 and 2^-60.
    private static readonly double[] AtanF32 =
    [
        -0.333333283662796, 0.1999967098236084, -0.1427983045578003, 0.11058204621076584, -0.08811010420322418, 0.06741393357515335,
        -0.04468679800629616, 0.022536972537636757, -0.007316491566598415, 0.0011134757660329342,
    ];

    private static readonly double[] AtanF64 =
    [
        -0.33333333333333287, 0.1999999999999043, -0.14285714285035664, 0.11111111086415656, -0.09090908546624493, 0.07692299703445167,
        -0.06666583645389478, 0.05881715627647227, -0.05259431095329983, 0.04744915540838878, -0.04286358614485453, 0.038209289942754694,
        -0.032783968738788215, 0.026149501265530735, -0.01861168855229577, 0.011315402846098457, -0.005610864682307114, 0.0021508338203676683,
        -0.0005926356851653168, 0.00010381771730711404, -8.648917443962906e-06,
    ];

    /// <summary>|x| ≤ 1/2: the polynomial. Else asin x = π/2 - 2 asin(√((1 - x) / 2)).</summary>
    public static Flt Asin(MathBody b, Flt x)
    {
        var a = b.Abs(x);
        var far = a > 0.5;
        var z = b.Select(far, (1 - a) * 0.5, a * a);
        var root = b.Sqrt(z);
        var s = b.Select(far, root, a);
        var tail = s * z * b.Polynomial(z, b.Pick(AsinF32, AsinF64));

        // What the root's rounding lost: (z - s²) / 2s; the tiny addend is for z = 0.
        var lost = b.Fma(-root, root, z) / ((root + root) + b.Pick(1e-30, 1e-300));
        var (high, rest) = MathBody.FastSum(HalfPi(b), s * -2.0);
        var wide = high + (rest + (HalfPiLow(b) - ((tail + lost) * 2)));
        return b.CopySign(b.Select(far, wide, s + tail), x);
    }

    /// <summary>acos x = π/2 - asin x;  x > 1/2: 2 asin(√((1 - x) / 2));  x &lt; -1/2: π - 2 asin(√((1 + x) / 2)).</summary>
    public static Flt Acos(MathBody b, Flt x)
    {
        var a = b.Abs(x);
        var far = a > 0.5;
        var z = b.Select(far, (1 - a) * 0.5, a * a);
        var s = b.Select(far, b.Sqrt(z), x);
        var tail = s * z * b.Polynomial(z, b.Pick(AsinF32, AsinF64));
        var near = HalfPi(b) - (s + (tail - HalfPiLow(b)));
        var right = (s + tail) * 2;
        var left = (HalfPi(b) - (s + (tail - HalfPiLow(b)))) * 2;
        return b.Select(far, b.Select(x < 0, left, right), near);
    }

    public static Flt Atan(MathBody b, Flt x)
    {
        var a = b.Abs(x);
        var inverted = a > 1;
        var t = b.Select(inverted, 1, a) / b.Select(inverted, a, 1);
        return b.CopySign(Turn(b, b.Select(inverted, t * -1.0, t), b.Select(inverted, HalfPi(b), 0), b.Select(inverted, HalfPiLow(b), 0)), x);
    }

    /// <summary>The angle of (x, y): start + (±) atan t with t = min / max of the magnitudes, and start 0, π/2 or π.</summary>
    public static Flt Atan2(MathBody b, Flt y, Flt x)
    {
        var (ay, ax) = (b.Abs(y), b.Abs(x));
        var steep = ay > ax;
        var (small, large) = (b.Select(steep, ax, ay), b.Select(steep, ay, ax));
        var t = small / large;
        t = b.Select(small.Is(large), 1, t); // inf / inf
        t = b.Select(large.Is(0), small, t); // 0 / 0, nan / 0
        var left = b.BitsOf(x).IsNegative();
        t = b.Select(steep ^ left, -t, t);
        var start = b.Select(steep, HalfPi(b), b.Select(left, HalfPi(b) * 2.0, b.F(0)));
        var startLow = b.Select(steep, HalfPiLow(b), b.Select(left, HalfPiLow(b) * 2.0, b.F(0)));
        return b.CopySign(Turn(b, t, start, startLow), y);
    }

    // start + atan t
    private static Flt Turn(MathBody b, Flt t, Flt start, Flt startLow)
    {
        var z = t * t;
        var tail = t * z * b.Polynomial(z, b.Pick(AtanF32, AtanF64));
        var (high, rest) = MathBody.FastSum(start, t);
        return high + (rest + (startLow + tail));
    }

    private static Flt HalfPi(MathBody b) => b.F(b.Pick(1.5707963705062866, 1.5707963267948966));

    private static Flt HalfPiLow(MathBody b) => b.F(b.Pick(-4.371138828673793e-08, 6.123233995736766e-17));
}
