using Lepton.Codegen.Llvm.Math;

namespace Lepton.Tests.Codegen;

/// <summary>The functions in double, good to far more than an f32 shows.</summary>
internal static class MathReference
{
    public static double Of(MathFunction f, double x, double y) => f switch
    {
        MathFunction.Exp => Math.Exp(x),
        MathFunction.Exp2 => Math.Pow(2, x),
        MathFunction.Expm1 => Math.Abs(x) < 1 ? (Math.Abs(x) < 1e-17 ? x : 2 * Math.Exp(x / 2) * Math.Sinh(x / 2)) : Math.Exp(x) - 1,
        MathFunction.Log => Math.Log(x),
        MathFunction.Log2 => Math.Log2(x),
        MathFunction.Log10 => Math.Log10(x),
        MathFunction.Log1p => Log1p(x),
        MathFunction.Sin => Math.Sin(x),
        MathFunction.Cos => Math.Cos(x),
        MathFunction.Tan => Math.Tan(x),
        MathFunction.Asin => Math.Asin(x),
        MathFunction.Acos => Math.Acos(x),
        MathFunction.Atan => Math.Atan(x),
        MathFunction.Atan2 => Math.Atan2(x, y),
        MathFunction.Sinh => Math.Sinh(x),
        MathFunction.Cosh => Math.Cosh(x),
        MathFunction.Tanh => Math.Tanh(x),
        MathFunction.Erf => Erf(x),
        MathFunction.Pow => Math.Pow(x, y),
        MathFunction.Sqrt => Math.Sqrt(x),
        MathFunction.Rsqrt => 1 / Math.Sqrt(x),
        MathFunction.Cbrt => Math.Cbrt(x),
        MathFunction.Floor => Math.Floor(x),
        MathFunction.Ceil => Math.Ceiling(x),
        MathFunction.Trunc => Math.Truncate(x),
        MathFunction.Round => Math.Round(x, MidpointRounding.ToEven),
        MathFunction.Remainder => Remainder(x, y),
        _ => throw new ArgumentOutOfRangeException(nameof(f)),
    };

    // As NumPy defines %: fmod, moved into the divisor's half.
    public static double Remainder(double x, double y)
    {
        var r = x % y;
        return r != 0 && r < 0 != y < 0 ? r + y : Math.CopySign(r, double.IsNaN(r) ? 1 : y);
    }

    private static double Log1p(double x)
    {
        var u = 1 + x;
        return u == 1 || double.IsPositiveInfinity(x) ? x : Math.Log(u) * (x / (u - 1));
    }

    private static double Erf(double x)
    {
        if (double.IsNaN(x) || Math.Abs(x) > 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }

        var (sum, term) = (0.0, x);
        for (var n = 1; n < 200 && sum + term != sum; n++)
        {
            sum += term;
            term *= 2 * x * x / ((2 * n) + 1);
        }

        return x == 0 ? x : sum * 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x);
    }
}
