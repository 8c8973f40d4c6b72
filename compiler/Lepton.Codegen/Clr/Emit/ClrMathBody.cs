using System.Globalization;
using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>The mathematics of the language, written once for all targets, as nodes. A name is a number in the list of all values so far.</summary>
internal sealed class ClrMathBody(ElementType type, int lanes, CpuTarget target, LaneShape shape, List<Lanes> values) : MathBody(type, lanes, target)
{
    private readonly Dictionary<long, Lanes> _placed = [];

    /// <summary>Set: places a constant, given by the bits of a lane, in memory; else it is a constant of the code.</summary>
    public Func<Type, byte[], Node>? Place { get; init; }

    private ElementType IntType => Single ? ElementType.I32 : ElementType.I64;

    public override ClrMathBody As(ElementType type) => new(type, Lanes, Target, shape, values) { UsualOnly = UsualOnly, Place = Place };

    public Flt Input(Node part) => Float(new Lanes(new LaneType(Type, Lanes), Type, [part]));

    public Lanes Value(string name) => values[int.Parse(name, CultureInfo.InvariantCulture)];

    // 0 is made faster than it is read.
    public override Flt F(double value) => Place is null || BitConverter.DoubleToInt64Bits(value) == 0
        ? Float(shape.Splat(new LaneType(Type, Lanes), LaneShape.Number(Type, value)))
        : Float(Placed(value));

    public override Int I(long value) => Whole(shape.Splat(new LaneType(IntType, Lanes), LaneShape.Number(IntType, value)));

    public override Flt Binary(string op, Flt a, Flt b) =>
        Float(Value(a.Name).Zip(Value(b.Name), (x, y) => VectorIl.Call(op switch { "fadd" => "Add", "fsub" => "Subtract", "fmul" => "Multiply", _ => "Divide" }, x, y)));

    public override Int Binary(string op, Int a, Int b) => op switch
    {
        "shl" or "ashr" or "lshr" => Whole(Value(a.Name).Map(x => VectorIl.Call(
            op switch { "shl" => "ShiftLeft", "ashr" => "ShiftRightArithmetic", _ => "ShiftRightLogical" }, x, Node.Int32((int)Count(b))))),
        _ => Whole(Value(a.Name).Zip(Value(b.Name), (x, y) =>
            VectorIl.Call(op switch { "add" => "Add", "sub" => "Subtract", "and" => "BitwiseAnd", "or" => "BitwiseOr", _ => "Xor" }, x, y))),
    };

    public override Mask Binary(string op, Mask a, Mask b) =>
        Truth(Value(a.Name).Zip(Value(b.Name), (x, y) => VectorIl.Call(op switch { "and" => "BitwiseAnd", "or" => "BitwiseOr", _ => "Xor" }, x, y)));

    public override Mask Not(Mask a) => Truth(Value(a.Name).Map(x => VectorIl.Call("OnesComplement", x)));

    public override Flt Negate(Flt a) => Float(Value(a.Name).Map(x => VectorIl.Call("Negate", x)));

    // Ordered comparisons, and the opposites of ordered ones: "u" is true where a side is nan.
    public override Mask Compare(string how, Flt a, Flt b) => how switch
    {
        "uno" => !(Compared("Equals", Value(a.Name), Value(a.Name)) & Compared("Equals", Value(b.Name), Value(b.Name))),
        "une" => !Compared("Equals", Value(a.Name), Value(b.Name)),
        "uge" => !Compared("LessThan", Value(a.Name), Value(b.Name)),
        _ => Compared(Name(how[1..]), Value(a.Name), Value(b.Name)),
    };

    public override Mask Compare(string how, Int a, Int b) =>
        how == "ne" ? !Compared("Equals", Value(a.Name), Value(b.Name)) : Compared(Name(how == "eq" ? how : how[1..]), Value(a.Name), Value(b.Name));

    public override Flt Select(Mask mask, Flt yes, Flt no) => Float(Chosen(mask, Value(yes.Name), Value(no.Name)));

    public override Flt AtMost(Flt a, double bound) => Float(Value(F(bound).Name).Zip(Value(a.Name), VectorIl.Smaller));

    public override Flt AtLeast(Flt a, double bound) => Float(Value(F(bound).Name).Zip(Value(a.Name), VectorIl.Larger));

    public override Int Select(Mask mask, Int yes, Int no) => Whole(Chosen(mask, Value(yes.Name), Value(no.Name)));

    public override Int BitsOf(Flt a) => Whole(Value(a.Name).Map(x => VectorApi.As(x, VectorApi.Element(IntType))));

    public override Flt FromBits(Int a) => Float(Value(a.Name).Map(x => VectorApi.As(x, VectorApi.Element(Type))));

    public override Flt CopySign(Flt magnitude, Flt sign) => Float(Value(magnitude.Name).Zip(Value(sign.Name), (x, y) => VectorIl.Call("CopySign", x, y)));

    public override Flt Intrinsic(string name, Flt a)
    {
        var method = name switch { "fabs" => "Abs", "sqrt" => "Sqrt", "floor" => "Floor", "ceil" => "Ceiling", "trunc" => "Truncate", _ => "Round" };
        return Float(Value(a.Name).Map(x => VectorIl.Call(method, x)));
    }

