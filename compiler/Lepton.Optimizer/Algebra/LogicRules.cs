using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>And, or, not.</summary>
internal static class LogicRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(NotNot), [MapOp.Not], NotNot),
        new(nameof(AndNumber), [MapOp.And], AndNumber),
        new(nameof(OrNumber), [MapOp.Or], OrNumber),
        new(nameof(LogicSelf), [MapOp.And, MapOp.Or], LogicSelf),
        new(nameof(LogicAgain), [MapOp.And, MapOp.Or], LogicAgain),
        new(nameof(LogicOpposite), [MapOp.And, MapOp.Or], LogicOpposite),
        new(nameof(NotEquality), [MapOp.Not], NotEquality),
        new(nameof(NotOrder), [MapOp.Not], NotOrder),
    ];

    // not not b -> b
    private static NodeId? NotNot(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Not);

    // b and true -> b; b and false -> false
    private static NodeId? AndNumber(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c ? c.AsBool ? n.Arguments[0] : n.Arguments[1] : null;

    // b or false -> b; b or true -> true
    private static NodeId? OrNumber(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c ? c.AsBool ? n.Arguments[1] : n.Arguments[0] : null;

    // b and b -> b; b or b -> b
    private static NodeId? LogicSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] ? n.Arguments[0] : null;

    // (a and b) and b -> a and b, and with a; the same for or
    private static NodeId? LogicAgain(RuleGraph g, MapNode n) =>
        g.Arguments(n.Arguments[0], n.Op) is { } inner && (inner[0] == n.Arguments[1] || inner[1] == n.Arguments[1]) ? n.Arguments[0] : null;

    // b and not b -> false; b or not b -> true
    private static NodeId? LogicOpposite(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Not) == n.Arguments[1] || g.Argument(n.Arguments[1], MapOp.Not) == n.Arguments[0] ? g.Splat(n.Type, n.Op == MapOp.Or ? 1 : 0) : null;

    // not (x == y) -> x != y and not (x != y) -> x == y, nan included
    private static NodeId? NotEquality(RuleGraph g, MapNode n) =>
        g[n.Arguments[0]] is MapNode { Op: MapOp.Equal or MapOp.NotEqual } inner
            ? g.Map(inner.Op == MapOp.Equal ? MapOp.NotEqual : MapOp.Equal, n.Type, inner.Arguments[0], inner.Arguments[1])
            : null;

    // not (x < y) -> x >= y and its kin, but for floats: nan is neither
    private static NodeId? NotOrder(RuleGraph g, MapNode n)
    {
        if (g[n.Arguments[0]] is not MapNode { Op: >= MapOp.Less and <= MapOp.GreaterEqual } inner || g.IsFloat(inner.Arguments[0]))
        {
            return null;
        }

        var opposite = inner.Op switch
        {
            MapOp.Less => MapOp.GreaterEqual,
            MapOp.LessEqual => MapOp.Greater,
            MapOp.Greater => MapOp.LessEqual,
            _ => MapOp.Less,
        };
        return g.Map(opposite, n.Type, inner.Arguments[0], inner.Arguments[1]);
    }
}
