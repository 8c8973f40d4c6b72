using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>The algebra of reducers inside a kernel.</summary>
public static class Reducers
{
    /// <summary>What a reduction over nothing gives: 0, 1, -inf or the type's minimum, inf or its maximum, false, true.</summary>
    public static LoopExpr Neutral(ReduceKind kind, ElementType element, int lanes = 1)
    {
        var type = element.ComputeType();
        return kind switch
        {
            ReduceKind.Sum => BodyMath.Number(type, 0, lanes),
            ReduceKind.Prod => BodyMath.Number(type, 1, lanes),
            ReduceKind.Any => BodyMath.Number(ElementType.Bool, 0, lanes),
            ReduceKind.All => BodyMath.Number(ElementType.Bool, 1, lanes),
            ReduceKind.Max => BodyMath.Number(Least(type), lanes),
            ReduceKind.Min => BodyMath.Number(Greatest(type), lanes),
            _ => BodyMath.Number(ElementType.I64, -1, lanes),
        };
    }

    /// <summary>a op b; not for ArgMax and ArgMin.</summary>
    public static LoopExpr Combine(BodyBuilder body, ReduceKind kind, LoopExpr a, LoopExpr b)
    {
        var op = kind.Combination() ?? throw new CompilerBugException("kernels", $"{kind} does not combine two values");
        return body.Map(op, a.Type.Element, a, b);
    }

    /// <summary>
    /// Whether a later value replaces the best so far at <paramref name="where"/> (-1: none yet). The first of equals stays; nan counts as the
    /// extreme, and the first nan stays: not(best ≥ value) and not(best is nan).
    /// </summary>
    public static LoopExpr IsBetter(BodyBuilder body, ReduceKind kind, ElementType element, LoopExpr value, LoopExpr best, LoopExpr where)
    {
        var keeps = body.Map(kind == ReduceKind.ArgMax ? MapOp.GreaterEqual : MapOp.LessEqual, ElementType.Bool, best, value);
        if (element.IsFloat())
        {
            keeps = body.Map(MapOp.Or, ElementType.Bool, keeps, body.Map(MapOp.IsNan, ElementType.Bool, best));
        }

        var none = body.Less(where, BodyMath.Number(ElementType.I64, 0));
        return body.Map(MapOp.Or, ElementType.Bool, none, body.Not(keeps));
    }

    private static Scalar Least(ElementType type) => type switch
    {
        ElementType.F64 or ElementType.F32 => Scalar.Float(type, double.NegativeInfinity),
        ElementType.I64 => Scalar.Integer(type, long.MinValue),
        ElementType.I32 => Scalar.Integer(type, int.MinValue),
        ElementType.I16 => Scalar.Integer(type, short.MinValue),
        ElementType.I8 => Scalar.Integer(type, sbyte.MinValue),
        _ => Scalar.Of(type, 0),
    };

    private static Scalar Greatest(ElementType type) => type switch
    {
        ElementType.F64 or ElementType.F32 => Scalar.Float(type, double.PositiveInfinity),
        ElementType.I64 => Scalar.Integer(type, long.MaxValue),
        ElementType.I32 => Scalar.Integer(type, int.MaxValue),
        ElementType.I16 => Scalar.Integer(type, short.MaxValue),
        ElementType.I8 => Scalar.Integer(type, sbyte.MaxValue),
        ElementType.U8 => Scalar.Integer(type, byte.MaxValue),
        _ => Scalar.Bool(true),
    };
}
