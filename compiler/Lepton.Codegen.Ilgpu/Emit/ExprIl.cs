using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>Expressions of a kernel as nodes of scalars.</summary>
internal sealed class ExprIl(
    ScalarMath math, IReadOnlyList<Place> places, Func<SizeExpr, Node> size, Func<VariableExpr, Lanes> variable) : LoopExprVisitor<Lanes>
{
    private readonly MapIl _map = new(math);

    public Lanes Value(LoopExpr expr) => expr.Accept(this);

    public Node Scalar(LoopExpr expr) => Value(expr).Scalar;

    /// <summary>The elements of a load or store: start + l·stride (stride null: 1).</summary>
    public Func<int, Node> Indices(LoopExpr index, LoopExpr? stride)
    {
        var (start, step) = (Scalar(index), stride is null ? Node.Int64(1) : Scalar(stride));
        return l => l == 0 ? start : start + (step * Node.Int64(l));
    }

    public Lanes? Optional(LoopExpr? expr) => expr is null ? null : Value(expr);

    public override Lanes Visit(NumberExpr expr) => Lanes.Of(expr.Type, _ => Lanes.Number(expr.Type.Element, expr.Value));

    public override Lanes Visit(SizeOfExpr expr) => new(expr.Type, [size(expr.Size)]);

    public override Lanes Visit(VariableExpr expr) => variable(expr);

    public override Lanes Visit(MapExpr expr) =>
        _map.Emit(expr.Op, expr.Arguments[expr.Op == MapOp.Select ? 1 : 0].Type.Element, expr.Type, [.. expr.Arguments.Select(Value)]);

    public override Lanes Visit(FmaExpr expr) => _map.Fma(expr.Type, Value(expr.A), Value(expr.B), Value(expr.C));

    public override Lanes Visit(BitExpr expr)
    {
        Node[] a = [.. expr.Arguments.Select(Scalar)];
        Node Shifted(OpCode code) => Node.Op(code, typeof(long), a[0], Node.Op(OpCodes.Conv_I4, typeof(int), a[1]));
        return new Lanes(expr.Type, [expr.Op switch
        {
            BitOp.BitAnd => a[0] & a[1],
            BitOp.BitOr => a[0] | a[1],
            BitOp.ShiftLeft => Shifted(OpCodes.Shl),
            BitOp.ShiftRight => Shifted(OpCodes.Shr_Un),
            _ => Node.Op(OpCodes.Conv_I8, typeof(long), Node.Call(typeof(System.Numerics.BitOperations).GetMethod("TrailingZeroCount", [typeof(long)])!, a)),
        }]);
    }

    public override Lanes Visit(ReinterpretExpr expr) => new(expr.Type, [.. Value(expr.Value).Parts.Select(Node.Reinterpret)]);

    public override Lanes Visit(DotExpr expr)
    {
        var (a, b, c) = (Value(expr.A).Parts, Value(expr.B).Parts, Value(expr.C).Parts);
        return Lanes.Of(expr.Type, l => Enumerable.Range(expr.Group * l, expr.Group).Aggregate(c[l], (sum, j) => sum + (a[j] * b[j])));
    }

    public override Lanes Visit(LoadExpr expr) => MemoryIl.Load(places[expr.Buffer], expr.Type, Indices(expr.Index, expr.Stride), Optional(expr.Mask));

    public override Lanes Visit(GatherExpr expr)
    {
        var indices = Value(expr.Indices).Parts;
        return MemoryIl.Load(places[expr.Buffer], expr.Type, l => indices[l], Optional(expr.Mask));
    }

    public override Lanes Visit(SplatExpr expr)
    {
        var value = Scalar(expr.Value);
        return Lanes.Of(expr.Type, _ => value);
    }

    public override Lanes Visit(RampExpr expr) => Lanes.Of(expr.Type, Indices(expr.Base, expr.Step));

    public override Lanes Visit(LaneExpr expr) => new(expr.Type, [Value(expr.Vector).Parts[expr.Lane]]);

    public override Lanes Visit(ShuffleExpr expr)
    {
        Node[] both = [.. Value(expr.A).Parts, .. Value(expr.B).Parts];
        return Lanes.Of(expr.Type, l => both[expr.Lanes[l]]);
    }

    // v[0..n/2] op v[n/2..n], and again, to one lane.
    public override Lanes Visit(LaneReduceExpr expr)
    {
        var parts = Value(expr.Vector).Parts;
        var op = expr.Kind.Combination() ?? throw new CompilerBugException("ilgpu", $"lanes are not combined by {expr.Kind}");
        if (!int.IsPow2(parts.Length) && expr.Kind is not (ReduceKind.Any or ReduceKind.All))
        {
            throw new CompilerBugException("ilgpu", $"{expr.Vector.Type} lanes cannot be halved");
        }

        while (parts.Length > 1)
        {
            var half = (parts.Length + 1) / 2;
            Node Pair(int l) => _map.One(op, expr.Type.Element, expr.Type.Element, [parts[l], parts[l + half]]);
            parts = [.. Enumerable.Range(0, half).Select(l => l + half < parts.Length ? Pair(l) : parts[l])];
        }

        return new Lanes(expr.Type, parts);
    }
}
