using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>Makers of bound values. Scalars among vectors are splat; sizes and small integers are computed here rather than in the kernel.</summary>
public static class BodyMath
{
    public static LoopExpr Index(long value) => new NumberExpr(LaneType.Index, Scalar.Integer(ElementType.I64, value));

    /// <summary>A size as a scalar.</summary>
    public static LoopExpr Index(SizeExpr size) => size.AsConstant is { } c ? Index(c) : new SizeOfExpr(size);

    /// <summary>A number in the type that a kernel computes <paramref name="value"/>'s type in.</summary>
    public static LoopExpr Number(Scalar value, int lanes = 1)
    {
        var type = value.Type.ComputeType();
        return new NumberExpr(new LaneType(type, lanes), type == value.Type ? value : Scalar.Float(type, value.AsDouble));
    }

    public static LoopExpr Number(ElementType element, long value, int lanes = 1) => Number(Scalar.Of(element.ComputeType(), value), lanes);

    /// <summary>The size that a scalar is, when it is known here.</summary>
    public static SizeExpr? AsSize(LoopExpr value) => value switch
    {
        SizeOfExpr s => s.Size,
        NumberExpr { Type: { Lanes: 1, Element: ElementType.I64 } } n => SizeExpr.Constant(n.Value.Bits),
        _ => null,
    };

