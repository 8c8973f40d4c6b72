using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Comparisons.</summary>
internal static class CompareRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(CompareSelf), [MapOp.Equal, MapOp.LessEqual, MapOp.GreaterEqual, MapOp.NotEqual], CompareSelf),
        new(nameof(LessSelf), [MapOp.Less, MapOp.Greater], LessSelf),
        new(nameof(NotSelf), [MapOp.NotEqual], NotSelf),
        new(nameof(CompareEnd), [MapOp.Less, MapOp.LessEqual, MapOp.Greater, MapOp.GreaterEqual], CompareEnd),
        new(nameof(CompareTrue), [MapOp.Equal, MapOp.NotEqual], CompareTrue),
        new(nameof(CompareCastBool), [MapOp.Equal, MapOp.NotEqual], CompareCastBool),
        new(nameof(TestWhole), [MapOp.IsNan, MapOp.IsFinite], TestWhole),
    ];

    // x == x, x <= x, x >= x -> true and x != x -> false, but for floats: nan is none of these
    private static NodeId? CompareSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] && !g.IsFloat(n.Arguments[0]) ? g.Splat(n.Type, n.Op == MapOp.NotEqual ? 0 : 1) : null;

    // x < x -> false, nan included
    private static NodeId? LessSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] ? g.Splat(n.Type, 0) : null;

    // x != x -> isnan(x) for floats
    private static NodeId? NotSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] && g.IsFloat(n.Arguments[0]) ? g.Map(MapOp.IsNan, n.Type, n.Arguments[0]) : null;

    // x < MIN, x > MAX -> false and x >= MIN, x <= MAX -> true, for integers and bools
    private static NodeId? CompareEnd(RuleGraph g, MapNode n)
    {
        if (g.IsFloat(n.Arguments[1]) || g.Value(n.Arguments[1]) is not { } c)
        {
            return null;
        }

        var atTop = n.Op is MapOp.Greater or MapOp.LessEqual;
        return c == TypeRange.End(c.Type, atTop) ? g.Splat(n.Type, n.Op is MapOp.LessEqual or MapOp.GreaterEqual ? 1 : 0) : null;
    }

    // b == true, b != false -> b and b == false, b != true -> not b
    private static NodeId? CompareTrue(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { Type: ElementType.Bool } c
            ? c.AsBool == (n.Op == MapOp.Equal) ? n.Arguments[0] : g.Map(MapOp.Not, n.Type, n.Arguments[0])
            : null;

    // f32(b) != 0 -> b and f32(b) == 0 -> not b for a bool b
    private static NodeId? CompareCastBool(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 0) && g.Argument(n.Arguments[0], MapOp.Cast) is { } b && g.ElementOf(b) == ElementType.Bool
            ? n.Op == MapOp.NotEqual ? b : g.Map(MapOp.Not, n.Type, b)
            : null;

    // isnan(f32(i)) -> false; isfinite(f64(i)) -> true where the type holds every integer (f16 does not)
    private static NodeId? TestWhole(RuleGraph g, MapNode n)
    {
        if (g.Argument(n.Arguments[0], MapOp.Cast) is not { } x || g.IsFloat(x))
        {
            return null;
        }

        return n.Op == MapOp.IsNan ? g.Splat(n.Type, 0) : g.ElementOf(n.Arguments[0]) == ElementType.F16 ? null : g.Splat(n.Type, 1);
    }
}
