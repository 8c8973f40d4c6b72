using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Powers with a known exponent. x^0.5 -> sqrt(x) is not here: they differ at -0.0 and -inf.</summary>
internal static class PowerRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(PowZero), [MapOp.Pow], PowZero),
        new(nameof(PowOne), [MapOp.Pow], PowOne),
        new(nameof(PowTwo), [MapOp.Pow], PowTwo),
        new(nameof(PowThree), [MapOp.Pow], PowThree),
        new(nameof(PowMinusOne), [MapOp.Pow], PowMinusOne),
        new(nameof(PowInteger), [MapOp.Pow], PowInteger),
    ];

    // x^0 -> 1, nan^0 included
    private static NodeId? PowZero(RuleGraph g, MapNode n) =>
        IsNumber(g, n.Arguments[1], 0) ? g.Splat(n.Type, 1) : null;

    // x^1 -> x
    private static NodeId? PowOne(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 1) ? n.Arguments[0] : null;

    // x^2 -> x * x: one rounding of the true value
    private static NodeId? PowTwo(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 2) ? g.Map(MapOp.Mul, n.Type, n.Arguments[0], n.Arguments[0]) : null;

    // x^3 -> x * x * x for f32 and f64: two roundings, less than the 2 ulp that pow may be off; a square that overflows or underflows has a
    // cube that does. Halves would be rounded in between.
    private static NodeId? PowThree(RuleGraph g, MapNode n) =>
        n.Type.Element is ElementType.F32 or ElementType.F64 && g.Is(n.Arguments[1], 3) ? Power(g, n.Type, n.Arguments[0], 3) : null;

    // x^-1 -> 1 / x for floats: one rounding of the true value; signs of zeros and infinities agree
    private static NodeId? PowMinusOne(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[1]) && g.Is(n.Arguments[1], -1) ? g.Map(MapOp.Div, n.Type, g.Splat(n.Type, 1), n.Arguments[0]) : null;

    // x^n -> products by repeated squaring for integers, 3 <= n <= 64: multiplication modulo 2^n is associative
    private static NodeId? PowInteger(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[1]) && g.Value(n.Arguments[1]) is { AsInteger: >= 3 and <= 64 } c ? Power(g, n.Type, n.Arguments[0], c.AsInteger) : null;

    // 0.0 and -0.0 are the same exponent.
    private static bool IsNumber(RuleGraph g, NodeId id, double value) => g.Value(id) is { } c && c.AsDouble == value;

    internal static NodeId Power(RuleGraph g, TensorType type, NodeId x, long exponent)
    {
        NodeId? result = null;
        for (var square = x; ; square = g.Map(MapOp.Mul, type, square, square))
        {
            if ((exponent & 1) != 0)
            {
                result = result is { } r ? g.Map(MapOp.Mul, type, r, square) : square;
            }

            exponent >>= 1;
            if (exponent == 0)
            {
                return result ?? square;
            }
        }
    }
}
