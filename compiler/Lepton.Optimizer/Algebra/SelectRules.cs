using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Choices.</summary>
internal static class SelectRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(SelectNumber), [MapOp.Select], SelectNumber),
        new(nameof(SelectSame), [MapOp.Select], SelectSame),
        new(nameof(SelectNot), [MapOp.Select], SelectNot),
        new(nameof(SelectAgainThen), [MapOp.Select], SelectAgainThen),
        new(nameof(SelectAgainElse), [MapOp.Select], SelectAgainElse),
        new(nameof(SelectBool), [MapOp.Select], SelectBool),
    ];

    // select(true, x, y) -> x; select(false, x, y) -> y
    private static NodeId? SelectNumber(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[0]) is { } c ? c.AsBool ? n.Arguments[1] : n.Arguments[2] : null;

    // select(c, x, x) -> x
    private static NodeId? SelectSame(RuleGraph g, MapNode n) =>
        n.Arguments[1] == n.Arguments[2] ? n.Arguments[1] : null;

    // select(not c, x, y) -> select(c, y, x)
    private static NodeId? SelectNot(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Not) is { } c ? g.Map(MapOp.Select, n.Type, c, n.Arguments[2], n.Arguments[1]) : null;

    // select(c, select(c, x, y), z) -> select(c, x, z)
    private static NodeId? SelectAgainThen(RuleGraph g, MapNode n) =>
        g.Arguments(n.Arguments[1], MapOp.Select) is { } inner && inner[0] == n.Arguments[0] ? g.Map(MapOp.Select, n.Type, n.Arguments[0], inner[1], n.Arguments[2]) : null;

    // select(c, x, select(c, y, z)) -> select(c, x, z)
    private static NodeId? SelectAgainElse(RuleGraph g, MapNode n) =>
        g.Arguments(n.Arguments[2], MapOp.Select) is { } inner && inner[0] == n.Arguments[0] ? g.Map(MapOp.Select, n.Type, n.Arguments[0], n.Arguments[1], inner[2]) : null;

    // select(c, true, y) -> c or y; select(c, x, false) -> c and x; select(c, false, true) -> not c, for bools
    private static NodeId? SelectBool(RuleGraph g, MapNode n)
    {
        if (n.Type.Element != ElementType.Bool)
        {
            return null;
        }

        var (c, x, y) = (n.Arguments[0], n.Arguments[1], n.Arguments[2]);
        return g.Is(x, 1) ? g.Map(MapOp.Or, n.Type, c, y)
            : g.Is(y, 0) ? g.Map(MapOp.And, n.Type, c, x)
            : g.Is(x, 0) && g.Is(y, 1) ? g.Map(MapOp.Not, n.Type, c)
            : null;
    }
}
