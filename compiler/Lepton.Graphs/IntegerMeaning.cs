using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>The elementwise operations on integers and bools, held as longs in the range of their type. Overflow wraps.</summary>
internal static class IntegerMeaning
{
    /// <summary>The smallest and largest value of an integer type.</summary>
    public static (long Low, long High) Range(ElementType type) => type switch
    {
        ElementType.I64 => (long.MinValue, long.MaxValue),
        ElementType.I32 => (int.MinValue, int.MaxValue),
        ElementType.I16 => (short.MinValue, short.MaxValue),
        ElementType.I8 => (sbyte.MinValue, sbyte.MaxValue),
        ElementType.U8 => (0, 255),
        ElementType.Bool => (0, 1),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public static Func<long, long> Unary(MapOp op, ElementType type)
    {
        Func<long, long> function = op switch
        {
            MapOp.Neg => static x => unchecked(-x),
            MapOp.Abs => static x => x < 0 ? unchecked(-x) : x,
            MapOp.Sign => static x => Math.Sign(x),
            MapOp.Not => static x => 1 - x,
            _ => throw new ArgumentOutOfRangeException(nameof(op)),
        };
        return type == ElementType.I64 ? function : x => Scalar.Wrap(type, function(x));
    }

    public static Func<long, long, long> Binary(MapOp op, ElementType type)
    {
        Func<long, long, long> function = op switch
        {
            MapOp.Add => static (x, y) => unchecked(x + y),
            MapOp.Sub => static (x, y) => unchecked(x - y),
            MapOp.Mul => static (x, y) => unchecked(x * y),
            MapOp.Div => FloorDiv,
            MapOp.Rem => static (x, y) => y is 0 or -1 ? 0 : x - (FloorDiv(x, y) * y),
            MapOp.Pow => Pow,
            MapOp.Min => Math.Min,
            MapOp.Max => Math.Max,
            MapOp.And => static (x, y) => x & y,
            MapOp.Or => static (x, y) => x | y,
            _ => throw new ArgumentOutOfRangeException(nameof(op)),
        };
        return type == ElementType.I64 ? function : (x, y) => Scalar.Wrap(type, function(x, y));
    }

    public static Func<long, long, bool> Compare(MapOp op) => op switch
    {
        MapOp.Equal => static (x, y) => x == y,
        MapOp.NotEqual => static (x, y) => x != y,
        MapOp.Less => static (x, y) => x < y,
        MapOp.LessEqual => static (x, y) => x <= y,
        MapOp.Greater => static (x, y) => x > y,
        MapOp.GreaterEqual => static (x, y) => x >= y,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };

    /// <summary>To the nearest value of a float type, half to even, rounded once.</summary>
    public static double ToFloat(ElementType type, long value)
    {
        var nearest = (double)value;
        if (type == ElementType.F64 || Math.Abs(value / 2) < 1L << 51)
        {
            return Scalar.Round(type, nearest);
        }

        // Beyond 2^52 a double may round already: cut to the 53 highest bits with an odd last bit instead, so only the second rounding counts.
        var magnitude = value < 0 ? unchecked((ulong)-value) : (ulong)value;
        var cut = magnitude & ~0xFFFUL;
        var odd = (double)(cut != magnitude ? cut | 0x1000 : cut);
        return Scalar.Round(type, value < 0 ? -odd : odd);
    }

    private static long FloorDiv(long x, long y) =>
        y == 0 ? 0 : y == -1 ? unchecked(-x) : (x / y) - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);

    // By squaring, modulo 2^64. x^-n is 0, but 1 for x = 1 and ±1 for x = -1.
    private static long Pow(long x, long n)
    {
        if (n < 0)
        {
            return x == 1 ? 1 : x == -1 ? ((n & 1) == 0 ? 1 : -1) : 0;
        }

        long power = 1;
        for (; n > 0; n >>= 1)
        {
            power = unchecked((n & 1) == 0 ? power : power * x);
            x = unchecked(x * x);
        }

        return power;
    }
}
