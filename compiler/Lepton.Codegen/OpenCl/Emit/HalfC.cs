using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Between memory and registers: bool is a byte in memory; f16 and bf16 are 16 bits there, rounded half to even, and f32 in registers.</summary>
internal sealed class HalfC(Helpers helpers)
{
    public Lanes FromMemory(Lanes raw, ElementType element, LaneType type) => element switch
    {
        ElementType.Bool when raw.IsScalar => raw.Map(p => Term.Infix(p, "!=", Term.Name("0"))).As(type, element),
        ElementType.Bool => raw.Map(p => Term.Infix(p, "!=", Term.Name($"({raw.PartType})(0)"))).As(type, ElementType.I8),
        ElementType.F16 or ElementType.BF16 => Called($"f32_of_{element.Name()}", raw, element, FromBits).As(type, ElementType.F32),
        _ => raw,
    };

    public Lanes ToMemory(Lanes value, ElementType element) => element switch
    {
        ElementType.Bool when value.IsScalar => value,
        ElementType.Bool => new CastC(helpers).Cast(value, new LaneType(ElementType.U8, value.Type.Lanes)),
        ElementType.F16 or ElementType.BF16 =>
            Called($"{element.Name()}_of_f32", value, element, ToBits).As(new LaneType(ElementType.I16, value.Type.Lanes), ElementType.I16),
        _ => value,
    };

    private Lanes Called(string name, Lanes value, ElementType element, Func<string, ElementType, int, string> define)
    {
        var (full, width) = (value.Width == 1 ? name : $"{name}_x{value.Width}", value.Width);
        helpers.Require(full, () => define(full, element, width));
        return value.Map(p => Term.Call(full, p));
    }

    // Exponent and mantissa at their f32 places are the value times 2^-112, subnormals too; inf and nan keep all exponent bits.
    private static string FromBits(string name, ElementType element, int width)
    {
        var (floats, words) = (CTypes.Vector("float", width), CTypes.Vector("int", width));
        var head = $"static {floats} {name}(const {CTypes.Vector("short", width)} bits)";
        return element == ElementType.BF16
            ? $$"""
            {{head}}
            {
                return as_{{floats}}(convert_{{words}}(bits) << 16);
            }
            """
            : $$"""
            {{head}}
            {
                const {{words}} wide = convert_{{words}}(bits);
                const {{words}} sign = wide & INT_MIN;
                const {{words}} magnitude = (wide & 0x7FFF) << 13;
                const {{words}} finite = as_{{words}}(as_{{floats}}(magnitude) * 0x1p112f);
                return as_{{floats}}((magnitude >= 0x0F800000 ? magnitude | 0x7F800000 : finite) | sign);
            }
            """;
    }

    private static string ToBits(string name, ElementType element, int width)
    {
        var (floats, words, halves) = (CTypes.Vector("float", width), CTypes.Vector("uint", width), CTypes.Vector("short", width));
        var head = $"static {halves} {name}(const {floats} x)";
        var result = $"convert_{CTypes.Vector("ushort", width)}";
        return element == ElementType.BF16
            ? $$"""
            {{head}}
            {
                const {{words}} bits = as_{{words}}(x);
                const {{words}} top = bits >> 16;
                const {{words}} rounded = (bits + 0x7FFF + (top & 1)) >> 16;
                return as_{{halves}}({{result}}(isnan(x) ? top | 0x40 : rounded));
            }
            """
            : $$"""
            {{head}}
            {
                const {{words}} bits = as_{{words}}(x);
                const {{words}} magnitude = bits & 0x7FFFFFFFu;

                // Normal: add half a unit of the kept mantissa (less one, plus its last bit), rebias the exponent, drop 13 bits.
                const {{words}} normal = (magnitude - 0x37FFF001u + ((magnitude >> 13) & 1)) >> 13;

                // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
                const {{words}} small = as_{{words}}(as_{{floats}}(magnitude) + 0.5f) - 0x3F000000u;
                const {{words}} large = magnitude > 0x7F800000u ? ({{words}})(0x7E00u) : ({{words}})(0x7C00u);
                const {{words}} finite = magnitude < 0x38800000u ? small : normal;
                const {{words}} half_bits = (magnitude >= 0x47800000u ? large : finite) | ((bits >> 16) & 0x8000u);
                return as_{{halves}}({{result}}(half_bits));
            }
            """;
    }
}
