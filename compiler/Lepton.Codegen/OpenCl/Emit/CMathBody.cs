using System.Globalization;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>
/// The mathematics of the language, written once for all targets, as lines of OpenCL C: a constant for each step. Integers are unsigned, so that they wrap.
/// </summary>
internal sealed class CMathBody(ElementType type, int lanes, CWriter writer, Helpers helpers) : MathBody(type, lanes, CpuTarget.Avx2)
{
    public string FloatType => CTypes.Vector(Type, Lanes);

    private string WordType => CTypes.Vector(Single ? "uint" : "ulong", Lanes);

    private string SignedType => CTypes.Vector(Single ? "int" : "long", Lanes);

    // What a comparison of scalars gives is an int.
    private string MaskType => Lanes == 1 ? "int" : SignedType;

    public override CMathBody As(ElementType type) => new(type, Lanes, writer, helpers);

    public override Flt F(double value) => new(this, Spread(FloatType, CTypes.Literal(Type, value)));

    public override Int I(long value) => new(this, Spread(WordType, Single
        ? $"0x{unchecked((uint)value).ToString("X", CultureInfo.InvariantCulture)}u"
        : $"0x{unchecked((ulong)value).ToString("X", CultureInfo.InvariantCulture)}ul"));

    public override Flt Binary(string op, Flt a, Flt b) => Float($"{a.Name} {op switch { "fadd" => "+", "fsub" => "-", "fmul" => "*", _ => "/" }} {b.Name}");

    public override Int Binary(string op, Int a, Int b) => op switch
    {
        "ashr" => Word($"as_{WordType}(as_{SignedType}({a.Name}) >> as_{SignedType}({b.Name}))"),
        _ => Word($"{a.Name} {op switch { "add" => "+", "sub" => "-", "and" => "&", "or" => "|", "xor" => "^", "shl" => "<<", _ => ">>" }} {b.Name}"),
    };

    public override Mask Binary(string op, Mask a, Mask b) => Truth($"{a.Name} {op switch { "and" => "&", "or" => "|", _ => "^" }} {b.Name}");

    public override Mask Not(Mask a) => Truth((Lanes == 1 ? "!" : "~") + a.Name);

    public override Flt Negate(Flt a) => Float("-" + a.Name);

    // "u": true where a side is nan.
    public override Mask Compare(string how, Flt a, Flt b) => how switch
    {
        "uno" => Truth($"isnan({a.Name}) | isnan({b.Name})"),
        "uge" => !Compare("olt", a, b),
        "une" => Truth($"{a.Name} != {b.Name}"),
        _ => Truth($"{a.Name} {Sign(how[1..])} {b.Name}"),
    };

    public override Mask Compare(string how, Int a, Int b) => how is "eq" or "ne"
        ? Truth($"{a.Name} {Sign(how)} {b.Name}")
        : Truth($"as_{SignedType}({a.Name}) {Sign(how[1..])} as_{SignedType}({b.Name})");

    public override Flt Select(Mask mask, Flt yes, Flt no) => Float($"{mask.Name} ? {yes.Name} : {no.Name}");

    public override Int Select(Mask mask, Int yes, Int no) => Word($"{mask.Name} ? {yes.Name} : {no.Name}");

    public override Int BitsOf(Flt a) => Word($"as_{WordType}({a.Name})");

    public override Flt FromBits(Int a) => Float($"as_{FloatType}({a.Name})");

    public override Flt CopySign(Flt magnitude, Flt sign) => Float($"copysign({magnitude.Name}, {sign.Name})");

    public override Flt Intrinsic(string name, Flt a) => Float($"{(name == "roundeven" ? "rint" : name)}({a.Name})");

    public override Flt MulAdd(Flt a, Flt b, Flt c) => helpers.Target.HasFma ? FusedMulAdd(a, b, c) : Float($"{a.Name} * {b.Name} + {c.Name}");

    public override Flt Widen(Flt a)
    {
        var wide = As(ElementType.F64);
        return wide.Float($"convert_{wide.FloatType}({a.Name})");
    }

    public override Flt Narrow(Flt a) => Float($"convert_{FloatType}({a.Name})");

    public override Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise)
    {
        var result = writer.NewName();
        writer.Line($"{FloatType} {result} = {usual.Name};");
        writer.Open($"if ({Any(rare)})");
        writer.Line($"{result} = {otherwise().Name};");
        writer.Close();
        return new(this, result);
    }

    public override (Flt R, Flt Low, Int K) ReducedWhereHuge(MathLibrary library, Mask huge, Flt x, Turn turn, (Flt R, Flt Low, Int K) usual, bool wantLow)
    {
        var function = SlowMath.Reduction(helpers, Type, Lanes);
        string[] names = [writer.NewName(), writer.NewName(), writer.NewName()];
        writer.Line($"{FloatType} {names[0]} = {usual.R.Name};");
        writer.Line($"{FloatType} {names[1]} = {usual.Low.Name};");
        writer.Line($"{WordType} {names[2]} = {usual.K.Name};");
        writer.Open($"if ({Any(huge)})");
        writer.Line($"{function}({x.Name}, {huge.Name}, {(int)turn}, &{names[0]}, &{names[1]}, &{names[2]});");
        writer.Close();
        return (new(this, names[0]), new(this, names[1]), new(this, names[2]));
    }

    public override Flt SlowRemainder(MathLibrary library, Flt x, Flt y)
    {
        var one = SlowMath.Remainder(helpers);
        var lanes = Enumerable.Range(0, Lanes).Select(l => Lanes == 1 ? "" : CTypes.Lane(l)).Select(l => $"{(Single ? "(float)" : "")}{one}({x.Name}{l}, {y.Name}{l})");
        return Float(Lanes == 1 ? lanes.First() : $"({FloatType})({string.Join(", ", lanes)})");
    }

    protected override Flt FusedMulAdd(Flt a, Flt b, Flt c) => Float($"fma({a.Name}, {b.Name}, {c.Name})");

    private static string Sign(string how) => how switch
    {
        "eq" => "==",
        "ne" => "!=",
        "lt" => "<",
        "le" => "<=",
        "gt" => ">",
        "ge" => ">=",
        _ => throw new CompilerBugException("opencl", $"no comparison {how}"),
    };

    private string Any(Mask mask) => Lanes == 1 ? mask.Name : $"any({mask.Name})";

    private string Spread(string vector, string number) => Lanes == 1 ? number.StartsWith('-') ? $"({number})" : number : $"({vector})({number})";

    private Flt Float(string value) => new(this, Named(FloatType, value));

    private Int Word(string value) => new(this, Named(WordType, value));

    private Mask Truth(string value) => new(this, Named(MaskType, value));

    private string Named(string type, string value)
    {
        var name = writer.NewName();
        writer.Line($"const {type} {name} = {value};");
        return name;
    }
}