    public override Flt MulAdd(Flt a, Flt b, Flt c) => Target.HasFma ? FusedMulAdd(a, b, c) : (a * b) + c;

    // Both may be several vectors.
    public override Flt Widen(Flt a)
    {
        var wide = As(ElementType.F64);
        return wide.Float(shape.Widen(Value(a.Name), ElementType.F64) with { Type = new LaneType(ElementType.F64, Lanes) });
    }

    public override Flt Narrow(Flt a) => Float(shape.Narrow(((ClrMathBody)a.Body).Value(a.Name), ElementType.F32) with { Type = new LaneType(ElementType.F32, Lanes) });

    public override Flt Rarely(Mask rare, Flt usual, Func<Flt> otherwise)
    {
        if (UsualOnly)
        {
            return usual;
        }

        var (often, any) = (Value(usual.Name), shape.Any(Value(rare.Name)));
        var other = Value(otherwise().Name);
        return Float(often.Zip(other, (x, y) => Rarely(any, x, y)));
    }

    // Whole functions do these lanes on their own (ClrMath).
    public override (Flt R, Flt Low, Int K) ReducedWhereHuge(MathLibrary library, Mask huge, Flt x, Turn turn, (Flt R, Flt Low, Int K) usual, bool wantLow) => usual;

    // As above: a remainder is no function of these at all.
    public override Flt SlowRemainder(MathLibrary library, Flt x, Flt y) => throw new CompilerBugException("clr", "a remainder is written lane by lane");

    /// <summary><paramref name="usual"/>, and where the condition holds <paramref name="otherwise"/>, which is not computed else.</summary>
    public static Node Rarely(Node condition, Node usual, Node otherwise) => new(
        usual.Type,
        w =>
        {
            var (result, done) = (w.NewLocal(usual.Type), w.Il.DefineLabel());
            var test = w.NewLocal(typeof(int));
            w.Il.Emit(OpCodes.Stloc, test);
            w.Il.Emit(OpCodes.Stloc, result);
            w.Il.Emit(OpCodes.Ldloc, test);
            w.Il.Emit(OpCodes.Brfalse, done);
            w.Branch(otherwise);

            // Its own local: a call writes it through an address, and what has an address is not in a register.
            var other = w.NewLocal(usual.Type);
            w.Il.Emit(OpCodes.Stloc, other);
            w.Il.Emit(OpCodes.Ldloc, other);
            w.Il.Emit(OpCodes.Stloc, result);
            w.Il.MarkLabel(done);
            w.Il.Emit(OpCodes.Ldloc, result);
        },
        usual,
        condition)
    {
        Branches = [otherwise],
    };

    protected override Flt FusedMulAdd(Flt a, Flt b, Flt c) =>
        Float(Value(a.Name) with { Parts = [.. Value(a.Name).Parts.Select((x, i) => VectorIl.Call("FusedMultiplyAdd", x, Value(b.Name).Parts[i], Value(c.Name).Parts[i]))] });

    private Lanes Placed(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        if (!_placed.TryGetValue(bits, out var known))
        {
            var (bytes, count) = shape.Layout(Type, Lanes);
            var node = Place!(VectorApi.Vector(bytes, VectorApi.Element(Type)), Single ? BitConverter.GetBytes((float)value) : BitConverter.GetBytes(value));
            _placed[bits] = known = new Lanes(new LaneType(Type, Lanes), Type, [.. Enumerable.Repeat(node, count)]);
        }

        return known;
    }

    private static string Name(string how) => how switch
    {
        "eq" => "Equals",
        "lt" => "LessThan",
        "le" => "LessThanOrEqual",
        "gt" => "GreaterThan",
        _ => "GreaterThanOrEqual",
    };

    private static Lanes Chosen(Mask mask, Lanes yes, Lanes no)
    {
        var masks = ((ClrMathBody)mask.Body).Value(mask.Name);
        return yes with { Parts = [.. yes.Parts.Select((x, i) => VectorIl.Select(masks.Parts[i], x, no.Parts[i]))] };
    }

    // Counts of shifts are constants.
    private long Count(Int b) => Value(b.Name).Parts[0].Operands[0].Integer!.Value;

    private Mask Compared(string name, Lanes a, Lanes b) => Truth(a.Zip(b, (x, y) => VectorApi.As(VectorIl.Call(name, x, y), VectorApi.Element(IntType))));

    private Flt Float(Lanes value) => new(this, Add(value with { Type = new LaneType(Type, Lanes), Carrier = Type }));

    private Int Whole(Lanes value) => new(this, Add(value with { Type = new LaneType(IntType, Lanes), Carrier = IntType }));

    private Mask Truth(Lanes value) => new(this, Add(value with { Type = new LaneType(ElementType.Bool, Lanes), Carrier = IntType }));

    private string Add(Lanes value)
    {
        values.Add(value);
        return (values.Count - 1).ToString(CultureInfo.InvariantCulture);
    }
}
