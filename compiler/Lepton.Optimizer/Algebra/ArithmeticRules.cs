using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>Sums, products and quotients.</summary>
internal static class ArithmeticRules
{
    public static readonly AlgebraRule[] Rules =
    [
        new(nameof(AddZero), [MapOp.Add], AddZero),
        new(nameof(SubZero), [MapOp.Sub], SubZero),
        new(nameof(MulOne), [MapOp.Mul], MulOne),
        new(nameof(DivOne), [MapOp.Div], DivOne),
        new(nameof(MulZero), [MapOp.Mul], MulZero),
        new(nameof(SubSelf), [MapOp.Sub], SubSelf),
        new(nameof(ZeroDiv), [MapOp.Div, MapOp.Rem], ZeroDiv),
        new(nameof(RemOne), [MapOp.Rem], RemOne),
        new(nameof(RemRem), [MapOp.Rem], RemRem),
        new(nameof(SubNumber), [MapOp.Sub], SubNumber),
        new(nameof(AddNumbers), [MapOp.Add], AddNumbers),
        new(nameof(MulNumbers), [MapOp.Mul], MulNumbers),
        new(nameof(DivPowerOfTwo), [MapOp.Div], DivPowerOfTwo),
    ];

    // x + 0 -> x for integers; x + (-0.0) -> x for floats. x + 0.0 is not x: it turns -0.0 into 0.0.
    private static NodeId? AddZero(RuleGraph g, MapNode n) =>
        g.Value(n.Arguments[1]) is { } c && c == (g.IsFloat(n.Arguments[1]) ? Scalar.Float(c.Type, -0.0) : Scalar.Of(c.Type, 0)) ? n.Arguments[0] : null;

    // x - 0 -> x; for floats with +0.0 alone
    private static NodeId? SubZero(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 0) ? n.Arguments[0] : null;

    // x * 1 -> x
    private static NodeId? MulOne(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 1) ? n.Arguments[0] : null;

    // x / 1 -> x
    private static NodeId? DivOne(RuleGraph g, MapNode n) =>
        g.Is(n.Arguments[1], 1) ? n.Arguments[0] : null;

    // x * 0 -> 0 for integers; for floats inf, nan and -1 give something else
    private static NodeId? MulZero(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[1]) && g.Is(n.Arguments[1], 0) ? n.Arguments[1] : null;

    // x - x -> 0 for integers; inf - inf is nan
    private static NodeId? SubSelf(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && n.Arguments[0] == n.Arguments[1] ? g.Splat(n.Type, 0) : null;

    // 0 / x -> 0 and 0 % x -> 0 for integers, x = 0 included
    private static NodeId? ZeroDiv(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Is(n.Arguments[0], 0) ? n.Arguments[0] : null;

    // x % 1 -> 0 for integers
    private static NodeId? RemOne(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Is(n.Arguments[1], 1) ? g.Splat(n.Type, 0) : null;

    // (x % y) % y -> x % y for integers: the remainder already lies between 0 and y
    private static NodeId? RemRem(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Arguments(n.Arguments[0], MapOp.Rem) is { } inner && inner[1] == n.Arguments[1] ? n.Arguments[0] : null;

    // x - c -> x + (-c) for integers, so that numbers meet
    private static NodeId? SubNumber(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Value(n.Arguments[1]) is { } c
            ? g.Map(MapOp.Add, n.Type, n.Arguments[0], g.Splat(n.Type, Scalar.Integer(c.Type, unchecked(-c.AsInteger))))
            : null;

    // (x + c) + d -> x + (c + d) for integers: addition modulo 2^n is associative
    private static NodeId? AddNumbers(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Value(n.Arguments[1]) is { } d && g.Arguments(n.Arguments[0], MapOp.Add) is { } inner && g.Value(inner[1]) is { } c
            ? g.Map(MapOp.Add, n.Type, inner[0], g.Splat(n.Type, Scalar.Integer(d.Type, unchecked(c.AsInteger + d.AsInteger))))
            : null;

    // (x * c) * d -> x * (c * d) for integers: so is multiplication
    private static NodeId? MulNumbers(RuleGraph g, MapNode n) =>
        g.IsInteger(n.Arguments[0]) && g.Value(n.Arguments[1]) is { } d && g.Arguments(n.Arguments[0], MapOp.Mul) is { } inner && g.Value(inner[1]) is { } c
            ? g.Map(MapOp.Mul, n.Type, inner[0], g.Splat(n.Type, Scalar.Integer(d.Type, unchecked(c.AsInteger * d.AsInteger))))
            : null;

    // x / 2^k -> x * 2^-k for floats when 2^-k is a normal number: both are the same real number, rounded once
    private static NodeId? DivPowerOfTwo(RuleGraph g, MapNode n)
    {
        if (g.Value(n.Arguments[1]) is not { } c || !g.IsFloat(n.Arguments[1]) || Math.Abs(c.AsDouble) == 1 || !HasExactReciprocal(c))
        {
            return null;
        }

        return g.Map(MapOp.Mul, n.Type, n.Arguments[0], g.Splat(n.Type, Scalar.Float(c.Type, 1 / c.AsDouble)));
    }

    private static bool HasExactReciprocal(Scalar c)
    {
        // A double holds every value of every float type as a normal number but its own subnormals; the mantissa of 2^k is empty.
        var smallestNormal = c.Type switch
        {
            ElementType.F64 => Math.ScaleB(1, -1022),
            ElementType.F16 => Math.ScaleB(1, -14),
            _ => Math.ScaleB(1, -126),
        };
        var (value, reciprocal) = (Math.Abs(c.AsDouble), Math.Abs(1 / c.AsDouble));
        return (c.Bits & 0xFFFFFFFFFFFFFL) == 0 && double.IsNormal(value) && value >= smallestNormal
            && reciprocal >= smallestNormal && Scalar.Round(c.Type, reciprocal) == reciprocal && double.IsFinite(reciprocal);
    }
}
