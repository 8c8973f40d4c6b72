using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>f16 and bf16 bits (i16) to and from f32, half to even. Without F16C by integer arithmetic: a libcall would need a C library.</summary>
internal static class HalfCode
{
    public static string ToSingle(FunctionText text, ModuleParts parts, string bits, int lanes)
    {
        var half = IrTypes.Vector("half", lanes);
        var single = IrTypes.Vector("float", lanes);
        var i16 = IrTypes.Vector("i16", lanes);
        var i32 = IrTypes.Vector("i32", lanes);
        if (parts.Target.HasF16C)
        {
            var value = text.Value($"bitcast {i16} {bits} to {half}");
            return text.Value($"fpext {half} {value} to {single}");
        }

        // Exponent and mantissa moved to their f32 places are the value times 2^-112, subnormals too; inf and nan keep all exponent bits.
        var wide = text.Value($"zext {i16} {bits} to {i32}");
        var sign = text.Value($"shl {i32} {text.Value($"and {i32} {wide}, {Int(lanes, 0x8000)}")}, {Int(lanes, 16)}");
        var magnitude = text.Value($"shl {i32} {text.Value($"and {i32} {wide}, {Int(lanes, 0x7FFF)}")}, {Int(lanes, 13)}");
        var scaled = text.Value($"fmul {single} {text.Value($"bitcast {i32} {magnitude} to {single}")}, {Float(lanes, System.Math.ScaleB(1, 112))}");
        var finite = text.Value($"bitcast {single} {scaled} to {i32}");
        var special = text.Value($"or {i32} {magnitude}, {Int(lanes, 0x7F800000)}");
        var isSpecial = text.Value($"icmp uge {i32} {magnitude}, {Int(lanes, 0x7C00 << 13)}");
        var unsigned = text.Value($"select {IrTypes.Vector("i1", lanes)} {isSpecial}, {i32} {special}, {i32} {finite}");
        return text.Value($"bitcast {i32} {text.Value($"or {i32} {unsigned}, {sign}")} to {single}");
    }

    public static string FromSingle(FunctionText text, ModuleParts parts, string value, int lanes)
    {
        var half = IrTypes.Vector("half", lanes);
        var single = IrTypes.Vector("float", lanes);
        var i16 = IrTypes.Vector("i16", lanes);
        var i32 = IrTypes.Vector("i32", lanes);
        var i1 = IrTypes.Vector("i1", lanes);
        if (parts.Target.HasF16C)
        {
            var rounded = text.Value($"fptrunc {single} {value} to {half}");
            return text.Value($"bitcast {half} {rounded} to {i16}");
        }

        var bits = text.Value($"bitcast {single} {value} to {i32}");
        var sign = text.Value($"and {i32} {bits}, {Int(lanes, int.MinValue)}");
        var magnitude = text.Value($"xor {i32} {bits}, {sign}");

        // Normal: add half a unit of the kept mantissa (less one, plus its last bit), rebias the exponent, drop 13 bits.
        var odd = text.Value($"and {i32} {text.Value($"lshr {i32} {magnitude}, {Int(lanes, 13)}")}, {Int(lanes, 1)}");
        var biased = text.Value($"add {i32} {magnitude}, {Int(lanes, unchecked(((15 - 127) << 23) + 0xFFF))}");
        var normal = text.Value($"lshr {i32} {text.Value($"add {i32} {biased}, {odd}")}, {Int(lanes, 13)}");

        // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
        var shifted = text.Value($"fadd {single} {text.Value($"bitcast {i32} {magnitude} to {single}")}, {Float(lanes, 0.5)}");
        var small = text.Value($"sub {i32} {text.Value($"bitcast {single} {shifted} to {i32}")}, {Int(lanes, 0x3F000000)}");

        var isNan = text.Value($"icmp ugt {i32} {magnitude}, {Int(lanes, 0x7F800000)}");
        var large = text.Value($"select {i1} {isNan}, {i32} {Int(lanes, 0x7E00)}, {i32} {Int(lanes, 0x7C00)}");
        var isLarge = text.Value($"icmp uge {i32} {magnitude}, {Int(lanes, (127 + 16) << 23)}");
        var isSmall = text.Value($"icmp ult {i32} {magnitude}, {Int(lanes, 113 << 23)}");
        var finite = text.Value($"select {i1} {isSmall}, {i32} {small}, {i32} {normal}");
        var unsigned = text.Value($"select {i1} {isLarge}, {i32} {large}, {i32} {finite}");
        var signed = text.Value($"or {i32} {unsigned}, {text.Value($"lshr {i32} {sign}, {Int(lanes, 16)}")}");
        return text.Value($"trunc {i32} {signed} to {i16}");
    }

    public static string BrainToSingle(FunctionText text, string bits, int lanes)
    {
        var i32 = IrTypes.Vector("i32", lanes);
        var wide = text.Value($"zext {IrTypes.Vector("i16", lanes)} {bits} to {i32}");
        return text.Value($"bitcast {i32} {text.Value($"shl {i32} {wide}, {Int(lanes, 16)}")} to {IrTypes.Vector("float", lanes)}");
    }

    public static string BrainFromSingle(FunctionText text, string value, int lanes)
    {
        var single = IrTypes.Vector("float", lanes);
        var i32 = IrTypes.Vector("i32", lanes);
        var bits = text.Value($"bitcast {single} {value} to {i32}");
        var top = text.Value($"lshr {i32} {bits}, {Int(lanes, 16)}");
        var odd = text.Value($"and {i32} {top}, {Int(lanes, 1)}");
        var half = text.Value($"add {i32} {bits}, {Int(lanes, 0x7FFF)}");
        var rounded = text.Value($"lshr {i32} {text.Value($"add {i32} {half}, {odd}")}, {Int(lanes, 16)}");
        var quiet = text.Value($"or {i32} {top}, {Int(lanes, 0x40)}");
        var isNan = text.Value($"fcmp uno {single} {value}, {value}");
        var kept = text.Value($"select {IrTypes.Vector("i1", lanes)} {isNan}, {i32} {quiet}, {i32} {rounded}");
        return text.Value($"trunc {i32} {kept} to {IrTypes.Vector("i16", lanes)}");
    }

    private static string Int(int lanes, int value) => IrTypes.Literal(new LaneType(ElementType.I32, lanes), value);

    private static string Float(int lanes, double value) => IrTypes.Literal(new LaneType(ElementType.F32, lanes), value);
}
