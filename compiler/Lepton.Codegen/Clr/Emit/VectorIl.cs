using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Elementwise operations on vectors, part by part.</summary>
internal sealed class VectorIl(LaneShape shape, bool hasFma, ClrMath math, Node constants)
{
    public LaneShape Shape => shape;

    /// <summary>See <see cref="ConstantPool.Opaque"/>.</summary>
    public Node Opaque(Node integer) => ConstantPool.Opaque(constants, integer);

    /// <summary>The value that a local was bound to, if that is still what its operands are; null: not known.</summary>
    public Func<Node, Node?> Definition { get; set; } = _ => null;

    /// <summary>op(arguments) with all arguments of type <paramref name="from"/> (of select: of the second operand) and a result of type <paramref name="to"/>.</summary>
    public Lanes Emit(MapOp op, LaneType from, LaneType to, Lanes[] a)
    {
        if (op is MapOp.RandomUniform or MapOp.RandomNormal)
        {
            return new RandomIl(this, math).Emit(op, to, a);
        }

        if (to.Lanes > 1)
        {
            return op switch
            {
                MapOp.Cast => Cast(a[0], to),
                MapOp.Select => Select(a[0], a[1], a[2]),
                MapOp.And or MapOp.Or => Logic(op, a[0], a[1]),
                MapOp.Not => a[0].Map(p => Call("OnesComplement", p)),
                >= MapOp.Equal and <= MapOp.GreaterEqual => Compare(op, a[0], a[1]),
                _ => from.Element.IsFloat() ? Float(op, to, a) : Integer(op, to, a),
            };
        }

        return ScalarIl.Emit(op, from.Element, to.Element, [.. a.Select(x => x.Scalar)]) is { } value
            ? new Lanes(to, to.Element, [value])
            : new Lanes(to, to.Element, [math.Scalar(op, to.Element, [.. a.Select(x => x.Scalar)])]);
    }

    public static Node Call(string name, params Node[] parts) => VectorApi.Call(name, VectorApi.Bytes(parts[0].Type), parts);

    /// <summary>The vector of a number, of another one's type.</summary>
    public static Node Like(Node part, Node scalar) => VectorApi.Splat(VectorApi.Bytes(part.Type), VectorApi.ElementOf(part.Type), scalar);

    /// <summary>a·b + c: one rounding where the machine fuses.</summary>
    public Lanes Fma(LaneType type, Lanes a, Lanes b, Lanes c)
    {
        if (type.Element.IsFloat() && hasFma)
        {
            return type.Lanes > 1
                ? a with { Parts = [.. a.Parts.Select((p, i) => Call("FusedMultiplyAdd", p, b.Parts[i], c.Parts[i]))] }
                : a with
                {
                    Parts =
                    [
                        Node.Call(
                            (type.Element == ElementType.F32 ? typeof(MathF) : typeof(Math)).GetMethod("FusedMultiplyAdd")!, a.Scalar, b.Scalar, c.Scalar),
                    ],
                };
        }

        return Emit(MapOp.Add, type, type, [Emit(MapOp.Mul, type, type, [a, b]), c]);
    }

    public Lanes Select(Lanes mask, Lanes yes, Lanes no)
    {
        if (yes.Type.Element == ElementType.Bool)
        {
            // All three alike; and, or and not of masks would do as well.
            var size = yes.Carrier.ByteSize();
            (mask, no) = (shape.Mask(mask, size), shape.Mask(no, size));
        }
        else
        {
            mask = shape.Mask(mask, yes.Carrier.ByteSize());
        }

        return yes with { Parts = [.. yes.Parts.Select((p, i) => AsExtreme(mask.Parts[i], p, no.Parts[i]) ?? Select(mask.Parts[i], p, no.Parts[i]))] };
    }

    // select(a > b, a, b) is one instruction, which takes b where they cannot be compared.
    private Node? AsExtreme(Node mask, Node yes, Node no)
    {
        var bits = mask.Bits ?? mask;
        bits = Definition(bits) ?? bits;
        bits = bits.Bits ?? bits;
        return yes.Type.GetGenericArguments()[0] is var t && t != typeof(float) && t != typeof(double) ? null
            : bits.Operands is not [var a, var b] || a != yes || b != no ? null
            : bits.Method?.Name switch { "GreaterThan" => Larger(yes, no), "LessThan" => Smaller(yes, no), _ => null };
    }

    /// <summary>a where it is larger, else b: also where one is nan, and of zeros.</summary>
    public static Node Larger(Node a, Node b) => ClrSupport.HasOrderedExtremes ? Call("MaxNative", a, b) : Select(Call("GreaterThan", a, b), a, b);

    /// <summary>a where it is smaller, else b.</summary>
    public static Node Smaller(Node a, Node b) => ClrSupport.HasOrderedExtremes ? Call("MinNative", a, b) : Select(Call("LessThan", a, b), a, b);

