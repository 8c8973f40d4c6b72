using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// An integer that depends on indices alone: offset + Σ coefficient·index of an axis. Terms are sorted by axis, none is 0. Numbers are small
/// enough that no index of a tensor makes the sum wrap.
/// </summary>
public sealed record AffineIndex(SizeExpr Offset, ValueList<AffineTerm> Terms)
{
    // |coefficient| · axis < 2^20 · 2^40, and the offset as much: far from 2^63.
    private const long MostCoefficient = 1 << 20;

    // Nobody writes longer ones.
    private const int MostDepth = 32;

    /// <summary>The axes of a tensor of some rank, each as its own index.</summary>
    public static ValueList<AffineIndex> Axes(int rank) =>
        Enumerable.Range(0, rank).Select(a => new AffineIndex(SizeExpr.Zero, [new AffineTerm(a, SizeExpr.One)])).ToValueList();

    /// <summary>What an i64 node is at the indices <paramref name="axes"/> of its axes; null: not this.</summary>
    public static AffineIndex? Of(Func<NodeId, Node> graph, NodeId node, ValueList<AffineIndex> axes) => Of(graph, node, axes, MostDepth);

    /// <summary>The indices of a view's source, from those of the view; null where an access may lie outside or is too large.</summary>
    public static ValueList<AffineIndex>? Through(ViewNode view, ValueList<AffineIndex> axes)
    {
        var source = new AffineIndex[view.Access.Count];
        for (var i = 0; i < source.Length; i++)
        {
            var access = view.Access[i];
            var index = new AffineIndex(access.Offset, []);
            foreach (var (axis, coefficient) in access.Terms)
            {
                if (coefficient.AsConstant is not { } factor || Fitting(index.Plus(axes[axis], factor)) is not { } sum)
                {
                    return null;
                }

                index = sum;
            }

            if (access.Outside != Outside.Never || Fitting(index) is null)
            {
                return null;
            }

            source[i] = index;
        }

        return source.ToValueList();
    }

    /// <summary>The coefficient of an axis; 0 when it does not occur.</summary>
    public SizeExpr Coefficient(int axis) => Terms.FirstOrDefault(t => t.Axis == axis) is { Coefficient: { } c } ? c : SizeExpr.Zero;

    /// <summary>this + factor · other.</summary>
    public AffineIndex Plus(AffineIndex other, long factor)
    {
        var terms = Terms.Concat(other.Terms.Select(t => t with { Coefficient = t.Coefficient * factor }))
            .GroupBy(t => t.Axis, t => t.Coefficient)
            .Select(g => new AffineTerm(g.Key, g.Aggregate((a, b) => a + b)))
            .Where(t => t.Coefficient != SizeExpr.Zero)
            .OrderBy(t => t.Axis);
        return new AffineIndex(Offset + (other.Offset * factor), terms.ToValueList());
    }

    /// <summary>-this - 1, which is not negative exactly where this is.</summary>
    public AffineIndex Complement() => new AffineIndex(SizeExpr.Constant(-1), []).Plus(this, -1);

    /// <summary>
    /// Whether this is ≥ 0 where all of <paramref name="assumed"/> are; null: it depends, or nobody knows.
    /// <code>
    /// A ≥ 0  and  this = A + c,  c ≥ 0:  yes        this = c - A,  c &lt; 0:  no
    /// </code>
    /// </summary>
    public bool? IsNonNegative(IEnumerable<AffineIndex> assumed)
    {
        foreach (var a in assumed)
        {
            if (Plus(a, -1) is { Terms.Count: 0 } more && more.Offset.IsProvablyNonNegative())
            {
                return true;
            }

            if (Plus(a, 1) is { Terms.Count: 0 } less && less.Offset.UpperBound() < 0)
            {
                return false;
            }
        }

        return null;
    }

    private static AffineIndex? Of(Func<NodeId, Node> graph, NodeId id, ValueList<AffineIndex> axes, int depth)
    {
        var node = graph(id);
        if (node.Type.Element != ElementType.I64 || depth == 0)
        {
            return null;
        }

        switch (node)
        {
            case IotaNode iota:
                return axes[iota.Axis];
            case SplatNode splat:
                return Number(splat.Value.Bits);
            case ConstantNode { Values.Count: 1 } constant:
                return Number(constant.Values[0].Bits);
            case SizeNode size:
                return Fitting(new AffineIndex(size.Size, []));
            case ViewNode view:
                return Through(view, axes) is { } source ? Of(graph, view.Source, source, depth - 1) : null;
            case MapNode { Op: MapOp.Neg } map:
                return Of(graph, map.Arguments[0], axes, depth - 1) is { } x ? Number(0)!.Plus(x, -1) : null;
            case MapNode { Op: MapOp.Add or MapOp.Sub or MapOp.Mul } map
                when Of(graph, map.Arguments[0], axes, depth - 1) is { } a && Of(graph, map.Arguments[1], axes, depth - 1) is { } b:
                return Fitting(
                    map.Op != MapOp.Mul ? a.Plus(b, map.Op == MapOp.Add ? 1 : -1)
                    : b.Factor is { } right ? Number(0)!.Plus(a, right)
                    : a.Factor is { } left ? Number(0)!.Plus(b, left)
                    : null);
            default:
                return null;
        }
    }

    // The number that this is, if it is one by which another may be multiplied.
    private long? Factor => Terms.Count == 0 && Offset.AsConstant is { } c && Math.Abs((double)c) <= MostCoefficient ? c : null;

    private static AffineIndex? Number(long value) => Fitting(new AffineIndex(SizeExpr.Constant(value), []));

    // A size alone is the length of an axis or a part of it; a product of sizes may be anything.
    private static AffineIndex? Fitting(AffineIndex? index) =>
        index is not null && AxisAccess.Magnitude(index.Offset) < SizeExpr.MaxIndexNumber
        && index.Offset.Terms.All(t => t.Factors.Count == 0 || (t.Factors.Count == 1 && Math.Abs((double)t.Coefficient) <= MostCoefficient))
        && index.Terms.All(t => Math.Abs((double?)t.Coefficient.AsConstant ?? double.MaxValue) <= MostCoefficient)
            ? index
            : null;
}
