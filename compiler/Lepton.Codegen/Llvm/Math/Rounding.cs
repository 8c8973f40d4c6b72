namespace Lepton.Codegen.Llvm.Math;

/// <summary>To integers: by instruction where there is one (SSE4.1), else by adding and subtracting 2^(mantissa bits).</summary>
internal static class Rounding
{
    public static Flt Round(MathBody b, Flt x) => HasInstruction(b) ? b.Intrinsic("roundeven", x) : Finish(b, x, Nearest(b, b.Abs(x)));

    public static Flt Trunc(MathBody b, Flt x)
    {
        if (HasInstruction(b))
        {
            return b.Intrinsic("trunc", x);
        }

        var a = b.Abs(x);
        var near = Nearest(b, a);
        return Finish(b, x, near - b.Select(near > a, 1.0, 0.0));
    }

    public static Flt Floor(MathBody b, Flt x)
    {
        if (HasInstruction(b))
        {
            return b.Intrinsic("floor", x);
        }

        var near = b.CopySign(Nearest(b, b.Abs(x)), x);
        return Finish(b, x, near - b.Select(near > x, 1.0, 0.0), keepSignOfZero: true);
    }

    public static Flt Ceil(MathBody b, Flt x)
    {
        if (HasInstruction(b))
        {
            return b.Intrinsic("ceil", x);
        }

        var near = b.CopySign(Nearest(b, b.Abs(x)), x);
        return Finish(b, x, near + b.Select(near < x, 1.0, 0.0), keepSignOfZero: true);
    }

    private static bool HasInstruction(MathBody b) => b.Target.Level >= SimdLevel.Avx2;

    // Of a non-negative value below 2^(mantissa bits).
    private static Flt Nearest(MathBody b, Flt a)
    {
        var two = b.Pick(8388608.0, 4503599627370496.0);
        return (a + two) - two;
    }

    // Large values, inf and nan are what they were; the sign is x's (a result that is not 0 has it anyway).
    private static Flt Finish(MathBody b, Flt x, Flt rounded, bool keepSignOfZero = false)
    {
        var inside = b.Abs(x) < b.Pick(8388608.0, 4503599627370496.0);
        return b.Select(inside, keepSignOfZero ? b.CopySign(b.Abs(rounded), x) : b.CopySign(rounded, x), x);
    }
}
