using System.Globalization;
using System.Text;
using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>Text of one function and its next free name; bodies of several float types may write into one.</summary>
internal sealed class IrText(string prefix = "%t")
{
    private readonly StringBuilder _lines = new();
    private int _next;

    public string NewName() => prefix + _next++.ToString(CultureInfo.InvariantCulture);

    public string NewLabel() => "b" + _next++.ToString(CultureInfo.InvariantCulture);

    /// <summary>Writes <c>name = instruction</c> and gives the name.</summary>
    public string Value(string instruction)
    {
        var name = NewName();
        _lines.Append("  ").Append(name).Append(" = ").Append(instruction).Append('\n');
        return name;
    }

    public void Line(string text) => _lines.Append("  ").Append(text).Append('\n');

    public void Label(string name) => _lines.Append(name).Append(":\n");

    public override string ToString() => _lines.ToString();
}

/// <summary>Writes arithmetic on floats of one type, as many lanes at a time as asked for, as straight-line LLVM IR.</summary>
internal sealed class MathBody
{
    public MathBody(IrText text, ElementType type, int lanes, CpuTarget target)
    {
        (Text, Type, Lanes, Target) = (text, type, lanes, target);
        Single = type == ElementType.F32;
        Bits = Single ? 32 : 64;
        Scalar = Single ? "float" : "double";
        FloatType = VectorOf(Scalar);
        IntType = VectorOf("i" + Bits);
        MaskType = VectorOf("i1");
        Suffix = lanes == 1 ? "f" + Bits : $"v{lanes}f{Bits}";
    }

    public IrText Text { get; }

    /// <summary>Leaves out what <see cref="Rarely"/> would add: for arguments of which it is known that the usual way is right.</summary>
    public bool UsualOnly { get; init; }

    public ElementType Type { get; }

    public int Lanes { get; }

    public CpuTarget Target { get; }

    /// <summary>f32, else f64.</summary>
    public bool Single { get; }

    public int Bits { get; }

    public string Scalar { get; }

    public string FloatType { get; }

    public string IntType { get; }

    public string MaskType { get; }

    /// <summary>How LLVM's overloaded intrinsics call this type: <c>v8f32</c>.</summary>
    public string Suffix { get; }

    public int MantissaBits => Single ? 23 : 52;

    public long Bias => Single ? 127 : 1023;

    /// <summary>Adding and subtracting 1.5 * 2^(mantissa bits) rounds to an integer, half to even; the sum's low bits are that integer.</summary>
    public double RoundingMagic => Single ? 12582912.0 : 6755399441055744.0;

    public double SmallestNormal => Single ? 1.1754943508222875e-38 : 2.2250738585072014e-308;

    /// <summary>The same function's text in another float type.</summary>
    public MathBody As(ElementType type) => new(Text, type, Lanes, Target) { UsualOnly = UsualOnly };

    /// <summary>The constant for this type: one for f32, another for f64.</summary>
    public double Pick(double f32, double f64) => Single ? f32 : f64;

    public double[] Pick(double[] f32, double[] f64) => Single ? f32 : f64;

    public string VectorOf(string scalar) => Lanes == 1 ? scalar : $"<{Lanes} x {scalar}>";

    // A float is written as the bits of the equal double, which is exact.
    public Flt F(double value) =>
        new(this, Splat(Scalar, "0x" + BitConverter.DoubleToUInt64Bits(Single ? (float)value : value).ToString("X16", CultureInfo.InvariantCulture)));

    public Int I(long value) => new(this, Splat("i" + Bits, value.ToString(CultureInfo.InvariantCulture)));

    public Flt Binary(string op, Flt a, Flt b) => new(this, Text.Value($"{op} {FloatType} {a.Name}, {b.Name}"));

    public Int Binary(string op, Int a, Int b) => new(this, Text.Value($"{op} {IntType} {a.Name}, {b.Name}"));

    public Mask Binary(string op, Mask a, Mask b) => new(this, Text.Value($"{op} {MaskType} {a.Name}, {b.Name}"));

    public Mask Not(Mask a) => new(this, Text.Value($"xor {MaskType} {a.Name}, {Splat("i1", "true")}"));

    public Flt Negate(Flt a) => new(this, Text.Value($"fneg {FloatType} {a.Name}"));

    public Mask Compare(string how, Flt a, Flt b) => new(this, Text.Value($"fcmp {how} {FloatType} {a.Name}, {b.Name}"));

    public Mask Compare(string how, Int a, Int b) => new(this, Text.Value($"icmp {how} {IntType} {a.Name}, {b.Name}"));

