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

/// <summary>Arithmetic as straight-line LLVM IR.</summary>
internal sealed class IrMathBody : MathBody
{
    public IrMathBody(IrText text, ElementType type, int lanes, CpuTarget target)
        : base(type, lanes, target)
    {
        Text = text;
        Scalar = Single ? "float" : "double";
        FloatType = VectorOf(Scalar);
        IntType = VectorOf("i" + Bits);
        MaskType = VectorOf("i1");
        Suffix = lanes == 1 ? "f" + Bits : $"v{lanes}f{Bits}";
    }

    public IrText Text { get; }

    public string Scalar { get; }

    public string FloatType { get; }

    public string IntType { get; }

    public string MaskType { get; }

    /// <summary>How LLVM's overloaded intrinsics call this type: <c>v8f32</c>.</summary>
    public string Suffix { get; }

    public override IrMathBody As(ElementType type) => new(Text, type, Lanes, Target) { UsualOnly = UsualOnly };

    public string VectorOf(string scalar) => Lanes == 1 ? scalar : $"<{Lanes} x {scalar}>";

    // A float is written as the bits of the equal double, which is exact.
    public override Flt F(double value) =>
        new(this, Splat(Scalar, "0x" + BitConverter.DoubleToUInt64Bits(Single ? (float)value : value).ToString("X16", CultureInfo.InvariantCulture)));

    public override Int I(long value) => new(this, Splat("i" + Bits, value.ToString(CultureInfo.InvariantCulture)));

    public override Flt Binary(string op, Flt a, Flt b) => new(this, Text.Value($"{op} {FloatType} {a.Name}, {b.Name}"));

    public override Int Binary(string op, Int a, Int b) => new(this, Text.Value($"{op} {IntType} {a.Name}, {b.Name}"));

    public override Mask Binary(string op, Mask a, Mask b) => new(this, Text.Value($"{op} {MaskType} {a.Name}, {b.Name}"));

    public override Mask Not(Mask a) => new(this, Text.Value($"xor {MaskType} {a.Name}, {Splat("i1", "true")}"));

    public override Flt Negate(Flt a) => new(this, Text.Value($"fneg {FloatType} {a.Name}"));

    public override Mask Compare(string how, Flt a, Flt b) => new(this, Text.Value($"fcmp {how} {FloatType} {a.Name}, {b.Name}"));

    public override Mask Compare(string how, Int a, Int b) => new(this, Text.Value($"icmp {how} {IntType} {a.Name}, {b.Name}"));

    public override Flt Select(Mask mask, Flt yes, Flt no) =>
        new(this, Text.Value($"select {MaskType} {mask.Name}, {FloatType} {yes.Name}, {FloatType} {no.Name}"));

    public override Int Select(Mask mask, Int yes, Int no) =>
        new(this, Text.Value($"select {MaskType} {mask.Name}, {IntType} {yes.Name}, {IntType} {no.Name}"));

    public override Int BitsOf(Flt a) => new(this, Text.Value($"bitcast {FloatType} {a.Name} to {IntType}"));

    public override Flt FromBits(Int a) => new(this, Text.Value($"bitcast {IntType} {a.Name} to {FloatType}"));

    public override Flt CopySign(Flt magnitude, Flt sign) =>
        new(this, Text.Value($"call {FloatType} @llvm.copysign.{Suffix}({FloatType} {magnitude.Name}, {FloatType} {sign.Name})"));

    public override Flt Intrinsic(string name, Flt a) => new(this, Text.Value($"call {FloatType} @llvm.{name}.{Suffix}({FloatType} {a.Name})"));

    public override Flt MulAdd(Flt a, Flt b, Flt c) =>
        new(this, Text.Value($"call {FloatType} @llvm.fmuladd.{Suffix}({FloatType} {a.Name}, {FloatType} {b.Name}, {FloatType} {c.Name})"));

    public override Flt Widen(Flt a)
    {
        var wide = As(ElementType.F64);
        return new(wide, Text.Value($"fpext {FloatType} {a.Name} to {wide.FloatType}"));
    }

    public override Flt Narrow(Flt a) => new(this, Text.Value($"fptrunc {((IrMathBody)a.Body).FloatType} {a.Name} to {FloatType}"));

    /// <summary>Whether any lane is true, as an i1.</summary>
    public string Any(Mask mask) =>
        Lanes == 1 ? mask.Name : Text.Value($"call i1 @llvm.vector.reduce.or.v{Lanes}i1({MaskType} {mask.Name})");

    public override Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise)
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

    public override (Flt R, Flt Low, Int K) ReducedWhereHuge(MathLibrary library, Mask huge, Flt x, Turn turn, (Flt R, Flt Low, Int K) usual, bool wantLow)
    {
        var slow = library.RequireReduction(this);
        var (here, there) = ("slow", "reduced");
        Text.Line($"br i1 {Any(huge)}, label %{here}, label %{there}, !prof !0");
        Text.Label(here);
        var type = $"{{ {FloatType}, {FloatType}, {IntType} }}";
        var all = Text.Value($"call {type} @\"{slow}\"({FloatType} {x.Name}, i64 {(int)turn})");
        var slowR = Select(huge, new Flt(this, Text.Value($"extractvalue {type} {all}, 0")), usual.R);
        var slowLow = wantLow ? Select(huge, new Flt(this, Text.Value($"extractvalue {type} {all}, 1")), usual.Low) : usual.Low;
        var slowK = Select(huge, new Int(this, Text.Value($"extractvalue {type} {all}, 2")), usual.K);
        Text.Line($"br label %{there}");
        Text.Label(there);
        string Phi(string of, string often, string rarely) => Text.Value($"phi {of} [ {often}, %entry ], [ {rarely}, %{here} ]");
        var r = new Flt(this, Phi(FloatType, usual.R.Name, slowR.Name));
        var low = wantLow ? new Flt(this, Phi(FloatType, usual.Low.Name, slowLow.Name)) : usual.Low;
        return (r, low, new Int(this, Phi(IntType, usual.K.Name, slowK.Name)));
    }

    public override Flt SlowRemainder(MathLibrary library, Flt x, Flt y) =>
        new(this, Text.Value($"call {FloatType} @\"{library.RequireSlowRemainder(this)}\"({FloatType} {x.Name}, {FloatType} {y.Name})"));

    protected override Flt FusedMulAdd(Flt a, Flt b, Flt c) =>
        new(this, Text.Value($"call {FloatType} @llvm.fma.{Suffix}({FloatType} {a.Name}, {FloatType} {b.Name}, {FloatType} {c.Name})"));

    private string Splat(string scalar, string value) => Lanes == 1 ? value : $"splat ({scalar} {value})";
}
