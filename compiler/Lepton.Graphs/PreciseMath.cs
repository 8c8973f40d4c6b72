namespace Lepton.Graphs;

/// <summary>
/// Functions of doubles that .NET lacks or has with more than 1 ulp of error; computed in <see cref="DoubleDouble"/> and rounded once, so the
/// error is barely above half an ulp. Special values as in C's mathematics library.
/// </summary>
internal static class PreciseMath
{
    public static double Expm1(double x)
    {
        if (double.IsNaN(x) || Math.Abs(x) < 1e-300)
        {
            return x;
        }

        return x < -40 ? -1 : x > 700 ? Math.Exp(x) : Rounded(DoubleDouble.Expm1(x));
    }

    // One Newton step on expm1(y) = x: y = y0 - (e^y0 - 1 - x) / e^y0, with the small difference taken exactly.
    public static double Log1p(double x)
    {
        if (double.IsNaN(x) || x <= -1 || double.IsPositiveInfinity(x) || Math.Abs(x) < 1e-300)
        {
            return x < -1 ? double.NaN : x == -1 ? double.NegativeInfinity : x;
        }

        if (x > 1e17)
        {
            return Math.Log(x);
        }

        var u = 1 + x;
        var start = u == 1 ? x : Math.Log(u) * x / (u - 1);
        var exponential = DoubleDouble.Expm1(start);
        return start - ((exponential - x).Hi / (1 + exponential.Hi));
    }

    // erf(x) = 2/sqrt(pi) e^(-x^2) Σ 2^n x^(2n+1) / (1·3·…·(2n+1)): all terms positive, so nothing cancels.
    public static double Erf(double x)
    {
        if (double.IsNaN(x) || Math.Abs(x) >= 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }

        var square = (DoubleDouble)x * x;
        DoubleDouble term = 1;
        DoubleDouble sum = 1;
        for (var n = 1; term.Hi > 1e-33 * sum.Hi; n++)
        {
            term = term * square * 2 / ((2 * n) + 1);
            sum += term;
        }

        return x == 0 ? x : Rounded(DoubleDouble.TwoOverRootPi * x * sum * DoubleDouble.Exp(-square));
    }

    // y - (y^3 - x) / (3 y^2)
    public static double Cbrt(double x)
    {
        var y = Math.Cbrt(x);
        if (x == 0 || !double.IsFinite(x))
        {
            return y;
        }

        if (Math.Abs(x) < 1e-280)
        {
            return Math.ScaleB(Cbrt(Math.ScaleB(x, 300)), -100);
        }

        var error = (((DoubleDouble)y * y * y) - x).Hi;
        return double.IsFinite(error) ? y - (error / (3 * y * y)) : y;
    }

    // With s = sqrt(x) (1 - d) and r = (1 - e) / s: 1/sqrt(x) = r (1 + e - d) up to squares of the small d and e.
    public static double Rsqrt(double x)
    {
        if (!double.IsNormal(x) || x < 0)
        {
            return x > 0 && double.IsFinite(x) ? Math.ScaleB(Rsqrt(Math.ScaleB(x, 200)), 100) : 1 / Math.Sqrt(x);
        }

        var s = Math.Sqrt(x);
        var r = 1 / s;
        var d = Math.FusedMultiplyAdd(-s, s, x) / (2 * x);
        var e = Math.FusedMultiplyAdd(-r, s, 1);
        return Math.FusedMultiplyAdd(r, e - d, r);
    }

    // (E + E / (E + 1)) / 2 with E = expm1(|x|)
    public static double Sinh(double x)
    {
        var a = Math.Abs(x);
        if (!(a > 1e-300) || double.IsInfinity(x))
        {
            return x;
        }

        if (a > 40)
        {
            return Math.CopySign(DoubleDouble.Exp(a, -1), x);
        }

        var e = DoubleDouble.Expm1(a);
        return Math.CopySign(Rounded((e + (e / (e + 1))) * 0.5), x);
    }

    public static double Cosh(double x)
    {
        var a = Math.Abs(x);
        if (!(a <= 40))
        {
            return double.IsFinite(a) ? DoubleDouble.Exp(a, -1) : a;
        }

        var e = DoubleDouble.Exp(a);
        return Rounded((e + (1 / e)) * 0.5);
    }

    // E / (E + 2) with E = expm1(2 |x|)
    public static double Tanh(double x)
    {
        var a = Math.Abs(x);
        if (!(a > 1e-300) || a > 22)
        {
            return a > 22 ? Math.Sign(x) : x;
        }

        var e = DoubleDouble.Expm1(2 * a);
        return Math.CopySign(Rounded(e / (e + 2)), x);
    }

    private static double Rounded(DoubleDouble value) => value.Hi + value.Lo;
}