    public Flt Select(Mask mask, Flt yes, Flt no) =>
        new(this, Text.Value($"select {MaskType} {mask.Name}, {FloatType} {yes.Name}, {FloatType} {no.Name}"));

    public Flt Select(Mask mask, double yes, Flt no) => Select(mask, F(yes), no);

    public Flt Select(Mask mask, Flt yes, double no) => Select(mask, yes, F(no));

    public Flt Select(Mask mask, double yes, double no) => Select(mask, F(yes), F(no));

    public Int Select(Mask mask, Int yes, Int no) =>
        new(this, Text.Value($"select {MaskType} {mask.Name}, {IntType} {yes.Name}, {IntType} {no.Name}"));

    public Int BitsOf(Flt a) => new(this, Text.Value($"bitcast {FloatType} {a.Name} to {IntType}"));

    public Flt FromBits(Int a) => new(this, Text.Value($"bitcast {IntType} {a.Name} to {FloatType}"));

    public Flt Abs(Flt a) => Intrinsic("fabs", a);

    public Flt Sqrt(Flt a) => Intrinsic("sqrt", a);

    public Flt CopySign(Flt magnitude, Flt sign) =>
        new(this, Text.Value($"call {FloatType} @llvm.copysign.{Suffix}({FloatType} {magnitude.Name}, {FloatType} {sign.Name})"));

    /// <summary>A one-argument intrinsic that the target computes inline.</summary>
    public Flt Intrinsic(string name, Flt a) => new(this, Text.Value($"call {FloatType} @llvm.{name}.{Suffix}({FloatType} {a.Name})"));

    /// <summary>The sign bits of <paramref name="sign"/> flip the sign of <paramref name="a"/>.</summary>
    public Flt FlipSign(Flt a, Int sign) => FromBits(BitsOf(a) ^ sign);

    public Int SignBit(Flt a) => BitsOf(a) & (Single ? int.MinValue : long.MinValue);

    /// <summary>a where a is at most the bound or nan, else the bound.</summary>
    public Flt AtMost(Flt a, double bound) => Select(a > bound, bound, a);

    /// <summary>a where a is at least the bound or nan, else the bound.</summary>
    public Flt AtLeast(Flt a, double bound) => Select(a < bound, bound, a);

    /// <summary>a * b + c, rounded once or twice: for where both are good.</summary>
    public Flt MulAdd(Flt a, Flt b, Flt c) =>
        new(this, Text.Value($"call {FloatType} @llvm.fmuladd.{Suffix}({FloatType} {a.Name}, {FloatType} {b.Name}, {FloatType} {c.Name})"));

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
            return new(this, Text.Value($"call {FloatType} @llvm.fma.{Suffix}({FloatType} {a.Name}, {FloatType} {b.Name}, {FloatType} {c.Name})"));
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

    public Flt Widen(Flt a)
    {
        var wide = As(ElementType.F64);
        return new(wide, Text.Value($"fpext {FloatType} {a.Name} to {wide.FloatType}"));
    }

    /// <summary>An f64 value rounded to this type, f32.</summary>
    public Flt Narrow(Flt a) => new(this, Text.Value($"fptrunc {a.Body.FloatType} {a.Name} to {FloatType}"));

    /// <summary>Whether any lane is true, as an i1.</summary>
    public string Any(Mask mask) =>
        Lanes == 1 ? mask.Name : Text.Value($"call i1 @llvm.vector.reduce.or.v{Lanes}i1({MaskType} {mask.Name})");

    /// <summary>
    /// <paramref name="usual"/>, or, behind a branch that is hardly ever taken, what <paramref name="otherwise"/> writes when any lane is
    /// <paramref name="rare"/>: for all lanes, and the same as usual for those that are not. Once in a function.
    /// </summary>
    public Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise)
    {
        if (UsualOnly)
        {
            return usual;
        }

        Text.Line($"br i1 {Any(rare)}, label %slow, label %done, !prof !0");
        Text.Label("slow");
        var other = otherwise();
        Text.Line("br label %done");
        Text.Label("done");
        return new(this, Text.Value($"phi {FloatType} [ {usual.Name}, %entry ], [ {other.Name}, %slow ]"));
    }

    // Veltkamp: the high half of the bits, and the rest.
    private static (Flt High, Flt Low) Split(Flt a)
    {
        var scaled = a * 134217729.0; // 2^27 + 1
        var high = scaled - (scaled - a);
        return (high, a - high);
    }

    private string Splat(string scalar, string value) => Lanes == 1 ? value : $"splat ({scalar} {value})";
}
