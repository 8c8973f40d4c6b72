using System.Globalization;
using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>How types and literals are written in LLVM IR.</summary>
internal static class IrTypes
{
    /// <summary>The type of one lane in registers: bools are i1, f16 and bf16 do not exist there.</summary>
    public static string Lane(ElementType element) => element switch
    {
        ElementType.F64 => "double",
        ElementType.F32 => "float",
        ElementType.Bool => "i1",
        ElementType.F16 or ElementType.BF16 => throw new InvalidOperationException($"{element.Name()} exists in memory only"),
        _ => "i" + (element.ByteSize() * 8).ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The type of one element in memory: bools are bytes, f16 and bf16 their bits.</summary>
    public static string Memory(ElementType element) => element switch
    {
        ElementType.Bool => "i8",
        ElementType.F16 or ElementType.BF16 => "i16",
        _ => Lane(element),
    };

    public static string Vector(string lane, int lanes) => lanes == 1 ? lane : $"<{lanes} x {lane}>";

    public static string Text(this LaneType type) => Vector(Lane(type.Element), type.Lanes);

    /// <summary>How overloaded intrinsics call a type: <c>f32</c>, <c>v8i64</c>.</summary>
    public static string Suffix(this LaneType type)
    {
        var lane = Lane(type.Element) switch { "double" => "f64", "float" => "f32", var integer => integer };
        return type.Lanes == 1 ? lane : $"v{type.Lanes}{lane}";
    }

    /// <summary>A number in every lane.</summary>
    public static string Literal(LaneType type, Scalar value) => Repeat(type, LaneLiteral(type.Element, value));

    /// <summary>The integer in every lane of an integer type.</summary>
    public static string Literal(LaneType type, long value) => Repeat(type, value.ToString(CultureInfo.InvariantCulture));

    public static string Literal(LaneType type, double value) => Repeat(type, LaneLiteral(type.Element, Scalar.Float(type.Element, value)));

    private static string LaneLiteral(ElementType element, Scalar value) => element switch
    {
        // Hexadecimal doubles, exact; a float is written as the double of the same value.
        ElementType.F64 or ElementType.F32 => "0x" + BitConverter.DoubleToUInt64Bits(value.AsDouble).ToString("X16", CultureInfo.InvariantCulture),
        ElementType.Bool => value.AsBool ? "true" : "false",
        _ => value.AsInteger.ToString(CultureInfo.InvariantCulture),
    };

    private static string Repeat(LaneType type, string lane) => type.Lanes == 1 ? lane : $"splat ({Lane(type.Element)} {lane})";
}
