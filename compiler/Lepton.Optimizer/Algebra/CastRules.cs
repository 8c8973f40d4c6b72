using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Changes of element type.</summary>
internal static class CastRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(CastSame), [MapOp.Cast], CastSame),
        new(nameof(CastLossless), [MapOp.Cast], CastLossless),
        new(nameof(CastNarrower), [MapOp.Cast], CastNarrower),
    ];

    // T(x) -> x when x is a T already
    private static NodeId? CastSame(RuleGraph g, MapNode n) =>
        g.ElementOf(n.Arguments[0]) == n.Type.Element ? n.Arguments[0] : null;

    // C(B(x)) -> C(x) when B holds every value of x's type
    private static NodeId? CastLossless(RuleGraph g, MapNode n)
    {
        if (g.Argument(n.Arguments[0], MapOp.Cast) is not { } x)
        {
            return null;
        }

        // From a float to a narrower integer saturates, from an integer wraps: i8(f64(i)) is not i8(i).
        var (from, through, to) = (g.ElementOf(x), g.ElementOf(n.Arguments[0]), n.Type.Element);
        var changesKind = !from.IsFloat() && through.IsFloat() && to.IsInteger() && !Holds(to, from);
        return Holds(through, from) && !changesKind ? (from == to ? x : g.Map(MapOp.Cast, n.Type, x)) : null;
    }

    // i8(i32(i)) -> i8(i) for integers: the low bits of the low bits
    private static NodeId? CastNarrower(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Cast) is { } x && g.IsInteger(x) && g.IsInteger(n.Arguments[0]) && n.Type.Element.IsInteger()
            && n.Type.Element.ByteSize() <= g.ElementOf(n.Arguments[0]).ByteSize()
            ? g.ElementOf(x) == n.Type.Element ? x : g.Map(MapOp.Cast, n.Type, x)
            : null;

    // Whether every value of one type is a value of the other.
    private static bool Holds(ElementType type, ElementType values)
    {
        if (type == values || values == ElementType.Bool)
        {
            return true;
        }

        if (values.IsFloat())
        {
            return type == ElementType.F64 || (type == ElementType.F32 && values != ElementType.F64);
        }

        var (low, high) = (TypeRange.End(values, top: false).AsInteger, TypeRange.End(values, top: true).AsInteger);
        if (type.IsInteger())
        {
            return TypeRange.End(type, top: false).AsInteger <= low && high <= TypeRange.End(type, top: true).AsInteger;
        }

        // Whole numbers up to 2^digits are exact in a float.
        var digits = type switch { ElementType.F64 => 53, ElementType.F32 => 24, ElementType.F16 => 11, ElementType.BF16 => 8, _ => 0 };
        return digits > 0 && high < 1L << digits && low >= -(1L << digits);
    }
}
