using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>From one element type to another: integers wrap; floats saturate in integers, where a nan is 0.</summary>
internal sealed class CastC(Helpers helpers)
{
    public Lanes Cast(Lanes value, LaneType to)
    {
        var (from, element) = (value.Type.Element, to.Element);
        if (from == element)
        {
            return value;
        }

        if (element == ElementType.Bool)
        {
            var zero = Term.Name($"({value.PartType})(0)");
            return value.Map(p => Term.Infix(p, "!=", value.IsScalar ? Term.Name("0") : zero))
                .As(to, value.IsScalar ? ElementType.Bool : CTypes.Signed(value.Carrier.ByteSize()));
        }

        var type = CTypes.Vector(element, value.Width);
        if (from == ElementType.Bool)
        {
            return value.IsScalar
                ? Lanes.Of(to, new Term($"{value.Parts[0].Operand} ? {CTypes.Literal(element, Scalar.Of(element, 1))} : {CTypes.Literal(element, Scalar.Of(element, 0))}", false))
                : MapC.Masked(value, element).Map(p => new Term($"{p.Operand} ? ({type})(1) : ({type})(0)", false)).As(to, element);
        }

        if (from.IsFloat() && !element.IsFloat())
        {
            var name = helpers.Require($"{element.Name()}_of_{CTypes.Suffix(from, value.Width)}", () => Saturated(from, element, value.Width));
            return value.Map(p => Term.Call(name, p)).As(to, element);
        }

        return value.Map(p => Term.Call("convert_" + type, p) with { IsIndex = p.IsIndex && element == ElementType.I64 }).As(to, element);
    }

    // Bounds of narrow integers are floats; those of i64, and of i32 in f32, are one below a float.
    private static string Saturated(ElementType from, ElementType to, int width)
    {
        var (source, target) = (CTypes.Vector(from, width), CTypes.Vector(to, width));
        var head = $"// Saturates; nan gives 0.\nstatic {target} {to.Name()}_of_{CTypes.Suffix(from, width)}(const {source} x)";
        string Number(double value) => $"({source})({CTypes.Literal(from, value)})";
        if (to != ElementType.I64 && (to != ElementType.I32 || from == ElementType.F64))
        {
            var (least, most) = to switch
            {
                ElementType.I8 => (-128, 127),
                ElementType.U8 => (0, 255),
                ElementType.I16 => (-32768, 32767),
                _ => (int.MinValue, int.MaxValue),
            };
            return $$"""
                {{head}}
                {
                    const {{source}} a = isnan(x) ? {{Number(0)}} : x;
                    const {{source}} b = a < {{Number(least)}} ? {{Number(least)}} : a;
                    return convert_{{target}}(b > {{Number(most)}} ? {{Number(most)}} : b);
                }
                """;
        }

        var end = to == ElementType.I64 ? 9223372036854775808.0 : 2147483648.0;
        var (wide, limit) = (CTypes.Signed(from.ByteSize()), to == ElementType.I64 ? "LONG" : "INT");
        var mask = width == 1 ? "int" : CTypes.Vector(wide, width);
        string Fitting(string truth) => width == 1 || wide == to ? truth : $"convert_{target}({truth})";
        return $$"""
            {{head}}
            {
                const {{mask}} above = x >= {{Number(end)}};
                const {{mask}} below = x < {{Number(-end)}};
                const {{mask}} outside = above | below | isnan(x);
                const {{target}} inside = convert_{{target}}(outside ? {{Number(0)}} : x);
                return {{Fitting("above")}} ? ({{target}})({{limit}}_MAX) : ({{Fitting("below")}} ? ({{target}})({{limit}}_MIN) : inside);
            }
            """;
    }
}
