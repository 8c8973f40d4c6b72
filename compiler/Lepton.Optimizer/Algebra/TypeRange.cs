using Lepton.Abi;

namespace Lepton.Optimizer.Algebra;

/// <summary>The ends of the element types' ranges.</summary>
internal static class TypeRange
{
    /// <summary>The largest or smallest value: ±inf for floats, true or false for bool.</summary>
    public static Scalar End(ElementType type, bool top) => type switch
    {
        ElementType.I64 => new Scalar(type, top ? long.MaxValue : long.MinValue),
        ElementType.I32 => new Scalar(type, top ? int.MaxValue : int.MinValue),
        ElementType.I16 => new Scalar(type, top ? short.MaxValue : short.MinValue),
        ElementType.I8 => new Scalar(type, top ? sbyte.MaxValue : sbyte.MinValue),
        ElementType.U8 => new Scalar(type, top ? byte.MaxValue : byte.MinValue),
        ElementType.Bool => Scalar.Bool(top),
        _ => Scalar.Float(type, top ? double.PositiveInfinity : double.NegativeInfinity),
    };
}
