using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Expressions of a kernel as values: a name or a literal each.</summary>
internal sealed class ExprCode(
    FunctionText text,
    ModuleParts parts,
    MemoryCode memory,
    IReadOnlyList<Place> places,
    Func<SizeExpr, string> size,
    Func<VariableExpr, string> variable) : LoopExprVisitor<string>
{
    private readonly MapCode _map = new(text, parts);

    public string Value(LoopExpr expr) => expr.Accept(this);

    public override string Visit(NumberExpr expr) => IrTypes.Literal(expr.Type, expr.Value);

    public override string Visit(SizeOfExpr expr) => size(expr.Size);

    public override string Visit(VariableExpr expr) => variable(expr);

    public override string Visit(MapExpr expr)
    {
        var arguments = expr.Arguments.Select(Value).ToArray();
        return _map.Emit(expr.Op, expr.Arguments[expr.Op == MapOp.Select ? 1 : 0].Type, expr.Type, arguments);
    }

    /// <summary>A function whose argument is known to be <see cref="MapCode.UsualBelow"/>.</summary>
    public string Usual(MapExpr expr) => _map.Usual(expr.Op, expr.Type, Value(expr.Arguments[0]));

    /// <summary>
    /// Whether a lane of any value (all of one float type) has a magnitude that is not below its bound, an i1; nan is not. Bits without the
    /// sign are ordered as magnitudes are; so are they less a number, and the largest of all is compared.
    /// </summary>
    public string AnyNotBelow(IReadOnlyDictionary<LoopExpr, double> bounds)
    {
        var (least, floats) = (bounds.Values.Min(), bounds.First().Key.Type);
        var type = floats with { Element = floats.Element == ElementType.F32 ? ElementType.I32 : ElementType.I64 };
        string Call(string op, LaneType of, string a, string b) =>
            text.Value($"call {of.Text()} {parts.Intrinsic(of.Text(), $"llvm.{op}.{of.Suffix()}", $"{of.Text()}, {of.Text()}")}({of.Text()} {a}, {of.Text()} {b})");

        string? most = null;
        foreach (var (value, below) in bounds)
        {
            var bits = text.Value($"bitcast {floats.Text()} {Value(value)} to {type.Text()}");
            bits = text.Value($"and {type.Text()} {bits}, {IrTypes.Literal(type, floats.Element == ElementType.F32 ? int.MaxValue : long.MaxValue)}");
            bits = below == least ? bits : text.Value($"sub {type.Text()} {bits}, {IrTypes.Literal(type, Bits(below) - Bits(least))}");
            most = most is null ? bits : Call("smax", type, most, bits);
        }

        // Down to one register: the bits of its lanes are one instruction.
        while (type.Lanes * type.Element.ByteSize() > parts.Target.VectorBytes && type.Lanes % 2 == 0)
        {
            var half = type with { Lanes = type.Lanes / 2 };
            most = Call("smax", half, Part(most!, type, 0, half), Part(most!, type, half.Lanes, half));
            type = half;
        }

        var mask = IrTypes.Vector("i1", type.Lanes);
        var over = text.Value($"icmp sge {type.Text()} {most}, {IrTypes.Literal(type, Bits(least))}");
        return text.Value($"call i1 {parts.Intrinsic("i1", $"llvm.vector.reduce.or.v{type.Lanes}i1", mask)}({mask} {over})");

        long Bits(double value) =>
            floats.Element == ElementType.F32 ? BitConverter.SingleToInt32Bits((float)value) : BitConverter.DoubleToInt64Bits(value);
    }

    public override string Visit(FmaExpr expr) => _map.Fma(expr.Type, Value(expr.A), Value(expr.B), Value(expr.C));

    public override string Visit(BitExpr expr) => _map.Bits(expr.Op, [.. expr.Arguments.Select(Value)]);

    public override string Visit(ReinterpretExpr expr) => text.Value($"bitcast {expr.Value.Type.Text()} {Value(expr.Value)} to {expr.Type.Text()}");

    public override string Visit(DotExpr expr)
    {
        var (a, b, c) = (Value(expr.A), Value(expr.B), Value(expr.C));
        return expr.Group == 2 ? _map.PairDot(expr.Type, a, b, c)
            : expr.A.Type.Element == ElementType.U8 ? _map.ByteDot(expr.Type, a, b, c) : _map.ByteDot(expr.Type, b, a, c);
    }

    public override string Visit(LoadExpr expr) =>
        memory.Load(places[expr.Buffer], expr.Type, Value(expr.Index), Optional(expr.Stride), Optional(expr.Mask));

    public override string Visit(GatherExpr expr) => memory.Gather(places[expr.Buffer], expr.Type, Value(expr.Indices), Optional(expr.Mask));

    public override string Visit(SplatExpr expr) => memory.Splat(expr.Type, Value(expr.Value));

    public override string Visit(RampExpr expr) => expr.Type.Lanes == 1 ? Value(expr.Base) : memory.Ramp(expr.Type.Lanes, Value(expr.Base), Value(expr.Step));

    public override string Visit(LaneExpr expr) => expr.Vector.Type.Lanes == 1
        ? Value(expr.Vector)
        : text.Value($"extractelement {expr.Vector.Type.Text()} {Value(expr.Vector)}, i32 {expr.Lane}");

    public override string Visit(ShuffleExpr expr)
    {
        var (from, numbers) = ($"<{expr.A.Type.Lanes} x {IrTypes.Lane(expr.A.Type.Element)}>", string.Join(", ", expr.Lanes.Select(l => $"i32 {l}")));
        return text.Value($"shufflevector {from} {Vector(expr.A)}, {from} {Vector(expr.B)}, <{expr.Lanes.Count} x i32> <{numbers}>");

        // One lane is a scalar elsewhere.
        string Vector(LoopExpr operand) => operand.Type.Lanes > 1
            ? Value(operand)
            : text.Value($"insertelement {from} poison, {operand.Type.Text()} {Value(operand)}, i32 0");
    }

    // v[0..n/2] op v[n/2..n], and again, to one lane.
    public override string Visit(LaneReduceExpr expr)
    {
        var value = Value(expr.Vector);
        var op = expr.Kind.Combination() ?? throw new CompilerBugException("llvm", $"lanes are not combined by {expr.Kind}");
        for (var type = expr.Vector.Type; type.Lanes > 1;)
        {
            if (type.Lanes % 2 != 0)
            {
                throw new CompilerBugException("llvm", $"{type} lanes cannot be halved");
            }

            var half = type with { Lanes = type.Lanes / 2 };
            var (low, high) = (Part(value, type, 0, half), Part(value, type, half.Lanes, half));
            value = _map.Emit(op, half, half, [low, high]);
            type = half;
        }

        return value;
    }

    private string Part(string value, LaneType type, int start, LaneType part) => part.Lanes == 1
        ? text.Value($"extractelement {type.Text()} {value}, i32 {start}")
        : text.Slice(IrTypes.Lane(type.Element), type.Lanes, value, start, part.Lanes);

    private string? Optional(LoopExpr? expr) => expr is null ? null : Value(expr);
}
