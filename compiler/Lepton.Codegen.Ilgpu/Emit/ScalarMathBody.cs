using System.Globalization;
using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Clr.Emit;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>The mathematics of the language, written once for all targets, as nodes of scalars. A name is a number in the list of all values so far.</summary>
internal sealed class ScalarMathBody(ElementType type, CpuTarget target, List<Node> values, ScalarMath math) : MathBody(type, 1, target)
{
    private Type FloatType => Single ? typeof(float) : typeof(double);

    private Type WholeType => Single ? typeof(int) : typeof(long);

    public override ScalarMathBody As(ElementType type) => new(type, Target, values, math) { UsualOnly = UsualOnly };

    public Flt Input(Node value) => new(this, Add(value));

    public Node Value(string name) => values[int.Parse(name, CultureInfo.InvariantCulture)];

    public override Flt F(double value) => new(this, Add(LaneShape.Number(Type, value)));

    public override Int I(long value) => new(this, Add(Single ? Node.Int32(unchecked((int)value)) : Node.Int64(value)));

    public override Flt Binary(string op, Flt a, Flt b) => Float(
        op switch { "fadd" => OpCodes.Add, "fsub" => OpCodes.Sub, "fmul" => OpCodes.Mul, _ => OpCodes.Div }, Value(a.Name), Value(b.Name));

    public override Int Binary(string op, Int a, Int b)
    {
        var code = op switch
        {
            "add" => OpCodes.Add,
            "sub" => OpCodes.Sub,
            "and" => OpCodes.And,
            "or" => OpCodes.Or,
            "xor" => OpCodes.Xor,
            "shl" => OpCodes.Shl,
            "ashr" => OpCodes.Shr,
            _ => OpCodes.Shr_Un,
        };

        // Counts of shifts are constants, and ints.
        var second = Value(b.Name);
        return Whole(code, Value(a.Name), op is "shl" or "ashr" or "lshr" ? Node.Int32((int)second.Integer!.Value) : second);
    }

    public override Mask Binary(string op, Mask a, Mask b) =>
        Truth(Node.Op(op switch { "and" => OpCodes.And, "or" => OpCodes.Or, _ => OpCodes.Xor }, typeof(int), Value(a.Name), Value(b.Name)));

    public override Mask Not(Mask a) => Truth(Opposite(Value(a.Name)));

    public override Flt Negate(Flt a) => Float(OpCodes.Neg, Value(a.Name));

    // "u" is true where a side is nan: the opposite of an ordered comparison.
    public override Mask Compare(string how, Flt a, Flt b) => how switch
    {
        "uno" => !Compare("oeq", a, a) | !Compare("oeq", b, b),
        "une" => !Compare("oeq", a, b),
        "uge" => !Compare("olt", a, b),
        "ole" => Truth(Opposite(Is(OpCodes.Cgt_Un, a.Name, b.Name))),
        "oge" => Truth(Opposite(Is(OpCodes.Clt_Un, a.Name, b.Name))),
        _ => Truth(Is(how switch { "oeq" => OpCodes.Ceq, "olt" => OpCodes.Clt, _ => OpCodes.Cgt }, a.Name, b.Name)),
    };

    public override Mask Compare(string how, Int a, Int b) => how switch
    {
        "ne" => Truth(Opposite(Is(OpCodes.Ceq, a.Name, b.Name))),
        "sle" => Truth(Opposite(Is(OpCodes.Cgt, a.Name, b.Name))),
        "sge" => Truth(Opposite(Is(OpCodes.Clt, a.Name, b.Name))),
        _ => Truth(Is(how switch { "eq" => OpCodes.Ceq, "slt" => OpCodes.Clt, _ => OpCodes.Cgt }, a.Name, b.Name)),
    };

    public override Flt Select(Mask mask, Flt yes, Flt no) => new(this, Add(Chosen(mask, FloatType, yes.Name, no.Name)));

    public override Int Select(Mask mask, Int yes, Int no) => new(this, Add(Chosen(mask, WholeType, yes.Name, no.Name)));

    public override Int BitsOf(Flt a) => new(this, Add(Node.Reinterpret(Value(a.Name))));

    public override Flt FromBits(Int a) => new(this, Add(Node.Reinterpret(Value(a.Name))));

    public override Flt CopySign(Flt magnitude, Flt sign) => FromBits((BitsOf(magnitude) & ~SignMask) | (BitsOf(sign) & SignMask));

    public override Flt Intrinsic(string name, Flt a)
    {
        var method = name switch { "fabs" => "Abs", "sqrt" => "Sqrt", _ => throw new Graphs.CompilerBugException("ilgpu", $"no instruction {name}") };
        return new(this, Add(Node.Call((Single ? typeof(MathF) : typeof(Math)).GetMethod(method, [FloatType])!, Value(a.Name))));
    }