    // Sizes of tensors do not overflow, but an index may be any number: then the kernel computes it, and wraps.
    private static LoopExpr? Known(LoopExpr a, LoopExpr b, Func<SizeExpr, SizeExpr, SizeExpr> combine)
    {
        try
        {
            return AsSize(a) is { } x && AsSize(b) is { } y ? Index(combine(x, y)) : null;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    /// <summary>The value with this number of lanes; a scalar becomes the same in all lanes.</summary>
    public static LoopExpr Splat(this BodyBuilder body, LoopExpr value, int lanes) =>
        value.Type.Lanes == lanes ? value
        : value is NumberExpr n ? new NumberExpr(n.Type with { Lanes = lanes }, n.Value)
        : body.Let(new SplatExpr(value.Type with { Lanes = lanes }, value));

    /// <summary>An elementwise operation; its result has the element type <paramref name="element"/> (as computed in kernels).</summary>
    public static LoopExpr Map(this BodyBuilder body, MapOp op, ElementType element, params ReadOnlySpan<LoopExpr> arguments)
    {
        var lanes = 1;
        foreach (var argument in arguments)
        {
            lanes = Math.Max(lanes, argument.Type.Lanes);
        }

        var even = new LoopExpr[arguments.Length];
        for (var i = 0; i < even.Length; i++)
        {
            even[i] = body.Splat(arguments[i], lanes);
        }

        return body.Let(new MapExpr(new LaneType(element.ComputeType(), lanes), op, even.ToValueList()));
    }

    public static LoopExpr Fma(this BodyBuilder body, LoopExpr a, LoopExpr b, LoopExpr c)
    {
        var lanes = Math.Max(a.Type.Lanes, Math.Max(b.Type.Lanes, c.Type.Lanes));
        return body.Let(new FmaExpr(new LaneType(c.Type.Element, lanes), body.Splat(a, lanes), body.Splat(b, lanes), body.Splat(c, lanes)));
    }

    public static LoopExpr Add(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        Known(a, b, static (x, y) => x + y) is { } sum ? sum
        : AsSize(a) == SizeExpr.Zero ? b
        : AsSize(b) == SizeExpr.Zero ? a
        : body.Map(MapOp.Add, a.Type.Element, a, b);

    public static LoopExpr Sub(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        Known(a, b, static (x, y) => x - y) is { } difference ? difference
        : AsSize(b) == SizeExpr.Zero ? a
        : body.Map(MapOp.Sub, a.Type.Element, a, b);

    public static LoopExpr Mul(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        Known(a, b, static (x, y) => x * y) is { } product ? product
        : AsSize(a) == SizeExpr.One ? b
        : AsSize(b) == SizeExpr.One ? a
        : body.Map(MapOp.Mul, a.Type.Element, a, b);

    /// <summary>floor(a / b); i64.</summary>
    public static LoopExpr FloorDiv(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        AsSize(b)?.LowerBound() > 0 && Known(a, b, SizeExpr.FloorDiv) is { } quotient ? quotient
        : AsSize(b) == SizeExpr.One ? a
        : body.Map(MapOp.Div, a.Type.Element, a, b);

    /// <summary>a - b·floor(a / b); i64.</summary>
    public static LoopExpr Rem(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        AsSize(b)?.LowerBound() > 0 && Known(a, b, SizeExpr.Mod) is { } rest ? rest
        : AsSize(b) == SizeExpr.One ? Index(0)
        : body.Map(MapOp.Rem, a.Type.Element, a, b);

    public static LoopExpr Min(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        a == b ? a : Known(a, b, SizeExpr.Min) ?? body.Map(MapOp.Min, a.Type.Element, a, b);

    public static LoopExpr Max(this BodyBuilder body, LoopExpr a, LoopExpr b) =>
        a == b ? a : Known(a, b, SizeExpr.Max) ?? body.Map(MapOp.Max, a.Type.Element, a, b);

    public static LoopExpr Less(this BodyBuilder body, LoopExpr a, LoopExpr b) => body.Map(MapOp.Less, ElementType.Bool, a, b);

    /// <summary>An operation on the bits of i64 scalars.</summary>
    public static LoopExpr Bits(this BodyBuilder body, BitOp op, params ReadOnlySpan<LoopExpr> arguments) => body.Let(new BitExpr(op, arguments.ToArray().ToValueList()));

    /// <summary>The bits of each lane as a number of another type of as many bytes.</summary>
    public static LoopExpr Reinterpret(this BodyBuilder body, LoopExpr value, ElementType to) => value.Type.Element == to ? value : body.Let(new ReinterpretExpr(to, value));

    /// <summary>Both masks; null is true everywhere.</summary>
    public static LoopExpr? And(this BodyBuilder body, LoopExpr? a, LoopExpr? b) =>
        a is null || a == b ? b : b is null ? a : body.Map(MapOp.And, ElementType.Bool, a, b);

    public static LoopExpr Not(this BodyBuilder body, LoopExpr a) => body.Map(MapOp.Not, ElementType.Bool, a);

    public static LoopExpr Select(this BodyBuilder body, LoopExpr condition, LoopExpr then, LoopExpr otherwise) =>
        body.Map(MapOp.Select, then.Type.Element, condition, then, otherwise);

    /// <summary>A vector of scalars that are computed one by one; lanes are a power of two.</summary>
    public static LoopExpr Together(this BodyBuilder body, int lanes, Func<int, LoopExpr> scalar)
    {
        return From(0, lanes);

        LoopExpr From(int lane, int count)
        {
            if (count == 1)
            {
                return scalar(lane);
            }

            var (a, b) = (From(lane, count / 2), From(lane + (count / 2), count / 2));
            return body.Let(new ShuffleExpr(a.Type with { Lanes = count }, a, b, Enumerable.Range(0, count).ToValueList()));
        }
    }

    /// <summary>All lanes combined by halving. For <see cref="ReduceKind"/> Sum … All.</summary>
    public static LoopExpr LaneReduce(this BodyBuilder body, ReduceKind kind, LoopExpr vector) =>
        vector.Type.Lanes == 1 ? vector : body.Let(new LaneReduceExpr(vector.Type with { Lanes = 1 }, kind, vector));

    /// <summary>A value converted to another element type (f16 and bf16: not rounded, that happens in memory).</summary>
    public static LoopExpr Cast(this BodyBuilder body, LoopExpr value, ElementType to) =>
        value.Type.Element == to.ComputeType() ? value : body.Map(MapOp.Cast, to, value);
}
