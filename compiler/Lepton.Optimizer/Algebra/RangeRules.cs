using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Minimum, maximum and rounding.</summary>
internal static class RangeRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(ExtremeSelf), [MapOp.Min, MapOp.Max], ExtremeSelf),
        new(nameof(ExtremeAgain), [MapOp.Min, MapOp.Max], ExtremeAgain),
        new(nameof(ExtremeNumbers), [MapOp.Min, MapOp.Max], ExtremeNumbers),
        new(nameof(ExtremeNeutral), [MapOp.Min, MapOp.Max], ExtremeNeutral),
        new(nameof(ExtremeAbsorbing), [MapOp.Min, MapOp.Max], ExtremeAbsorbing),
        new(nameof(RoundRounded), [MapOp.Floor, MapOp.Ceil, MapOp.Round, MapOp.Trunc], RoundRounded),
        new(nameof(RoundWhole), [MapOp.Floor, MapOp.Ceil, MapOp.Round, MapOp.Trunc], RoundWhole),
    ];

    // min(x, x) -> x
    private static NodeId? ExtremeSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] ? n.Arguments[0] : null;

    // min(min(x, y), y) -> min(x, y), and with x
    private static NodeId? ExtremeAgain(RuleGraph g, MapNode n) =>
        g.Arguments(n.Arguments[0], n.Op) is { } inner && (inner[0] == n.Arguments[1] || inner[1] == n.Arguments[1]) ? n.Arguments[0] : null;

    // min(min(x, c), d) -> min(x, min(c, d)), unless a number is nan or both are zeros of different sign
    private static NodeId? ExtremeNumbers(RuleGraph g, MapNode n)
    {
        if (g.Value(n.Arguments[1]) is not { } d || g.Arguments(n.Arguments[0], n.Op) is not { } inner || g.Value(inner[1]) is not { } c
            || double.IsNaN(c.AsDouble) || double.IsNaN(d.AsDouble) || (c != d && c.AsDouble == 0 && d.AsDouble == 0))
        {
            return null;
        }

        var first = c.Type.IsFloat() ? c.AsDouble < d.AsDouble : c.AsInteger < d.AsInteger;
        return g.Map(n.Op, n.Type, inner[0], g.Splat(n.Type, first == (n.Op == MapOp.Min) ? c : d));
    }

    // max(x, -inf) -> x and min(x, inf) -> x; max(x, MIN) -> x and min(x, MAX) -> x for integers
    private static NodeId? ExtremeNeutral(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c && c == TypeRange.End(c.Type, top: n.Op == MapOp.Min) ? n.Arguments[0] : null;

    // max(x, MAX) -> MAX and min(x, MIN) -> MIN for integers; a nan would come through
    private static NodeId? ExtremeAbsorbing(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[1]) && g.Value(n.Arguments[1]) is { } c && c == TypeRange.End(c.Type, top: n.Op == MapOp.Max) ? n.Arguments[1] : null;

    // floor(ceil(x)) -> ceil(x), and every other pair: whole numbers, infinities and -0.0 stay
    private static NodeId? RoundRounded(RuleGraph g, MapNode n) =>
        g[n.Arguments[0]] is MapNode { Op: MapOp.Floor or MapOp.Ceil or MapOp.Round or MapOp.Trunc } ? n.Arguments[0] : null;

    // floor(f32(i)) -> f32(i) for an integer i
    private static NodeId? RoundWhole(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Cast) is { } x && !g.IsFloat(x) ? n.Arguments[0] : null;
}