    /// <summary>Lanes of <paramref name="yes"/> where the mask, of any element type, is all ones.</summary>
    public static Node Select(Node mask, Node yes, Node no)
    {
        mask = VectorApi.As(mask, VectorApi.ElementOf(yes.Type));
        return ClrSupport.Blend(yes.Type) is { } blend ? Node.Call(blend, no, yes, mask) : Call("ConditionalSelect", mask, yes, no);
    }

    private Lanes Logic(MapOp op, Lanes a, Lanes b)
    {
        b = shape.Mask(b, a.Carrier.ByteSize());
        return a.Zip(b, (x, y) => Call(op == MapOp.And ? "BitwiseAnd" : "BitwiseOr", x, y));
    }

    private Lanes Compare(MapOp op, Lanes a, Lanes b)
    {
        if (a.Type.Element == ElementType.Bool)
        {
            // false < true: as masks, -1 for true, the other way round.
            b = shape.Mask(b, a.Carrier.ByteSize());
            (a, b) = (b, a);
        }

        var result = LaneShape.Signed(a.Carrier.ByteSize());
        var name = op switch
        {
            MapOp.Equal or MapOp.NotEqual => "Equals",
            MapOp.Less => "LessThan",
            MapOp.LessEqual => "LessThanOrEqual",
            MapOp.Greater => "GreaterThan",
            _ => "GreaterThanOrEqual",
        };
        var parts = a.Zip(b, (x, y) => VectorApi.As(Call(name, x, y), VectorApi.Element(result))).Parts;
        var mask = new Lanes(new LaneType(ElementType.Bool, a.Type.Lanes), result, parts);
        return op == MapOp.NotEqual ? mask.Map(p => Call("OnesComplement", p)) : mask;
    }

    private Lanes Float(MapOp op, LaneType type, Lanes[] a)
    {
        var x = a[0];
        switch (op)
        {
            case MapOp.Add or MapOp.Sub or MapOp.Mul or MapOp.Div:
                return x.Zip(a[1], (p, q) => Call(op switch { MapOp.Add => "Add", MapOp.Sub => "Subtract", MapOp.Mul => "Multiply", _ => "Divide" }, p, q));
            case MapOp.Neg or MapOp.Abs or MapOp.Sqrt or MapOp.Floor or MapOp.Round:
                return x.Map(p => Call(op == MapOp.Neg ? "Negate" : op.ToString(), p));
            case MapOp.Ceil or MapOp.Trunc:
                return x.Map(p => Call(op == MapOp.Ceil ? "Ceiling" : "Truncate", p));
            case MapOp.Rsqrt:
                return x.Map(p => Call("Divide", Like(p, LaneShape.Number(type.Element, 1L)), Call("Sqrt", p)));
            case MapOp.Min or MapOp.Max:
                return x.Zip(a[1], (p, q) => Extreme(op, p, q));
            case MapOp.Sign:
                // 0, -0.0 and nan are their own signs.
                return x.Map(p =>
                {
                    var (zero, one) = (Like(p, LaneShape.Zero(type.Element)), Like(p, LaneShape.Number(type.Element, 1L)));
                    var nonZero = Call("BitwiseOr", Call("LessThan", p, zero), Call("GreaterThan", p, zero));
                    return Select(nonZero, Call("CopySign", one, p), p);
                });
            case MapOp.IsNan:
                return Test(x, p => Call("OnesComplement", Call("Equals", p, p)));
            case MapOp.IsFinite:
                return Test(x, p => Call("LessThan", Call("Abs", p), Like(p, LaneShape.Number(type.Element == ElementType.Bool ? x.Carrier : type.Element, double.PositiveInfinity))));
            case MapOp.Rem:
                return x.Zip(a[1], (p, q) => math.Call(op, x.Carrier, [p, q]));
            default:
                return x with { Parts = [.. x.Parts.Select((p, i) => math.Inline(op, x.Carrier, [.. a.Select(v => v.Parts[i])], constants))] };
        }
    }

    // The larger one, b when unordered: so nan in b comes through; nan in a is put back.
    private static Node Extreme(MapOp op, Node a, Node b) => Select(Call("Equals", a, a), op == MapOp.Max ? Larger(a, b) : Smaller(a, b), a);

    private static Lanes Test(Lanes x, Func<Node, Node> test)
    {
        var carrier = LaneShape.Signed(x.Carrier.ByteSize());
        return new Lanes(new LaneType(ElementType.Bool, x.Type.Lanes), carrier, [.. x.Parts.Select(p => VectorApi.As(test(p), VectorApi.Element(carrier)))]);
    }

