using System.Globalization;
using System.Numerics;
using System.Text;
using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>How types, numbers and names are written in OpenCL C.</summary>
internal static class CTypes
{
    /// <summary>The widest vectors that OpenCL has; there are those of 2, 4, 8 and 16 lanes (and of 3, which are not used).</summary>
    public const int MaxLanes = 16;

    /// <summary>Lanes of each vector, and how many vectors, that hold so many lanes. What is behind the last lane means nothing.</summary>
    public static (int Width, int Count) Layout(int lanes)
    {
        var all = (int)BitOperations.RoundUpToPowerOf2((uint)lanes);
        return (Math.Min(all, MaxLanes), Math.Max(1, all / MaxLanes));
    }

    public static string Scalar(ElementType element) => element switch
    {
        ElementType.F64 => "double",
        ElementType.F32 => "float",
        ElementType.I64 => "long",
        ElementType.I32 => "int",
        ElementType.I16 => "short",
        ElementType.I8 => "char",
        ElementType.U8 => "uchar",
        ElementType.Bool => "bool",
        _ => throw new InvalidOperationException($"{element.Name()} exists in memory only"),
    };

    /// <summary>An element as it is in memory: a bool is a byte, f16 and bf16 are their bits.</summary>
    public static string Memory(ElementType element) => element switch
    {
        ElementType.Bool => "uchar",
        ElementType.F16 or ElementType.BF16 => "short",
        _ => Scalar(element),
    };

    public static string Vector(string scalar, int width) => width == 1 ? scalar : scalar + width.ToString(CultureInfo.InvariantCulture);

    public static string Vector(ElementType element, int width) => Vector(Scalar(element), width);

    /// <summary>The end of a helper's name: <c>f32x8</c>.</summary>
    public static string Suffix(ElementType element, int width) => width == 1 ? element.Name() : $"{element.Name()}x{width}";

    /// <summary>The signed integer of so many bytes.</summary>
    public static ElementType Signed(int bytes) => bytes switch { 1 => ElementType.I8, 2 => ElementType.I16, 4 => ElementType.I32, _ => ElementType.I64 };

    /// <summary>Lane number so and so: <c>.sa</c>.</summary>
    public static string Lane(int lane) => ".s" + lane.ToString("x", CultureInfo.InvariantCulture);

    public static string Literal(ElementType element, Scalar value) => element.IsFloat() ? Literal(element, value.AsDouble) : Literal(element, value.Bits);

    public static string Literal(ElementType element, long value) => element switch
    {
        ElementType.Bool => value != 0 ? "true" : "false",
        ElementType.I64 when value == long.MinValue => "LONG_MIN",
        ElementType.I32 when value == int.MinValue => "INT_MIN",
        ElementType.I64 when value is < int.MinValue or > int.MaxValue or int.MinValue => value.ToString(CultureInfo.InvariantCulture) + "L",
        _ => value.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The shortest decimals that are this number; those of a nan, its bits.</summary>
    public static string Literal(ElementType element, double value)
    {
        var single = element == ElementType.F32;
        if (double.IsNaN(value))
        {
            return single
                ? $"as_float(0x{BitConverter.SingleToUInt32Bits((float)value):X8}u)"
                : $"as_double(0x{BitConverter.DoubleToUInt64Bits(value):X16}ul)";
        }

        if (double.IsInfinity(single ? (float)value : value))
        {
            return (value < 0 ? "-" : "") + (single ? "INFINITY" : "(double)INFINITY");
        }

        var text = single ? ((float)value).ToString("R", CultureInfo.InvariantCulture) : value.ToString("R", CultureInfo.InvariantCulture);
        text = text.Contains('.', StringComparison.Ordinal) || text.Contains('E', StringComparison.Ordinal) ? text : text + ".0";
        return single ? text + "f" : text;
    }

    /// <summary>A name with nothing but letters, digits and underscores.</summary>
    public static string Identifier(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var c in name)
        {
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }

        return text.ToString();
    }
}
