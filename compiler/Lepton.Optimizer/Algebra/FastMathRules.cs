using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Rules that hold for real numbers but not bit for bit. Each says what it changes.</summary>
internal static class FastMathRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(ExpLog), [MapOp.Exp], ExpLog, FastMath: true),
        new(nameof(LogExp), [MapOp.Log], LogExp, FastMath: true),
        new(nameof(PowHalf), [MapOp.Pow], PowHalf, FastMath: true),
        new(nameof(PowMinusHalf), [MapOp.Pow], PowMinusHalf, FastMath: true),
        new(nameof(PowSmall), [MapOp.Pow], PowSmall, FastMath: true),
        new(nameof(SqrtSquare), [MapOp.Mul], SqrtSquare, FastMath: true),
        new(nameof(SquareSqrt), [MapOp.Sqrt], SquareSqrt, FastMath: true),
        new(nameof(DivNumber), [MapOp.Div], DivNumber, FastMath: true),
        new(nameof(DivSqrt), [MapOp.Div], DivSqrt, FastMath: true),
        new(nameof(MulFloats), [MapOp.Mul], MulFloats, FastMath: true),
        new(nameof(AddFloats), [MapOp.Add], AddFloats, FastMath: true),
        new(nameof(AddZeroFloat), [MapOp.Add], AddZeroFloat, FastMath: true),
        new(nameof(SubSelfFloat), [MapOp.Sub], SubSelfFloat, FastMath: true),
        new(nameof(MulZeroFloat), [MapOp.Mul], MulZeroFloat, FastMath: true),
    ];

    // exp(log(x)) -> x; rounding, and negative x gives nan
    private static NodeId? ExpLog(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Log);

    // log(exp(x)) -> x; rounding, and large x overflows
    private static NodeId? LogExp(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[0], MapOp.Exp);

    // x^0.5 -> sqrt(x); differs at -0.0 and -inf
    private static NodeId? PowHalf(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c && c.AsDouble == 0.5 ? g.Map(MapOp.Sqrt, n.Type, n.Arguments[0]) : null;

    // x^-0.5 -> rsqrt(x); differs at -0.0 and -inf
    private static NodeId? PowMinusHalf(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c && c.AsDouble == -0.5 ? g.Map(MapOp.Rsqrt, n.Type, n.Arguments[0]) : null;

    // x^n -> products, 3 <= n <= 8; rounds more than twice
    private static NodeId? PowSmall(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[1]) && g.Value(n.Arguments[1]) is { } c && c.AsDouble is >= 3 and <= 8 && c.AsDouble == Math.Floor(c.AsDouble)
            ? PowerRules.Power(g, n.Type, n.Arguments[0], (long)c.AsDouble)
            : null;

    // sqrt(x) * sqrt(x) -> x; rounding, and negative x gives nan
    private static NodeId? SqrtSquare(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] ? g.Argument(n.Arguments[0], MapOp.Sqrt) : null;

    // sqrt(x * x) -> |x|; rounding, overflow of the square
    private static NodeId? SquareSqrt(RuleGraph g, MapNode n) =>
        g.Arguments(n.Arguments[0], MapOp.Mul) is { } inner && inner[0] == inner[1] ? g.Map(MapOp.Abs, n.Type, inner[0]) : null;

    // x / c -> x * (1 / c); rounds twice
    private static NodeId? DivNumber(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[1]) && g.Value(n.Arguments[1]) is { } c && double.IsNormal(1 / c.AsDouble) && Scalar.Round(c.Type, 1 / c.AsDouble) is var r && double.IsFinite(r) && r != 0
            ? g.Map(MapOp.Mul, n.Type, n.Arguments[0], g.Splat(n.Type, Scalar.Float(c.Type, r)))
            : null;

    // x / sqrt(y) -> x * rsqrt(y); rounds twice
    private static NodeId? DivSqrt(RuleGraph g, MapNode n) =>
        g.Argument(n.Arguments[1], MapOp.Sqrt) is { } y ? g.Map(MapOp.Mul, n.Type, n.Arguments[0], g.Map(MapOp.Rsqrt, n.Type, y)) : null;

    // (x * c) * d -> x * (c * d); rounding, overflow
    private static NodeId? MulFloats(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[0]) && g.Value(n.Arguments[1]) is { } d && g.Arguments(n.Arguments[0], MapOp.Mul) is { } inner && g.Value(inner[1]) is { } c
            ? g.Map(MapOp.Mul, n.Type, inner[0], g.Splat(n.Type, Scalar.Float(d.Type, c.AsDouble * d.AsDouble)))
            : null;

    // (x + c) + d -> x + (c + d); rounding
    private static NodeId? AddFloats(RuleGraph g, MapNode n) =>
        g.IsFloat(n.Arguments[0]) && g.Value(n.Arguments[1]) is { } d && g.Arguments(n.Arguments[0], MapOp.Add) is { } inner && g.Value(inner[1]) is { } c
            ? g.Map(MapOp.Add, n.Type, inner[0], g.Splat(n.Type, Scalar.Float(d.Type, c.AsDouble + d.AsDouble)))
            : null;

    // x + 0.0 -> x; -0.0 stays -0.0
    private static NodeId? AddZeroFloat(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 0) && g.IsFloat(n.Arguments[1]) ? n.Arguments[0] : null;

    // x - x -> 0; inf and nan give nan
    private static NodeId? SubSelfFloat(RuleGraph g, MapNode n) =>
        n.Arguments[0] == n.Arguments[1] && g.IsFloat(n.Arguments[0]) ? g.Splat(n.Type, 0) : null;

    // x * 0.0 -> 0; inf, nan and negative x differ
    private static NodeId? MulZeroFloat(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 0) && g.IsFloat(n.Arguments[1]) ? n.Arguments[1] : null;
}
