using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Negation and magnitude.</summary>
internal static class SignRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(NegNeg), [MapOp.Neg], NegNeg),
        new(nameof(MulMinusOne), [MapOp.Mul, MapOp.Div], MulMinusOne),
        new(nameof(ZeroSub), [MapOp.Sub], ZeroSub),
        new(nameof(AddNeg), [MapOp.Add], AddNeg),
        new(nameof(NegAdd), [MapOp.Add], NegAdd),
        new(nameof(SubNeg), [MapOp.Sub], SubNeg),
        new(nameof(NegSub), [MapOp.Neg], NegSub),
        new(nameof(MulNegNeg), [MapOp.Mul], MulNegNeg),
        new(nameof(DivNegNeg), [MapOp.Div], DivNegNeg),
        new(nameof(NegMulNumber), [MapOp.Mul], NegMulNumber),
        new(nameof(NegDivNumber), [MapOp.Div], NegDivNumber),
        new(nameof(AbsAbs), [MapOp.Abs], AbsAbs),
        new(nameof(AbsNeg), [MapOp.Abs], AbsNeg),
        new(nameof(MulAbsSelf), [MapOp.Mul], MulAbsSelf),
        new(nameof(AbsSquare), [MapOp.Abs], AbsSquare),
    ];

    // -(-x) -> x
    private static NodeId? NegNeg(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Neg);

    // x * -1 -> -x and x / -1 -> -x; MIN / -1 = MIN = -MIN
    private static NodeId? MulMinusOne(RuleGraph g, MapNode n) =>
        g.ElementOf(n.Arguments[1]) != ElementType.U8 && g.Is(n.Arguments[1], -1) ? g.Map(MapOp.Neg, n.Type, n.Arguments[0]) : null;

    // 0 - x -> -x for integers; -0.0 - x -> -x for floats. 0.0 - 0.0 is not -0.0.
    private static NodeId? ZeroSub(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[0]) is { } c && c == (g.IsFloat(n.Arguments[0]) ? Scalar.Float(c.Type, -0.0) : Scalar.Of(c.Type, 0)) ? g.Map(MapOp.Neg, n.Type, n.Arguments[1]) : null;

    // x + (-y) -> x - y
    private static NodeId? AddNeg(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[1], MapOp.Neg) is { } y ? g.Map(MapOp.Sub, n.Type, n.Arguments[0], y) : null;

    // (-x) + y -> y - x
    private static NodeId? NegAdd(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Neg) is { } x ? g.Map(MapOp.Sub, n.Type, n.Arguments[1], x) : null;

    // x - (-y) -> x + y
    private static NodeId? SubNeg(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[1], MapOp.Neg) is { } y ? g.Map(MapOp.Add, n.Type, n.Arguments[0], y) : null;

    // -(x - y) -> y - x for integers; for floats x = y gives -0.0
    private static NodeId? NegSub(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Arguments(n.Arguments[0], MapOp.Sub) is { } inner ? g.Map(MapOp.Sub, n.Type, inner[1], inner[0]) : null;

    // (-x) * (-y) -> x * y
    private static NodeId? MulNegNeg(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Neg) is { } x && g.Argument(n.Arguments[1], MapOp.Neg) is { } y ? g.Map(MapOp.Mul, n.Type, x, y) : null;

    // (-x) / (-y) -> x / y for floats; MIN / MIN is 1 either way, but MIN / 2 is not -MIN / -2
    private static NodeId? DivNegNeg(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[0]) && g.Argument(n.Arguments[0], MapOp.Neg) is { } x && g.Argument(n.Arguments[1], MapOp.Neg) is { } y ? g.Map(MapOp.Div, n.Type, x, y) : null;

    // (-x) * c -> x * (-c)
    private static NodeId? NegMulNumber(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Neg) is { } x && g.Value(n.Arguments[1]) is { } c ? g.Map(MapOp.Mul, n.Type, x, g.Splat(n.Type, Negated(c))) : null;

    // (-x) / c -> x / (-c) for floats
    private static NodeId? NegDivNumber(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[0]) && g.Argument(n.Arguments[0], MapOp.Neg) is { } x && g.Value(n.Arguments[1]) is { } c ? g.Map(MapOp.Div, n.Type, x, g.Splat(n.Type, Negated(c))) : null;

    // ||x|| -> |x| for floats and integers alike: |MIN| = MIN
    private static NodeId? AbsAbs(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Abs) is not null ? n.Arguments[0] : null;

    // |-x| -> |x|, but for u8, where -1 is 255
    private static NodeId? AbsNeg(RuleGraph g, MapNode n) =>
        n.Type.Element != ElementType.U8 && g.Argument(n.Arguments[0], MapOp.Neg) is { } x ? g.Map(MapOp.Abs, n.Type, x) : null;

    // |x| * |x| -> x * x
    private static NodeId? MulAbsSelf(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] && g.Argument(n.Arguments[0], MapOp.Abs) is { } x ? g.Map(MapOp.Mul, n.Type, x, x) : null;

    // |x * x| -> x * x for floats; an integer product may wrap below zero
    private static NodeId? AbsSquare(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[0]) && g.Arguments(n.Arguments[0], MapOp.Mul) is { } inner && inner[0] == inner[1] ? n.Arguments[0] : null;

    private static Scalar Negated(Scalar c) =>
        c.Type.IsFloat() ? Scalar.Float(c.Type, -c.AsDouble) : Scalar.Integer(c.Type, unchecked(-c.AsInteger));
}
