using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Algebra;

/// <summary>
/// One rule: what a node over finished operands is equal to, or null when the rule does not apply. A rule is right alone, for inf, nan, -0.0
/// and subnormals, bit for bit (but for the sign and payload of a nan); one that is not is marked <paramref name="FastMath"/>. A rule may
/// drop an operand: what nobody needs is not computed, and its run-time checks are not made.
/// </summary>
/// <param name="Name">For traces and tests: the method's name.</param>
/// <param name="Ops">The operations at which the rule is tried.</param>
public sealed record AlgebraRule(string Name, ValueList<MapOp> Ops, Func<RuleGraph, MapNode, NodeId?> Apply, bool FastMath = false)
{
    /// <summary>All rules, in the order in which they are tried.</summary>
    public static IReadOnlyList<AlgebraRule> All { get; } =
    [
        .. OrderRules.Rules,
        .. ArithmeticRules.Rules,
        .. SignRules.Rules,
        .. PowerRules.Rules,
        .. RangeRules.Rules,
        .. CompareRules.Rules,
        .. LogicRules.Rules,
        .. SelectRules.Rules,
        .. CastRules.Rules,
        .. FastMathRules.Rules,
    ];
}

/// <summary>The graph as a rule sees it: short questions about operands, and makers of what stands in a rule's right-hand side.</summary>
public sealed class RuleGraph(GraphAssembler graph)
{
    public Node this[NodeId id] => graph[id];

    /// <summary>The number that an operand is everywhere, or null.</summary>
    public Scalar? Value(NodeId id) => graph[id] is SplatNode splat ? splat.Value : null;

    /// <summary>Whether an operand is this small integer everywhere; for floats +0.0 alone is 0.</summary>
    public bool Is(NodeId id, long value) => graph[id] is SplatNode splat && splat.Value == Scalar.Of(splat.Value.Type, value);

    /// <summary>The arguments of the operand if it is this operation, or null.</summary>
    public ValueList<NodeId>? Arguments(NodeId id, MapOp op) => graph[id] is MapNode map && map.Op == op ? map.Arguments : null;

    /// <summary>The argument of the operand if it is this unary operation, or null.</summary>
    public NodeId? Argument(NodeId id, MapOp op) => graph[id] is MapNode map && map.Op == op ? map.Arguments[0] : null;

    public ElementType ElementOf(NodeId id) => graph.TypeOf(id).Element;

    public bool IsFloat(NodeId id) => ElementOf(id).IsFloat();

    public bool IsInteger(NodeId id) => ElementOf(id).IsInteger();

    public NodeId Map(MapOp op, TensorType type, params ReadOnlySpan<NodeId> arguments) => graph.Add(new MapNode(type, op, ValueList.Create(arguments)));

    public NodeId Splat(TensorType type, Scalar value) => graph.Add(new SplatNode(type, value));

    public NodeId Splat(TensorType type, long value) => graph.Add(new SplatNode(type, Scalar.Of(type.Element, value)));
}
