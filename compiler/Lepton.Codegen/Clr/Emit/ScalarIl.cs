using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Elementwise operations on scalars. Integers below 32 bits are ints that hold a value of their type; a bool is 0 or 1.</summary>
internal static class ScalarIl
{
    /// <summary>null: what there is no instruction or method for; that is done in lanes.</summary>
    public static Node? Emit(MapOp op, ElementType from, ElementType to, Node[] a) => op switch
    {
        MapOp.Cast => Cast(a[0], from, to),
        MapOp.Select => Node.Call(ClrSupport.Method("Select").MakeGenericMethod(StackType(from)), a),
        MapOp.And => a[0] & a[1],
        MapOp.Or => a[0] | a[1],
        MapOp.Not => a[0] ^ Node.Int32(1),
        >= MapOp.Equal and <= MapOp.GreaterEqual => Compare(op, from, a[0], a[1]),
        _ => from.IsFloat() ? Float(op, from, a) : Integer(op, from, a),
    };

    public static Type StackType(ElementType type) => type switch
    {
        ElementType.F64 => typeof(double),
        ElementType.F32 => typeof(float),
        ElementType.I64 => typeof(long),
        _ => typeof(int),
    };

    /// <summary>The low bits of an int as a value of a narrower type.</summary>
    public static Node Wrap(ElementType type, Node value) => value.Integer is { } known ? LaneShape.Number(type, Scalar.Wrap(type, known)) : type switch
    {
        ElementType.I8 => Node.Op(OpCodes.Conv_I1, typeof(int), value),
        ElementType.U8 => Node.Op(OpCodes.Conv_U1, typeof(int), value),
        ElementType.I16 => Node.Op(OpCodes.Conv_I2, typeof(int), value),
        _ => value,
    };

    private static Node Compare(MapOp op, ElementType type, Node a, Node b)
    {
        var isFloat = type.IsFloat();
        return op switch
        {
            MapOp.Equal => Is(OpCodes.Ceq, a, b),
            MapOp.NotEqual => Not(Is(OpCodes.Ceq, a, b)),
            MapOp.Less => Is(OpCodes.Clt, a, b),
            MapOp.Greater => Is(OpCodes.Cgt, a, b),
            // "Unordered" ones of the opposite: false where a side is nan.
            MapOp.LessEqual => Not(Is(isFloat ? OpCodes.Cgt_Un : OpCodes.Cgt, a, b)),
            _ => Not(Is(isFloat ? OpCodes.Clt_Un : OpCodes.Clt, a, b)),
        };
    }

    private static Node Is(OpCode code, Node a, Node b) => Node.Op(code, typeof(int), a, b);

    private static Node Not(Node truth) => Node.Op(OpCodes.Ceq, typeof(int), truth, Node.Int32(0));

    private static Node? Float(MapOp op, ElementType type, Node[] a)
    {
        var t = StackType(type);
        return op switch
        {
            MapOp.Add => Node.Op(OpCodes.Add, t, a),
            MapOp.Sub => Node.Op(OpCodes.Sub, t, a),
            MapOp.Mul => Node.Op(OpCodes.Mul, t, a),
            MapOp.Div => Node.Op(OpCodes.Div, t, a),
            MapOp.Neg => Node.Op(OpCodes.Neg, t, a),
            MapOp.Abs => Function("Abs"),
            MapOp.Sqrt => Function("Sqrt"),
            MapOp.Floor => Function("Floor"),
            MapOp.Ceil => Function("Ceiling"),
            MapOp.Trunc => Function("Truncate"),
            MapOp.Round => Function("Round"),
            MapOp.Rsqrt => Node.Op(OpCodes.Div, t, LaneShape.Number(type, 1L), Function("Sqrt")),
            MapOp.Min => Node.Call(ClrSupport.Method("Min", t), a),
            MapOp.Max => Node.Call(ClrSupport.Method("Max", t), a),
            MapOp.Sign => Node.Call(ClrSupport.Method("Sign", t), a),
            MapOp.IsNan => Not(Is(OpCodes.Ceq, a[0], a[0])),
            MapOp.IsFinite => Is(OpCodes.Clt, Function("Abs"), LaneShape.Number(type, double.PositiveInfinity)),
            _ => null,
        };

        Node Function(string name) => Node.Call((type == ElementType.F32 ? typeof(MathF) : typeof(Math)).GetMethod(name, [t])!, a[0]);
    }

    private static Node Integer(MapOp op, ElementType type, Node[] a)
    {
        var t = StackType(type);
        return op switch
        {
            MapOp.Add => Wrap(type, a[0] + a[1]),
            MapOp.Sub => Wrap(type, a[0] - a[1]),
            MapOp.Mul => Wrap(type, a[0] * a[1]),
            MapOp.Neg => Wrap(type, Node.Op(OpCodes.Neg, t, a)),
            MapOp.Min => Node.Call(typeof(Math).GetMethod("Min", [t, t])!, a),
            MapOp.Max => Node.Call(typeof(Math).GetMethod("Max", [t, t])!, a),
            MapOp.Div => Wrap(type, Node.Call(ClrSupport.Method("Divide", t), a)),
            MapOp.Rem => Wrap(type, Node.Call(ClrSupport.Method("Remainder", t), a)),
            MapOp.Abs => Wrap(type, Node.Call(ClrSupport.Method("Abs", t), a)),
            MapOp.Sign => Node.Call(ClrSupport.Method("Sign", t), a),
            MapOp.Pow => Wrap(type, Node.Call(ClrSupport.Method("Power", t), a)),
            _ => throw new CompilerBugException("clr", $"no code for {op} on {type.Name()}"),
        };
    }

    private static Node Cast(Node value, ElementType from, ElementType to)
    {
        if (from == to)
        {
            return value;
        }

        if (to == ElementType.Bool)
        {
            return Not(Is(OpCodes.Ceq, value, LaneShape.Zero(from)));
        }

        return (from.IsFloat(), to.IsFloat()) switch
        {
            (_, true) => Node.Op(to == ElementType.F32 ? OpCodes.Conv_R4 : OpCodes.Conv_R8, StackType(to), value),
            (true, false) => to switch
            {
                // Saturating, and 0 for nan, since .NET 9.
                ElementType.I64 => Node.Op(OpCodes.Conv_I8, typeof(long), value),
                ElementType.I32 => Node.Op(OpCodes.Conv_I4, typeof(int), value),
                _ => Node.Support("Clamp", Node.Op(OpCodes.Conv_I4, typeof(int), value), Node.Int32((int)Least(to)), Node.Int32((int)Most(to))),
            },
            _ when to == ElementType.I64 => Node.Op(OpCodes.Conv_I8, typeof(long), value),
            _ when from == ElementType.I64 => Wrap(to, Node.Op(OpCodes.Conv_I4, typeof(int), value)),
            _ => Wrap(to, value),
        };
    }

    public static long Least(ElementType type) => type switch { ElementType.I8 => sbyte.MinValue, ElementType.U8 => 0, ElementType.I16 => short.MinValue, _ => int.MinValue };

    public static long Most(ElementType type) => type switch { ElementType.I8 => sbyte.MaxValue, ElementType.U8 => byte.MaxValue, ElementType.I16 => short.MaxValue, _ => int.MaxValue };
}
