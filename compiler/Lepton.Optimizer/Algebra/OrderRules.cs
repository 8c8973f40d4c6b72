using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Numbers stand to the right, so that other rules look there alone.</summary>
internal static class OrderRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(NumberLast), [MapOp.Add, MapOp.Mul, MapOp.Min, MapOp.Max, MapOp.Equal, MapOp.NotEqual, MapOp.And, MapOp.Or], NumberLast),
        new(nameof(NumberLastCompared), [MapOp.Less, MapOp.LessEqual, MapOp.Greater, MapOp.GreaterEqual], NumberLastCompared),
    ];

    // c op x -> x op c, for commutative op
    private static NodeId? NumberLast(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[0]) is not null && g.Value(n.Arguments[1]) is null ? g.Map(n.Op, n.Type, n.Arguments[1], n.Arguments[0]) : null;

    // c < x -> x > c, and its kin
    private static NodeId? NumberLastCompared(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[0]) is not null && g.Value(n.Arguments[1]) is null ? g.Map(Mirrored(n.Op), n.Type, n.Arguments[1], n.Arguments[0]) : null;

    private static MapOp Mirrored(MapOp op) => op switch
    {
        MapOp.Less => MapOp.Greater,
        MapOp.LessEqual => MapOp.GreaterEqual,
        MapOp.Greater => MapOp.Less,
        _ => MapOp.LessEqual,
    };
}
