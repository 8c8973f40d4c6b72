using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>A value of a random graph: its numbers, how far other implementations may be from them, and whether its zeros are all +0.0.</summary>
internal sealed record RandomValue(NodeId Id, TensorType Type, TensorValue Value, double Error, bool PlusZeros)
{
    public ElementType Element => Type.Element;

    public bool IsExact => Error == 0;

    public bool IsFinite => !Element.IsFloat() || AllFinite(Value.AsFloats);

    /// <summary>The largest finite magnitude.</summary>
    public double Largest => Exactness.Largest(Value);

    /// <summary>The largest power of two that divides every finite number; 1 when all are 0.</summary>
    public double Unit => Exactness.Unit(Value);

    public bool HasZero => Element.IsFloat() ? Value.AsFloats.Contains(0) : Value.AsIntegers.Contains(0);

    private static bool AllFinite(ReadOnlySpan<double> values)
    {
        foreach (var value in values)
        {
            if (!double.IsFinite(value))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>
/// How exactly an operation's result is determined. A result is exact when no order of evaluation, fma, or wider intermediate changes it;
/// otherwise a bound on the absolute error follows from those of the operands. Null: the operation would make tests meaningless (a step
/// function of an inexact value, an overflow), so it is not used.
/// </summary>
internal static class Exactness
{
    public static double Largest(TensorValue value)
    {
        double largest = 0;
        for (var i = 0; i < value.Count; i++)
        {
            var magnitude = Math.Abs(value[i].AsDouble);
            largest = double.IsFinite(magnitude) ? Math.Max(largest, magnitude) : largest;
        }

        return largest;
    }

    /// <summary>The smallest magnitude.</summary>
    public static double Smallest(TensorValue value)
    {
        var smallest = double.PositiveInfinity;
        foreach (var x in value.AsFloats)
        {
            smallest = Math.Min(smallest, Math.Abs(x));
        }

        return smallest;
    }

    public static double Unit(TensorValue value)
    {
        var unit = double.PositiveInfinity;
        for (var i = 0; i < value.Count; i++)
        {
            var x = value[i].AsDouble;
            if (double.IsFinite(x) && x != 0)
            {
                var bits = BitConverter.DoubleToInt64Bits(x);
                var mantissa = (bits & 0xFFFFFFFFFFFFF) | (1L << 52);
                unit = Math.Min(unit, Math.ScaleB(1, Math.ILogB(x) - 52 + System.Numerics.BitOperations.TrailingZeroCount(mantissa)));
            }
        }

        return double.IsInfinity(unit) ? 1 : unit;
    }

    /// <summary>Half a unit in the last place of 1.</summary>
    public static double Roundoff(ElementType type) => Math.ScaleB(1, -Bits(type));

    /// <summary>What a rounding changes a number of at most this magnitude by. Small numbers of f16 are all multiples of 2^-24.</summary>
    public static double Rounding(ElementType type, double largest) => (Roundoff(type) * largest) + (type == ElementType.F16 ? Math.ScaleB(1, -25) : 0);

    /// <summary>Whether every multiple of <paramref name="unit"/> up to <paramref name="largest"/> is a number of the type.</summary>
    public static bool Fits(ElementType type, double largest, double unit) =>
        largest / unit <= Math.ScaleB(1, Bits(type)) && largest <= Limit(type) && unit >= (type == ElementType.F16 ? Math.ScaleB(1, -20) : 1e-25);

    /// <summary>Above this a value is not used any more.</summary>
    public static double Limit(ElementType type) => type switch
    {
        ElementType.F16 => 4096,
        ElementType.F64 => 1e12,
        _ => 1e7,
    };

    public static double? Map(MapOp op, ElementType type, RandomValue[] a, TensorValue result)
    {
        if (!a[0].Element.IsFloat() && op is not (MapOp.Cast or MapOp.Select or MapOp.RandomNormal))
        {
            return 0;
        }

        var exact = a.All(x => x.IsExact);
        if (!exact && a.Any(x => !x.IsFinite))
        {
            return null;
        }

        // An overflow is a rounding: where more range is kept, there is none. Poles (1/0, log 0) are infinite everywhere.
        if (type.IsFloat() && op is not (MapOp.Div or MapOp.Rsqrt or (>= MapOp.Log and <= MapOp.Log1p)) && a.All(x => x.IsFinite) && HasInfinity(result))
        {
            return null;
        }

        var largest = Largest(result);
        switch (op)
        {
            case MapOp.Add or MapOp.Sub:
                return exact && Fits(type, a[0].Largest + a[1].Largest, Math.Min(a[0].Unit, a[1].Unit)) ? 0 : a[0].Error + a[1].Error + (2 * Rounded(a[0].Largest + a[1].Largest));
            case MapOp.Mul:
                return exact && Fits(type, a[0].Largest * a[1].Largest, a[0].Unit * a[1].Unit)
                    ? 0
                    : (a[0].Error * a[1].Largest) + (a[1].Error * a[0].Largest) + (a[0].Error * a[1].Error) + (2 * Rounded(a[0].Largest * a[1].Largest));
            case MapOp.Neg or MapOp.Abs or MapOp.Min or MapOp.Max or MapOp.Select:
                return a.Where(x => x.Element.IsFloat()).Select(x => x.Error).DefaultIfEmpty(0).Max();
            case MapOp.Rem:
                return exact && a.All(x => x.IsFinite && x.Largest / x.Unit <= 1024) && a[1].PlusZeros && Fits(type, largest, Math.Min(a[0].Unit, a[1].Unit)) ? 0 : null;
            case MapOp.Div when !exact && Smallest(a[1].Value) is var least && least > 2 * a[1].Error:
                return ((a[0].Error + (a[0].Largest / least * a[1].Error)) / (least - a[1].Error)) + (8 * Rounded(largest));
            case MapOp.Exp when !exact && a[0].Error < 0.1:
                return (1.2 * largest * a[0].Error) + (8 * Rounded(largest));
            case MapOp.Rsqrt when !exact && Smallest(a[0].Value) is var least && least > 2 * a[0].Error && AllPositive(a[0].Value):
                return (0.6 * a[0].Error * Math.Pow(least - a[0].Error, -1.5)) + (8 * Rounded(largest));
            case MapOp.Div or MapOp.Atan2:
                return exact && (a[1].PlusZeros || !a[1].HasZero) && (op == MapOp.Div || a[0].PlusZeros || !a[0].HasZero) ? 8 * Rounded(largest) : null;
            case MapOp.Pow:
                return exact && a.All(x => x.IsFinite) && (a[0].PlusZeros || !a[0].HasZero) && a[1].Largest < 6 ? 16 * Rounded(largest) : null;
            case MapOp.Cast when !a[0].Element.IsFloat():
                return !type.IsFloat() || Fits(type, a[0].Largest, a[0].Unit) ? 0 : largest > Limit(type) ? null : 2 * Rounded(largest);
            case MapOp.Cast when type.IsFloat():
                return a[0].Largest > Limit(type) ? null : exact && Fits(type, a[0].Largest, a[0].Unit) ? 0 : a[0].Error + (2 * Rounded(largest));
            case MapOp.Sin or MapOp.Cos or MapOp.Tanh or MapOp.Erf or MapOp.Atan:
                return a[0].Largest < 1000 ? (1.2 * a[0].Error) + (8 * Rounded(1)) : null;
            case MapOp.Tan:
                return exact && a[0].Largest < 1.4 ? 8 * Rounded(largest) : null;
            case MapOp.Rsqrt:
                return exact && (a[0].PlusZeros || !a[0].HasZero) ? 8 * Rounded(largest) : null;
            case MapOp.RandomNormal:
                return 64 * Rounded(1);
            case MapOp.Sqrt or (>= MapOp.Cbrt and <= MapOp.Cosh):
                return exact ? 8 * Rounded(largest) : null;
            default:
                // Steps: comparisons, roundings, sign, tests, casts to integers.
                return exact ? 0 : null;
        }

        double Rounded(double most) => Rounding(type.IsFloat() ? type : ElementType.F64, most);
    }

    public static double? Reduce(ReduceKind kind, RandomValue source, long count, TensorValue result)
    {
        var type = source.Element;
        if (!type.IsFloat())
        {
            return 0;
        }

        return kind switch
        {
            ReduceKind.Sum => Sum(type, [source], count, result),
            ReduceKind.Prod => source.IsExact && count <= 5 && Fits(type, Math.Pow(Math.Max(source.Largest, 1), count), Math.Pow(Math.Min(source.Unit, 1), count)) ? 0 : null,
            ReduceKind.Max or ReduceKind.Min => source.IsExact || source.IsFinite ? source.Error : null,
            _ => source.IsExact ? 0 : null,
        };
    }

    /// <summary>Σ over <paramref name="count"/> products of the factors.</summary>
    public static double? Sum(ElementType type, RandomValue[] factors, long count, TensorValue result)
    {
        if (!type.IsFloat())
        {
            return 0;
        }

        if (factors.Any(f => !f.IsFinite))
        {
            return factors.All(f => f.IsExact) && Fits(type.ComputeType(), count * Product(factors), Units(factors)) ? 0 : null;
        }

        if (HasInfinity(result))
        {
            return null;
        }

        var compute = type.ComputeType();
        var product = Product(factors);

        // The result is rounded already: what was one unit more than fits may have become what just fits.
        if (factors.All(f => f.IsExact) && Fits(compute, count * product, Units(factors)) && Fits(type, Largest(result) + Units(factors), Units(factors)))
        {
            return 0;
        }

        var carried = factors.Select((f, i) => f.Error * Product(factors.Where((_, j) => j != i).ToArray())).Sum();
        return (1.1 * count * carried) + ((count + factors.Length) * Roundoff(compute) * count * product) + (2 * Rounding(type, Largest(result)));
    }

    public static double? Scatter(ScatterKind kind, RandomValue start, RandomValue updates, TensorValue result)
    {
        var type = start.Element;
        if (!type.IsFloat())
        {
            return 0;
        }

        var exact = start.IsExact && updates.IsExact;
        var (count, unit) = (updates.Value.Count, Math.Min(start.Unit, updates.Unit));
        var all = start.Largest + (count * updates.Largest);
        return !start.IsFinite || !updates.IsFinite || HasInfinity(result) ? null
            : kind is ScatterKind.Max or ScatterKind.Min ? Math.Max(start.Error, updates.Error)
            : kind == ScatterKind.Mul ? (exact && Fits(type, start.Largest * Math.Pow(Math.Max(updates.Largest, 1), count), start.Unit * Math.Pow(Math.Min(updates.Unit, 1), count)) ? 0 : null)
            : exact && Fits(type, all, unit) ? 0
            : start.Error + (count * updates.Error) + (2 * count * Rounding(type, all));
    }

    // Bits of the significand.
    private static int Bits(ElementType type) => type switch
    {
        ElementType.F64 => 53,
        ElementType.F32 => 24,
        ElementType.F16 => 11,
        ElementType.BF16 => 8,
        _ => 63,
    };

    private static bool HasInfinity(TensorValue value)
    {
        foreach (var x in value.AsFloats)
        {
            if (double.IsInfinity(x))
            {
                return true;
            }
        }

        return false;
    }

    private static bool AllPositive(TensorValue value)
    {
        foreach (var x in value.AsFloats)
        {
            if (!(x > 0))
            {
                return false;
            }
        }

        return true;
    }

    private static double Product(RandomValue[] factors) => factors.Aggregate(1.0, (p, f) => p * f.Largest);

    private static double Units(RandomValue[] factors) => factors.Aggregate(1.0, (p, f) => p * f.Unit);
}
