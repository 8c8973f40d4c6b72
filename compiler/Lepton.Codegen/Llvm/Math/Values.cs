namespace Lepton.Codegen.Llvm.Math;

/// <summary>A float value (scalar or vector) of the text being written; the operators write the instruction.</summary>
internal readonly record struct Flt(MathBody Body, string Name)
{
    public static Flt operator +(Flt a, Flt b) => a.Body.Binary("fadd", a, b);

    public static Flt operator -(Flt a, Flt b) => a.Body.Binary("fsub", a, b);

    public static Flt operator *(Flt a, Flt b) => a.Body.Binary("fmul", a, b);

    public static Flt operator /(Flt a, Flt b) => a.Body.Binary("fdiv", a, b);

    public static Flt operator +(Flt a, double b) => a + a.Body.F(b);

    public static Flt operator -(Flt a, double b) => a - a.Body.F(b);

    public static Flt operator *(Flt a, double b) => a * a.Body.F(b);

    public static Flt operator -(double a, Flt b) => b.Body.F(a) - b;

    public static Flt operator /(double a, Flt b) => b.Body.F(a) / b;

    public static Flt operator -(Flt a) => a.Body.Negate(a);

    // Ordered comparisons: false when either side is nan.
    public static Mask operator <(Flt a, Flt b) => a.Body.Compare("olt", a, b);

    public static Mask operator >(Flt a, Flt b) => a.Body.Compare("ogt", a, b);

    public static Mask operator <(Flt a, double b) => a < a.Body.F(b);

    public static Mask operator >(Flt a, double b) => a > a.Body.F(b);

    public Mask Is(double value) => Body.Compare("oeq", this, Body.F(value));

    public Mask Is(Flt other) => Body.Compare("oeq", this, other);

    public Mask IsNot(Flt other) => Body.Compare("une", this, other);
}

/// <summary>An integer value as wide as the body's floats.</summary>
internal readonly record struct Int(MathBody Body, string Name)
{
    public static Int operator +(Int a, Int b) => a.Body.Binary("add", a, b);

    public static Int operator -(Int a, Int b) => a.Body.Binary("sub", a, b);

    public static Int operator &(Int a, Int b) => a.Body.Binary("and", a, b);

    public static Int operator |(Int a, Int b) => a.Body.Binary("or", a, b);

    public static Int operator ^(Int a, Int b) => a.Body.Binary("xor", a, b);

    public static Int operator +(Int a, long b) => a + a.Body.I(b);

    public static Int operator -(Int a, long b) => a - a.Body.I(b);

    public static Int operator &(Int a, long b) => a & a.Body.I(b);

    public static Int operator |(Int a, long b) => a | a.Body.I(b);

    public static Int operator <<(Int a, int b) => a.Body.Binary("shl", a, a.Body.I(b));

    /// <summary>Keeps the sign.</summary>
    public static Int operator >>(Int a, int b) => a.Body.Binary("ashr", a, a.Body.I(b));

    public static Int operator >>>(Int a, int b) => a.Body.Binary("lshr", a, a.Body.I(b));

    public Mask IsZero() => Body.Compare("eq", this, Body.I(0));

    public Mask IsNonZero() => Body.Compare("ne", this, Body.I(0));

    public Mask IsNegative() => Body.Compare("slt", this, Body.I(0));
}

/// <summary>A truth value per lane.</summary>
internal readonly record struct Mask(MathBody Body, string Name)
{
    public static Mask operator &(Mask a, Mask b) => a.Body.Binary("and", a, b);

    public static Mask operator |(Mask a, Mask b) => a.Body.Binary("or", a, b);

    public static Mask operator ^(Mask a, Mask b) => a.Body.Binary("xor", a, b);

    public static Mask operator !(Mask a) => a.Body.Not(a);
}
