using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Neutral elements: what a reduction over nothing gives, and what a scatter starts from.</summary>
public static class Neutral
{
    /// <summary>Of a reducer with a neutral element of the source's type; argmax and argmin have none (they give -1).</summary>
    public static Scalar Of(ReduceKind kind, ElementType type) => kind switch
    {
        ReduceKind.Sum or ReduceKind.Any => Scalar.Of(type, 0),
        ReduceKind.Prod or ReduceKind.All => Scalar.Of(type, 1),
        ReduceKind.Max => type.IsFloat() ? Scalar.Float(type, double.NegativeInfinity) : Scalar.Integer(type, IntegerMeaning.Range(type).Low),
        ReduceKind.Min => type.IsFloat() ? Scalar.Float(type, double.PositiveInfinity) : Scalar.Integer(type, IntegerMeaning.Range(type).High),
        _ => throw new CompilerBugException("graph", $"{kind} has no neutral element"),
    };

    public static Scalar Of(ScatterKind kind, ElementType type) => Of(
        kind switch
        {
            ScatterKind.Add => ReduceKind.Sum,
            ScatterKind.Mul => ReduceKind.Prod,
            ScatterKind.Max => ReduceKind.Max,
            _ => ReduceKind.Min,
        },
        type);
}
