using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>Writes arithmetic on floats of one type, as many lanes at a time as asked for. What it is written as, derived classes know.</summary>
internal abstract class MathBody
{
    protected MathBody(ElementType type, int lanes, CpuTarget target)
    {
        (Type, Lanes, Target) = (type, lanes, target);
        Single = type == ElementType.F32;
        Bits = Single ? 32 : 64;
    }

    /// <summary>Leaves out what <see cref="Rarely"/> would add: for arguments of which it is known that the usual way is right.</summary>
    public bool UsualOnly { get; init; }

    public ElementType Type { get; }

    public int Lanes { get; }

    public CpuTarget Target { get; }

    /// <summary>f32, else f64.</summary>
    public bool Single { get; }

    public int Bits { get; }

    public int MantissaBits => Single ? 23 : 52;

    public long Bias => Single ? 127 : 1023;

    /// <summary>Adding and subtracting 1.5 * 2^(mantissa bits) rounds to an integer, half to even; the sum's low bits are that integer.</summary>
    public double RoundingMagic => Single ? 12582912.0 : 6755399441055744.0;

    public double SmallestNormal => Single ? 1.1754943508222875e-38 : 2.2250738585072014e-308;

    /// <summary>The same function's text in another float type.</summary>
    public abstract MathBody As(ElementType type);

    /// <summary>The constant for this type: one for f32, another for f64.</summary>
    public double Pick(double f32, double f64) => Single ? f32 : f64;

    public double[] Pick(double[] f32, double[] f64) => Single ? f32 : f64;

    public abstract Flt F(double value);

    public abstract Int I(long value);

    public abstract Flt Binary(string op, Flt a, Flt b);

    public abstract Int Binary(string op, Int a, Int b);

    public abstract Mask Binary(string op, Mask a, Mask b);

    public abstract Mask Not(Mask a);

    public abstract Flt Negate(Flt a);

    public abstract Mask Compare(string how, Flt a, Flt b);

    public abstract Mask Compare(string how, Int a, Int b);

    public abstract Flt Select(Mask mask, Flt yes, Flt no);

    public Flt Select(Mask mask, double yes, Flt no) => Select(mask, F(yes), no);

    public Flt Select(Mask mask, Flt yes, double no) => Select(mask, yes, F(no));

    public Flt Select(Mask mask, double yes, double no) => Select(mask, F(yes), F(no));

    public abstract Int Select(Mask mask, Int yes, Int no);

    public abstract Int BitsOf(Flt a);

    public abstract Flt FromBits(Int a);

    public Flt Abs(Flt a) => Intrinsic("fabs", a);

    public Flt Sqrt(Flt a) => Intrinsic("sqrt", a);

    public abstract Flt CopySign(Flt magnitude, Flt sign);

    /// <summary>A one-argument intrinsic that the target computes inline.</summary>
    public abstract Flt Intrinsic(string name, Flt a);

    /// <summary>The sign bits of <paramref name="sign"/> flip the sign of <paramref name="a"/>.</summary>
    public Flt FlipSign(Flt a, Int sign) => FromBits(BitsOf(a) ^ sign);

    public Int SignBit(Flt a) => BitsOf(a) & (Single ? int.MinValue : long.MinValue);

    /// <summary>a where a is at most the bound or nan, else the bound.</summary>
    public virtual Flt AtMost(Flt a, double bound) => Select(a > bound, bound, a);

    /// <summary>a where a is at least the bound or nan, else the bound.</summary>
    public virtual Flt AtLeast(Flt a, double bound) => Select(a < bound, bound, a);

    /// <summary>a * b + c, rounded once or twice: for where both are good.</summary>
    public abstract Flt MulAdd(Flt a, Flt b, Flt c);

    public Flt MulAdd(Flt a, double b, Flt c) => MulAdd(a, F(b), c);

    public Flt MulAdd(Flt a, Flt b, double c) => MulAdd(a, b, F(c));

    public Flt MulAdd(Flt a, double b, double c) => MulAdd(a, F(b), F(c));

    public Flt Fma(Flt a, double b, Flt c) => Fma(a, F(b), c);

    /// <summary>
    /// a * b + c rounded once. Without fma instructions: in f32 by way of f64 (where the product is exact), in f64 by Dekker's product
    /// (exact, for magnitudes below 2^995) and Knuth's sum; either may differ from the true fma in the last bit of a half-way case.
    /// </summary>
    public Flt Fma(Flt a, Flt b, Flt c)
    {
        if (Target.HasFma)
        {
            return FusedMulAdd(a, b, c);
        }

        if (Single)
        {
            return Narrow((Widen(a) * Widen(b)) + Widen(c));
        }

        var (high, low) = Product(a, b);
        var (sum, rest) = Sum(high, c);
        return sum + (rest + low);
    }

    /// <summary>a * b exactly, as high + low.</summary>
    public (Flt High, Flt Low) Product(Flt a, Flt b)
    {
        var high = a * b;
        if (Target.HasFma || Single)
        {
            return (high, Fma(a, b, -high));
        }

        var (ah, al) = Split(a);
        var (bh, bl) = Split(b);
        return (high, (((ah * bh) - high) + (ah * bl) + (al * bh)) + (al * bl));
    }

    /// <summary>a + b exactly, where |a| is at least |b| or a is 0.</summary>
    public static (Flt High, Flt Low) FastSum(Flt a, Flt b)
    {
        var high = a + b;
        return (high, b - (high - a));
    }

    /// <summary>a + b exactly, as high + low.</summary>
    public static (Flt High, Flt Low) Sum(Flt a, Flt b)
    {
        var high = a + b;
        var part = high - a;
        return (high, (a - (high - part)) + (b - part));
    }

    /// <summary>Horner's rule, constant term first.</summary>
    public Flt Polynomial(Flt x, ReadOnlySpan<double> coefficients)
    {
        var sum = F(coefficients[^1]);
        for (var i = coefficients.Length - 2; i >= 0; i--)
        {
            sum = MulAdd(sum, x, coefficients[i]);
        }

        return sum;
    }

    public abstract Flt Widen(Flt a);

    /// <summary>An f64 value rounded to this type, f32.</summary>
    public abstract Flt Narrow(Flt a);

    /// <summary>
    /// <paramref name="usual"/>, or, behind a branch that is hardly ever taken, what <paramref name="otherwise"/> writes when any lane is
    /// <paramref name="rare"/>: for all lanes, and the same as usual for those that are not. Once in a function.
    /// </summary>
    public abstract Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise);

    /// <summary>The parts of a turn that <see cref="TrigReduction"/> found, and behind a branch that is hardly ever taken those of arguments that are huge, inf or nan.</summary>
    public abstract (Flt R, Flt Low, Int K) ReducedWhereHuge(MathLibrary library, Mask huge, Flt x, Turn turn, (Flt R, Flt Low, Int K) usual, bool wantLow);

    /// <summary>x mod y, exactly, for any numbers that are not negative.</summary>
    public abstract Flt SlowRemainder(MathLibrary library, Flt x, Flt y);

    /// <summary>One instruction; asked for only where the target has it.</summary>
    protected abstract Flt FusedMulAdd(Flt a, Flt b, Flt c);

    /// <summary>The high half of the bits, and the rest: Veltkamp.</summary>
    protected virtual (Flt High, Flt Low) Split(Flt a)
    {
        var scaled = a * 134217729.0; // 2^27 + 1
        var high = scaled - (scaled - a);
        return (high, a - high);
    }
}