    private Lanes Integer(MapOp op, LaneType type, Lanes[] a)
    {
        var x = a[0];
        switch (op)
        {
            case MapOp.Add or MapOp.Sub or MapOp.Mul or MapOp.Min or MapOp.Max:
                return x.Zip(a[1], (p, q) => Call(op switch { MapOp.Sub => "Subtract", MapOp.Mul => "Multiply", _ => op.ToString() }, p, q));
            case MapOp.Neg:
                return x.Map(p => Call("Negate", p));
            case MapOp.Abs:
                return type.Element == ElementType.U8 ? x : x.Map(p => Select(Call("LessThan", p, Zero(p)), Call("Negate", p), p));
            case MapOp.Sign:
                // (x < 0) - (x > 0) of masks, which are -1.
                return x.Map(p => type.Element == ElementType.U8
                    ? Call("Min", p, Like(p, Node.Int32(1)))
                    : Call("Subtract", Call("LessThan", p, Zero(p)), Call("GreaterThan", p, Zero(p))));
            default:
                return Each(type, l => ScalarIl.Emit(op, type.Element, type.Element, [.. a.Select(v => shape.Lane(v, l))])!);
        }
    }

    /// <summary>Lane by lane, by scalars.</summary>
    public Lanes Each(LaneType type, Func<int, Node> lane) => shape.Of(type, type.Element, [.. Enumerable.Range(0, type.Lanes).Select(lane)]);

    public Lanes Cast(Lanes value, LaneType to)
    {
        var (from, type) = (value.Type.Element, to.Element);
        if (from == type)
        {
            return value;
        }

        if (type == ElementType.Bool)
        {
            return Compare(MapOp.NotEqual, value, value.Map(Zero));
        }

        if (from == ElementType.Bool)
        {
            var mask = shape.Mask(value, type.ByteSize());
            return new Lanes(to, type, [.. mask.Parts.Select(p => VectorApi.As(p, VectorApi.Element(type))).Select(p => Call("BitwiseAnd", p, Like(p, LaneShape.Number(type, 1L))))]);
        }

        return (from.IsFloat(), type.IsFloat()) switch
        {
            (true, true) => type == ElementType.F64 ? shape.Widen(value, type) with { Type = to } : shape.Narrow(value, type) with { Type = to },
            (false, false) => Resize(value, to),
            (false, true) => FromInteger(value, to),
            _ => ToInteger(value, to),
        };
    }

    private Lanes FromInteger(Lanes value, LaneType to)
    {
        var lanes = to.Lanes;
        if (to.Element == ElementType.F32)
        {
            // An i64 by way of a double would be rounded twice.
            return value.Carrier == ElementType.I64
                ? Each(to, l => ScalarIl.Emit(MapOp.Cast, ElementType.I64, ElementType.F32, [shape.Lane(value, l)])!)
                : new Lanes(to, ElementType.F32, Resize(value, new LaneType(ElementType.I32, lanes)).Map(p => Call("ConvertToSingle", p)).Parts);
        }

        return new Lanes(to, ElementType.F64, Resize(value, new LaneType(ElementType.I64, lanes)).Map(p => Call("ConvertToDouble", p)).Parts);
    }

    // Saturates; nan gives 0.
    private Lanes ToInteger(Lanes value, LaneType to)
    {
        var lanes = to.Lanes;
        var isLong = value.Carrier == ElementType.F64 || to.Element == ElementType.I64;
        if (isLong && value.Carrier == ElementType.F32)
        {
            value = shape.Widen(value, ElementType.F64);
        }

        var whole = isLong ? ElementType.I64 : ElementType.I32;
        var integers = new Lanes(new LaneType(whole, lanes), whole, value.Map(p => Call(isLong ? "ConvertToInt64" : "ConvertToInt32", p)).Parts);
        if (to.Element != whole)
        {
            integers = integers.Map(p => Call(
                "Min", Call("Max", p, Like(p, LaneShape.Number(whole, ScalarIl.Least(to.Element)))), Like(p, LaneShape.Number(whole, ScalarIl.Most(to.Element)))));
        }

        return Resize(integers, to);
    }

    /// <summary>An integer to an integer: its sign or zeros come in, high bits are left out.</summary>
    public Lanes Resize(Lanes value, LaneType to)
    {
        var size = to.Element.ByteSize();
        while (value.Carrier.ByteSize() != size)
        {
            var now = value.Carrier.ByteSize();
            value = now < size ? shape.Widen(value, LaneShape.Signed(now * 2)) : shape.Narrow(value, LaneShape.Signed(now / 2));
        }

        return new Lanes(to, to.Element, [.. value.Parts.Select(p => VectorApi.As(p, VectorApi.Element(to.Element)))]);
    }

    private static Node Zero(Node part) => Like(part, VectorApi.ElementOf(part.Type) is var t && t == typeof(long) ? Node.Int64(0)
        : t == typeof(float) ? Node.Single(0) : t == typeof(double) ? Node.Double(0) : Node.Int32(0));
}
