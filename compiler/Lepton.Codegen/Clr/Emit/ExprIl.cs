using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Expressions of a kernel as nodes.</summary>
internal sealed class ExprIl(
    VectorIl vectors,
    MemoryIl memory,
    IReadOnlyList<Place> places,
    Func<SizeExpr, Node> size,
    Func<VariableExpr, Lanes> variable) : LoopExprVisitor<Lanes>
{
    private readonly LaneShape _shape = vectors.Shape;

    public Lanes Value(LoopExpr expr) => expr.Accept(this);

    /// <summary>A mask for lanes of so many bytes.</summary>
    public Lanes MaskOf(Lanes mask, int size) => _shape.Mask(mask, size);

    public Node Scalar(LoopExpr expr) => Value(expr).Scalar;

    public override Lanes Visit(NumberExpr expr) => _shape.Splat(
        expr.Type, expr.Type.Element.IsFloat() ? LaneShape.Number(expr.Type.Element, expr.Value.AsDouble) : LaneShape.Number(expr.Type.Element, expr.Value.Bits));

    public override Lanes Visit(SizeOfExpr expr) => new(expr.Type, ElementType.I64, [size(expr.Size)]);

    public override Lanes Visit(VariableExpr expr) => variable(expr);

    public override Lanes Visit(MapExpr expr) =>
        vectors.Emit(expr.Op, expr.Arguments[expr.Op == MapOp.Select ? 1 : 0].Type, expr.Type, [.. expr.Arguments.Select(Value)]);

    public override Lanes Visit(FmaExpr expr) => vectors.Fma(expr.Type, Value(expr.A), Value(expr.B), Value(expr.C));

    public override Lanes Visit(BitExpr expr)
    {
        Node[] a = [.. expr.Arguments.Select(Scalar)];
        return new Lanes(expr.Type, ElementType.I64, [expr.Op switch
        {
            BitOp.BitAnd => a[0] & a[1],
            BitOp.BitOr => a[0] | a[1],
            BitOp.ShiftLeft => Node.Op(OpCodes.Shl, typeof(long), a[0], Node.Op(OpCodes.Conv_I4, typeof(int), a[1])),
            BitOp.ShiftRight => Node.Op(OpCodes.Shr_Un, typeof(long), a[0], Node.Op(OpCodes.Conv_I4, typeof(int), a[1])),
            _ => Node.Op(OpCodes.Conv_I8, typeof(long), Node.Call(typeof(System.Numerics.BitOperations).GetMethod("TrailingZeroCount", [typeof(long)])!, a)),
        }]);
    }

    public override Lanes Visit(ReinterpretExpr expr)
    {
        var value = Value(expr.Value);
        return new Lanes(expr.Type, expr.Element, [.. value.Parts.Select(p => value.IsScalar ? Node.Reinterpret(p) : VectorApi.As(p, VectorApi.Element(expr.Element)))]);
    }

    // The narrow lanes lie where their 32-bit sums do: the j-th of them is shifted to the top of the sum's lane, and down again.
    public override Lanes Visit(DotExpr expr)
    {
        var (a, b, c) = (Value(expr.A), Value(expr.B), Value(expr.C));
        var (group, bits) = (expr.Group, 32 / expr.Group);
        return c with { Parts = [.. c.Parts.Select((p, i) =>
            c.IsScalar ? Enumerable.Range(0, group).Aggregate(p, (sum, j) => sum + (_shape.Lane(a, j) * _shape.Lane(b, j)))
            : group == 2 && ClrSupport.MultiplyAddAdjacent(a.Parts[i].Type) is { } instruction ? VectorIl.Call("Add", p, Node.Call(instruction, a.Parts[i], b.Parts[i]))
            : Enumerable.Range(0, group).Aggregate(p, (sum, j) => VectorIl.Call("Add", sum, VectorIl.Call("Multiply", Narrow(a, i, j), Narrow(b, i, j)))))] };

        Node Narrow(Lanes lanes, int part, int j)
        {
            var top = VectorApi.As(lanes.Parts[part], typeof(int));
            top = j == group - 1 ? top : VectorIl.Call("ShiftLeft", top, Node.Int32(32 - (bits * (j + 1))));
            return VectorIl.Call(lanes.Type.Element == ElementType.U8 ? "ShiftRightLogical" : "ShiftRightArithmetic", top, Node.Int32(32 - bits));
        }
    }

    public override Lanes Visit(LoadExpr expr) =>
        memory.Load(places[expr.Buffer], expr.Type, Scalar(expr.Index), expr.Stride is null ? null : Scalar(expr.Stride), Optional(expr.Mask));

    public override Lanes Visit(GatherExpr expr) => memory.Gather(places[expr.Buffer], expr.Type, Value(expr.Indices), Optional(expr.Mask));

    public override Lanes Visit(SplatExpr expr) => _shape.Splat(expr.Type, Scalar(expr.Value));

    // base + l·step
    public override Lanes Visit(RampExpr expr)
    {
        if (expr.Type.Lanes == 1)
        {
            return Value(expr.Base);
        }

        var (start, step) = (Scalar(expr.Base), Scalar(expr.Step));
        var offsets = _shape.Constants(expr.Type, Enumerable.Range(0, expr.Type.Lanes).Select(l => l * (step.Integer ?? 1)));
        if (step.Integer is null)
        {
            offsets = offsets.Zip(_shape.Splat(expr.Type, step), (o, s) => VectorIl.Call("Multiply", o, s));
        }

        return offsets.Zip(_shape.Splat(expr.Type, start), (o, s) => VectorIl.Call("Add", s, o));
    }

    public override Lanes Visit(LaneExpr expr) => new(expr.Type, expr.Type.Element, [_shape.Lane(Value(expr.Vector), expr.Lane)]);

    public override Lanes Visit(ShuffleExpr expr) => _shape.Shuffle(expr.Type, Value(expr.A), Value(expr.B), expr.Lanes);

    // v[0..n/2] op v[n/2..n], and again, to one lane.
    public override Lanes Visit(LaneReduceExpr expr)
    {
        var value = Value(expr.Vector);
        if (expr.Kind is ReduceKind.Any or ReduceKind.All)
        {
            return new Lanes(expr.Type, expr.Type.Element, [expr.Kind == ReduceKind.Any ? _shape.Any(value) : _shape.All(value)]);
        }

        var op = expr.Kind.Combination() ?? throw new CompilerBugException("clr", $"lanes are not combined by {expr.Kind}");
        for (var type = expr.Vector.Type; type.Lanes > 1;)
        {
            if (type.Lanes % 2 != 0)
            {
                throw new CompilerBugException("clr", $"{type} lanes cannot be halved");
            }

            var half = type with { Lanes = type.Lanes / 2 };
            var (low, high) = (Slice(value, half, 0), Slice(value, half, half.Lanes));
            value = vectors.Emit(op, half, half, [low, high]);
            type = half;
        }

        return value;
    }

    private Lanes Slice(Lanes value, LaneType type, int start) => _shape.Shuffle(type, value, value, [.. Enumerable.Range(start, type.Lanes)]);

    private Lanes? Optional(LoopExpr? expr) => expr is null ? null : Value(expr);
}
