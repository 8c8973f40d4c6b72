using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// The elementwise operations on floats. Values are held as doubles that are representable in their type; a result is computed in f64 and
/// rounded to the type once (for + - * / and sqrt that is what the type's own arithmetic gives), f16 and bf16 by way of f32.
/// </summary>
internal static class FloatMeaning
{
    public static Func<double, double> Unary(MapOp op, ElementType type)
    {
        var wide = type == ElementType.F64;
        Func<double, double> function = op switch
        {
            MapOp.Neg => static x => -x,
            MapOp.Abs => Math.Abs,
            MapOp.Sign => static x => x > 0 ? 1 : x < 0 ? -1 : x,
            MapOp.Sqrt => Math.Sqrt,
            MapOp.Rsqrt => PreciseMath.Rsqrt,
            MapOp.Cbrt => PreciseMath.Cbrt,
            MapOp.Exp => Math.Exp,
            MapOp.Exp2 => static x => Math.Pow(2, x),
            MapOp.Expm1 => PreciseMath.Expm1,
            MapOp.Log => Math.Log,
            MapOp.Log2 => Math.Log2,
            MapOp.Log10 => Math.Log10,
            MapOp.Log1p => PreciseMath.Log1p,
            MapOp.Sin => Math.Sin,
            MapOp.Cos => Math.Cos,
            MapOp.Tan => Math.Tan,
            MapOp.Asin => Math.Asin,
            MapOp.Acos => Math.Acos,
            MapOp.Atan => Math.Atan,
            MapOp.Sinh => wide ? PreciseMath.Sinh : Math.Sinh,
            MapOp.Cosh => wide ? PreciseMath.Cosh : Math.Cosh,
            MapOp.Tanh => wide ? PreciseMath.Tanh : Math.Tanh,
            MapOp.Erf => PreciseMath.Erf,
            MapOp.Floor => Math.Floor,
            MapOp.Ceil => Math.Ceiling,
            MapOp.Round => static x => Math.Round(x, MidpointRounding.ToEven),
            MapOp.Trunc => Math.Truncate,
            _ => throw new ArgumentOutOfRangeException(nameof(op)),
        };
        return type switch
        {
            ElementType.F64 => function,
            ElementType.F32 => x => (float)function(x),
            _ => x => Scalar.Round(type, (float)function(x)),
        };
    }

    public static Func<double, double, double> Binary(MapOp op, ElementType type)
    {
        Func<double, double, double> function = op switch
        {
            MapOp.Add => static (x, y) => x + y,
            MapOp.Sub => static (x, y) => x - y,
            MapOp.Mul => static (x, y) => x * y,
            MapOp.Div => static (x, y) => x / y,
            MapOp.Rem => Rem,
            MapOp.Pow => Math.Pow,
            MapOp.Min => Math.Min,
            MapOp.Max => Math.Max,
            MapOp.Atan2 => Math.Atan2,
            _ => throw new ArgumentOutOfRangeException(nameof(op)),
        };
        return type switch
        {
            ElementType.F64 => function,
            ElementType.F32 => (x, y) => (float)function(x, y),
            _ => (x, y) => Scalar.Round(type, (float)function(x, y)),
        };
    }

    public static Func<double, double, bool> Compare(MapOp op) => op switch
    {
        MapOp.Equal => static (x, y) => x == y,
        MapOp.NotEqual => static (x, y) => x != y,
        MapOp.Less => static (x, y) => x < y,
        MapOp.LessEqual => static (x, y) => x <= y,
        MapOp.Greater => static (x, y) => x > y,
        MapOp.GreaterEqual => static (x, y) => x >= y,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };

    /// <summary>Saturates; nan gives 0; to bool: x != 0.</summary>
    public static Func<double, long> ToInteger(ElementType type)
    {
        if (type == ElementType.Bool)
        {
            return static x => x != 0 ? 1 : 0;
        }

        // 2^63 itself is no i64, but the nearest double to its largest value.
        var (low, high) = IntegerMeaning.Range(type);
        return x => double.IsNaN(x) ? 0 : x <= low ? low : x >= high ? high : (long)x;
    }

    // x - y * floor(x / y) without its roundings: the exact remainder, moved by y when the signs differ (as NumPy has it; x % inf is x or inf).
    private static double Rem(double x, double y)
    {
        var remainder = x % y;
        return double.IsNaN(remainder) ? remainder : remainder == 0 ? Math.CopySign(0, y) : remainder < 0 != y < 0 ? remainder + y : remainder;
    }
}