    public override Flt MulAdd(Flt a, Flt b, Flt c) => (a * b) + c;

    public override Flt Widen(Flt a) => new(As(ElementType.F64), Add(Node.Op(OpCodes.Conv_R8, typeof(double), Value(a.Name))));

    public override Flt Narrow(Flt a) => new(this, Add(Node.Op(OpCodes.Conv_R4, typeof(float), Value(a.Name))));

    public override Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise) =>
        UsualOnly ? usual : new(this, Add(ClrMathBody.Rarely(Value(rare.Name), Value(usual.Name), Value(otherwise().Name))));

    public override (Flt R, Flt Low, Int K) ReducedWhereHuge(MathLibrary library, Mask huge, Flt x, Turn turn, (Flt R, Flt Low, Int K) usual, bool wantLow)
    {
        var wide = As(ElementType.F64);
        Node Wide(Flt value) => Single ? Value(Widen(value).Name) : Value(value.Name);
        Node Parts(string name, params Node[] a) => Node.Call(typeof(IlgpuTurns).GetMethod(name)!, a);
        var whole = Value(usual.K.Name);
        var often = Parts(nameof(IlgpuTurns.Of), Wide(usual.R), Wide(usual.Low), Single ? Node.Op(OpCodes.Conv_I8, typeof(long), whole) : whole);
        var first = Parts(nameof(IlgpuTurns.FirstWord), Wide(x));
        var words = Enumerable.Range(0, 4).Select(i => math.Word(first + Node.Int32(i)));
        var (p0, p1) = TrigReduction.HalfPi;
        var rare = Parts(nameof(IlgpuTurns.Huge), [Wide(x), Node.Int32((int)turn), Node.Double(p0), Node.Double(p1), .. words]);
        var turns = ClrMathBody.Rarely(Value(huge.Name), often, rare);
        Node Field(string name)
        {
            var field = typeof(IlgpuTurns).GetField(name)!;
            return new Node(field.FieldType, w => w.Il.Emit(OpCodes.Ldfld, field), turns);
        }

        var (rest, low) = (new Flt(wide, Add(Field(nameof(IlgpuTurns.Rest)))), new Flt(wide, Add(Field(nameof(IlgpuTurns.Low)))));
        var k = Field(nameof(IlgpuTurns.K));
        if (!Single)
        {
            return (new(this, rest.Name), new(this, low.Name), new(this, Add(k)));
        }

        // What the rest loses as a float is what counts then, besides what it lacked.
        var near = Narrow(rest);
        return (near, Narrow((rest - Widen(near)) + low), new(this, Add(Node.Op(OpCodes.Conv_I4, typeof(int), k))));
    }

    public override Flt SlowRemainder(MathLibrary library, Flt x, Flt y)
    {
        Node Wide(Flt value) => Single ? Value(Widen(value).Name) : Value(value.Name);
        var rest = Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.Remainder), [typeof(double), typeof(double)])!, Wide(x), Wide(y));
        return new(this, Add(Single ? Node.Op(OpCodes.Conv_R4, typeof(float), rest) : rest));
    }

    // By bits: CUDA's assembler fuses products and sums as it likes, which Veltkamp's splitting does not survive. The rest has 27 bits, not 26: what is
    // lost in the product of two of them is below 2^-105 of the whole.
    protected override (Flt High, Flt Low) Split(Flt a)
    {
        var high = FromBits(BitsOf(a) & ~0x7FFFFFFL);
        return (high, a - high);
    }

    // Asked for only where the target has it, and this one has none.
    protected override Flt FusedMulAdd(Flt a, Flt b, Flt c) => throw new Graphs.CompilerBugException("ilgpu", "no fused multiplication");

    private long SignMask => Single ? int.MinValue : long.MinValue;

    private static Node Opposite(Node truth) => Node.Op(OpCodes.Ceq, typeof(int), truth, Node.Int32(0));

    private Node Chosen(Mask mask, Type type, string yes, string no) =>
        Node.Call(ClrSupport.Method("Select").MakeGenericMethod(type), type, Value(mask.Name), Value(yes), Value(no));

    private Node Is(OpCode code, string a, string b) => Node.Op(code, typeof(int), Value(a), Value(b));

    private Flt Float(OpCode code, params Node[] a) => new(this, Add(Node.Op(code, FloatType, a)));

    private Int Whole(OpCode code, params Node[] a) => new(this, Add(Node.Op(code, WholeType, a)));

    private Mask Truth(Node value) => new(this, Add(value));

    private string Add(Node value)
    {
        values.Add(value);
        return (values.Count - 1).ToString(CultureInfo.InvariantCulture);
    }
}
