using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>The integers that a value can be, From and To among them: interval arithmetic (Moore, 1966). What could wrap can be all of its type.</summary>
internal readonly record struct IntegerRange(long From, long To)
{
    public static readonly IntegerRange U8 = new(byte.MinValue, byte.MaxValue);
    public static readonly IntegerRange I8 = new(sbyte.MinValue, sbyte.MaxValue);
    public static readonly IntegerRange I16 = new(short.MinValue, short.MaxValue);
    private static readonly IntegerRange MinusOne = new(-1, -1);

    /// <summary>What the product of these values can be; null where a factor may not fit into i16, which is not asked further.</summary>
    /// <param name="below">The nodes that are looked into, each behind its operands; others can be all of their type.</param>
    public static IntegerRange? OfProduct(Graph graph, ValueList<NodeId> below, ValueList<NodeId> factors)
    {
        var known = new Dictionary<NodeId, IntegerRange>();
        foreach (var id in below)
        {
            var all = Of(graph[id].Type.Element);
            if ((Of(graph[id], Range) ?? all) is { } range && all is { } limit)
            {
                known[id] = limit.Holds(range) ? range : limit;
            }
        }

        IntegerRange? product = new IntegerRange(1, 1);
        foreach (var factor in factors)
        {
            product = product is { } p && I16.Holds(p) && Range(factor) is { } f ? p.Times(f) : null;
        }

        return product;

        IntegerRange? Range(NodeId id) => known.TryGetValue(id, out var range) ? range : Of(graph[id].Type.Element);
    }

    private static IntegerRange? Of(Node node, Func<NodeId, IntegerRange?> operand)
    {
        switch (node)
        {
            case SplatNode n when Of(n.Value.Type) is not null:
                return new IntegerRange(n.Value.Bits, n.Value.Bits);
            case ViewNode n when operand(n.Source) is { } x:
                return n.Fill is { } fill ? new IntegerRange(Math.Min(x.From, fill.Bits), Math.Max(x.To, fill.Bits)) : x;
            case ReshapeNode n:
                return operand(n.Source);
            case MapNode { Op: MapOp.Cast } n:
                return operand(n.Arguments[0]);
            case MapNode { Op: MapOp.Neg } n when operand(n.Arguments[0]) is { } x:
                return x.Times(MinusOne);
            case MapNode { Op: MapOp.Add or MapOp.Sub or MapOp.Mul or MapOp.Min or MapOp.Max } n
                when operand(n.Arguments[0]) is { } x && operand(n.Arguments[1]) is { } y:
                return n.Op switch
                {
                    MapOp.Add => new IntegerRange(x.From + y.From, x.To + y.To),
                    MapOp.Sub => new IntegerRange(x.From - y.To, x.To - y.From),
                    MapOp.Mul => x.Times(y),
                    MapOp.Min => new IntegerRange(Math.Min(x.From, y.From), Math.Min(x.To, y.To)),
                    _ => new IntegerRange(Math.Max(x.From, y.From), Math.Max(x.To, y.To)),
                };
            default:
                return null;
        }
    }

    // All have at most 32 bits, so that sums and products of two do not overflow here.
    private static IntegerRange? Of(ElementType type) => type switch
    {
        ElementType.Bool => new(0, 1),
        ElementType.U8 => U8,
        ElementType.I8 => I8,
        ElementType.I16 => I16,
        ElementType.I32 => new(int.MinValue, int.MaxValue),
        _ => null,
    };

    public bool Holds(IntegerRange other) => From <= other.From && other.To <= To;

    private IntegerRange Times(IntegerRange other)
    {
        var (a, b, c, d) = (From * other.From, From * other.To, To * other.From, To * other.To);
        return new(Math.Min(Math.Min(a, b), Math.Min(c, d)), Math.Max(Math.Max(a, b), Math.Max(c, d)));
    }
}
