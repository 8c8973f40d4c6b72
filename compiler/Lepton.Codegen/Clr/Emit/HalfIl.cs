using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Between memory and registers: bool is a byte in memory; f16 and bf16 are 16 bits there, rounded half to even, and f32 in registers.</summary>
internal static class HalfIl
{
    public static Lanes FromMemory(VectorIl vectors, Lanes raw, ElementType element, LaneType type)
    {
        switch (element)
        {
            case ElementType.Bool when raw.IsScalar:
                return new Lanes(type, type.Element, [ScalarIl.Emit(MapOp.Cast, ElementType.I8, ElementType.Bool, [raw.Scalar])!]);
            case ElementType.Bool:
                return vectors.Cast(raw, type);
            case ElementType.F16 when raw.IsScalar:
                return new Lanes(type, type.Element, [Node.Support("FromHalf", raw.Scalar)]);
            case ElementType.BF16 when raw.IsScalar:
                return new Lanes(type, type.Element, [Node.Support("FromBrain", raw.Scalar)]);
            case ElementType.F16 or ElementType.BF16:
                var wide = vectors.Resize(raw, new LaneType(ElementType.I32, type.Lanes));
                return new Lanes(type, type.Element, wide.Map(p => element == ElementType.F16 ? FromHalf(p) : VectorApi.As(Shift("ShiftLeft", p, 16), typeof(float))).Parts);
            default:
                return raw;
        }
    }

    public static Lanes ToMemory(VectorIl vectors, Lanes value, ElementType element)
    {
        var lanes = value.Type.Lanes;
        switch (element)
        {
            case ElementType.Bool:
                return value.IsScalar ? value with { Carrier = ElementType.I8 } : vectors.Cast(value, new LaneType(ElementType.I8, lanes));
            case ElementType.F16 when value.IsScalar:
                return new Lanes(new LaneType(ElementType.I16, 1), ElementType.I16, [Node.Support("ToHalf", value.Scalar)]);
            case ElementType.BF16 when value.IsScalar:
                return new Lanes(new LaneType(ElementType.I16, 1), ElementType.I16, [Node.Support("ToBrain", value.Scalar)]);
            case ElementType.F16 or ElementType.BF16:
                var bits = new Lanes(new LaneType(ElementType.I32, lanes), ElementType.I32, value.Map(element == ElementType.F16 ? ToHalf : ToBrain).Parts);
                return vectors.Resize(bits, new LaneType(ElementType.I16, lanes));
            default:
                return value;
        }
    }

    // Exponent and mantissa at their f32 places are the value times 2^-112, subnormals too; inf and nan keep all exponent bits.
    private static Node FromHalf(Node bits)
    {
        var sign = Shift("ShiftLeft", And(bits, 0x8000), 16);
        var magnitude = Shift("ShiftLeft", And(bits, 0x7FFF), 13);
        var floats = VectorApi.As(magnitude, typeof(float));
        var finite = VectorApi.As(VectorIl.Call("Multiply", floats, VectorIl.Like(floats, Node.Single(MathF.ScaleB(1, 112)))), typeof(int));
        var isSpecial = VectorIl.Call("GreaterThan", magnitude, Like(magnitude, (0x7C00 << 13) - 1));
        var unsigned = VectorIl.Select(isSpecial, Or(magnitude, 0x7F800000), finite);
        return VectorApi.As(VectorIl.Call("BitwiseOr", unsigned, sign), typeof(float));
    }

    private static Node ToHalf(Node value)
    {
        var bits = VectorApi.As(value, typeof(int));
        var sign = And(bits, int.MinValue);
        var magnitude = VectorIl.Call("Xor", bits, sign);

        // Normal: add half a unit of the kept mantissa (less one, plus its last bit), rebias the exponent, drop 13 bits.
        var odd = And(Shift("ShiftRightLogical", magnitude, 13), 1);
        var biased = VectorIl.Call("Add", magnitude, Like(magnitude, unchecked(((15 - 127) << 23) + 0xFFF)));
        var normal = Shift("ShiftRightLogical", VectorIl.Call("Add", biased, odd), 13);

        // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
        var floats = VectorApi.As(magnitude, typeof(float));
        var shifted = VectorApi.As(VectorIl.Call("Add", floats, VectorIl.Like(floats, Node.Single(0.5f))), typeof(int));
        var small = VectorIl.Call("Subtract", shifted, Like(shifted, 0x3F000000));

        var isNan = VectorIl.Call("GreaterThan", magnitude, Like(magnitude, 0x7F800000));
        var large = VectorIl.Select(isNan, Like(magnitude, 0x7E00), Like(magnitude, 0x7C00));
        var isLarge = VectorIl.Call("GreaterThan", magnitude, Like(magnitude, ((127 + 16) << 23) - 1));
        var isSmall = VectorIl.Call("LessThan", magnitude, Like(magnitude, 113 << 23));
        var unsigned = VectorIl.Select(isLarge, large, VectorIl.Select(isSmall, small, normal));
        return VectorIl.Call("BitwiseOr", unsigned, Shift("ShiftRightLogical", sign, 16));
    }

    private static Node ToBrain(Node value)
    {
        var bits = VectorApi.As(value, typeof(int));
        var top = Shift("ShiftRightLogical", bits, 16);
        var half = VectorIl.Call("Add", bits, Like(bits, 0x7FFF));
        var rounded = Shift("ShiftRightLogical", VectorIl.Call("Add", half, And(top, 1)), 16);
        return VectorIl.Select(VectorIl.Call("Equals", value, value), rounded, Or(top, 0x40));
    }

    private static Node Like(Node part, int value) => VectorIl.Like(part, Node.Int32(value));

    private static Node And(Node part, int value) => VectorIl.Call("BitwiseAnd", part, Like(part, value));

    private static Node Or(Node part, int value) => VectorIl.Call("BitwiseOr", part, Like(part, value));

    private static Node Shift(string name, Node part, int bits) => VectorIl.Call(name, part, Node.Int32(bits));
}
