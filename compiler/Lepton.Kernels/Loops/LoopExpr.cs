using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Loops;

/// <summary>
/// The type of a value inside a kernel: an element type times a number of lanes (1: a scalar). Lanes are explicit; a target with narrower
/// registers splits them. bool is one bit here and one byte in memory; f16 and bf16 are computed in f32 and exist only in memory.
/// </summary>
public readonly record struct LaneType(ElementType Element, int Lanes)
{
    public static readonly LaneType Index = new(ElementType.I64, 1);

    public override string ToString() => Lanes == 1 ? Element.Name() : $"{Element.Name()}x{Lanes}";
}

/// <summary>
/// A pure value inside a kernel. Trees are small: whatever is used twice, and every step of a long chain, is bound by a
/// <see cref="LetStatement"/>. A translation derives from <see cref="LoopExprVisitor{T}"/>.
/// </summary>
public abstract record LoopExpr(LaneType Type)
{
    public abstract T Accept<T>(LoopExprVisitor<T> visitor);
}

/// <summary>A number, the same in all lanes. Element is never f16 or bf16.</summary>
public sealed record NumberExpr(LaneType Type, Scalar Value) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A size over the kernel's size variables: i64 scalar, computed once at the head of the kernel.</summary>
public sealed record SizeOfExpr(SizeExpr Size) : LoopExpr(LaneType.Index)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A let-bound value, a mutable variable's present value, a loop counter, or the chunk number.</summary>
public sealed record VariableExpr(LaneType Type, int Variable) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>An elementwise operation of the graph, lane by lane; operands have the same number of lanes. Cast goes to Type.Element.</summary>
public sealed record MapExpr(LaneType Type, MapOp Op, ValueList<LoopExpr> Arguments) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>a·b + c, fused where the target can (one rounding), else two roundings; integers wrap.</summary>
public sealed record FmaExpr(LaneType Type, LoopExpr A, LoopExpr B, LoopExpr C) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// Lane l is c[l] + Σ a[gl + j]·b[gl + j], j = 0 … g - 1, in i32, which wraps: i16 lanes of A and B where g is 2; u8 lanes of the one and i8 lanes of the
/// other where g is 4.
/// </summary>
public sealed record DotExpr(LaneType Type, LoopExpr A, LoopExpr B, LoopExpr C) : LoopExpr(Type)
{
    /// <summary>g: how many products a lane of the result has.</summary>
    public int Group => A.Type.Lanes / Type.Lanes;

    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

public enum BitOp
{
    BitAnd,
    BitOr,
    ShiftLeft,

    /// <summary>Zeros come in.</summary>
    ShiftRight,

    /// <summary>The number of the lowest bit that is 1; of 0: 64.</summary>
    TrailingZeros,
}

/// <summary>An operation on the 64 bits of i64 scalars: sets of small numbers.</summary>
public sealed record BitExpr(BitOp Op, ValueList<LoopExpr> Arguments) : LoopExpr(LaneType.Index)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>The bits of each lane as a number of another type of as many bytes: f32 and i32, f64 and i64.</summary>
public sealed record ReinterpretExpr(ElementType Element, LoopExpr Value) : LoopExpr(Value.Type with { Element = Element })
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// Lane l reads element Index + l·Stride of the buffer (Index: i64 scalar; Stride null: 1). Type.Element is the buffer's compute type: f16 and
/// bf16 memory arrives as f32. Where Mask (bool lanes) is false nothing is read and the lane is 0.
/// </summary>
public sealed record LoadExpr(LaneType Type, int Buffer, LoopExpr Index, LoopExpr? Stride = null, LoopExpr? Mask = null) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Lane l reads element Indices[l] (i64 lanes). Where Mask is false nothing is read and the lane is 0.</summary>
public sealed record GatherExpr(LaneType Type, int Buffer, LoopExpr Indices, LoopExpr? Mask = null) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A scalar in every lane.</summary>
public sealed record SplatExpr(LaneType Type, LoopExpr Value) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Base + l·Step in lane l: i64 lanes; Base and Step are i64 scalars.</summary>
public sealed record RampExpr(LaneType Type, LoopExpr Base, LoopExpr Step) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>All lanes combined to a scalar by halving: (v[0..n/2] op v[n/2..n]) and so on. Kind: Sum Prod Max Min Any All (max and min propagate nan).</summary>
public sealed record LaneReduceExpr(LaneType Type, ReduceKind Kind, LoopExpr Vector) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Lane number Lane (a constant) of a vector.</summary>
public sealed record LaneExpr(LaneType Type, LoopExpr Vector, int Lane) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Lane l is lane Lanes[l] of A and B, one behind the other; they are of one type, which may have another number of lanes.</summary>
public sealed record ShuffleExpr(LaneType Type, LoopExpr A, LoopExpr B, ValueList<int> Lanes) : LoopExpr(Type)
{
    public override T Accept<T>(LoopExprVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A translation of every expression.</summary>
public abstract class LoopExprVisitor<T>
{
    public abstract T Visit(NumberExpr expr);

    public abstract T Visit(SizeOfExpr expr);

    public abstract T Visit(VariableExpr expr);

    public abstract T Visit(MapExpr expr);

    public abstract T Visit(FmaExpr expr);

    public abstract T Visit(DotExpr expr);

    public abstract T Visit(BitExpr expr);

    public abstract T Visit(ReinterpretExpr expr);

    public abstract T Visit(LoadExpr expr);

    public abstract T Visit(GatherExpr expr);

    public abstract T Visit(SplatExpr expr);

    public abstract T Visit(RampExpr expr);

    public abstract T Visit(LaneReduceExpr expr);

    public abstract T Visit(LaneExpr expr);

    public abstract T Visit(ShuffleExpr expr);
}
