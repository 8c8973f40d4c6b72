using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// Rough costs per element, in units of one vectorised addition, and sizes where variables are unknown. They decide what is worth moving or
/// storing, never what is right.
/// </summary>
internal static class Costs
{
    /// <summary>Storing an element and loading it again.</summary>
    public const double StoreAndLoad = 6;

    // What an unknown size is taken to be: large enough that a repetition over it counts, small enough not to drown known sizes.
    private const long UnknownSize = 64;

    public static double Of(MapOp op, ElementType element) => op switch
    {
        MapOp.RandomUniform or MapOp.RandomNormal => 30,
        MapOp.Pow or MapOp.Atan2 => 25,
        MapOp.Div when element.IsInteger() => 8,
        MapOp.Div or MapOp.Sqrt or MapOp.Rsqrt => 4,
        MapOp.Rem => 8,
        _ when op.Info().Transcendental => 12,
        _ => 1,
    };

    /// <summary>The own cost of one element of a node that is computed where it is used; 0 for what is only another way to look.</summary>
    public static double Of(Node node) => node switch
    {
        MapNode map => Of(map.Op, map.Type.Element),
        GatherNode => 3,
        _ => 0,
    };

    /// <summary>The number of elements, with a guess for every unknown size.</summary>
    public static double Elements(ValueList<SizeExpr> shape)
    {
        double count = 1;
        foreach (var size in shape)
        {
            count *= Size(size);
        }

        return count;
    }

    public static double Size(SizeExpr size)
    {
        if (size.AsConstant is { } constant)
        {
            return constant;
        }

        try
        {
            return Math.Max(1, size.Evaluate(_ => UnknownSize));
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            return UnknownSize;
        }
    }
}
