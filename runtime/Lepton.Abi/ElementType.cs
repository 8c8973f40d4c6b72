namespace Lepton.Abi;

/// <summary>The element types of Lepton, in promotion-free order. The numeric values are part of the module format.</summary>
public enum ElementType : byte
{
    F64 = 0,
    F32 = 1,
    F16 = 2,
    BF16 = 3,
    I64 = 4,
    I32 = 5,
    I16 = 6,
    I8 = 7,
    U8 = 8,

    /// <summary>One byte: 0 or 1.</summary>
    Bool = 9,
}

/// <summary>Facts about <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    public static readonly IReadOnlyList<ElementType> All = Enum.GetValues<ElementType>();

    /// <summary>Size of one element in bytes.</summary>
    public static int ByteSize(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 => 8,
        ElementType.F32 or ElementType.I32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 => 2,
        _ => 1,
    };

    public static bool IsFloat(this ElementType type) => type <= ElementType.BF16;

    public static bool IsInteger(this ElementType type) => type is >= ElementType.I64 and <= ElementType.U8;

    /// <summary>The type that arithmetic and accumulation on <paramref name="type"/> happens in: f32 for f16 and bf16, else itself.</summary>
    public static ElementType ComputeType(this ElementType type) =>
        type is ElementType.F16 or ElementType.BF16 ? ElementType.F32 : type;

    /// <summary>The name in the language: <c>f32</c>.</summary>
    public static string Name(this ElementType type) => type switch
    {
        ElementType.F64 => "f64",
        ElementType.F32 => "f32",
        ElementType.F16 => "f16",
        ElementType.BF16 => "bf16",
        ElementType.I64 => "i64",
        ElementType.I32 => "i32",
        ElementType.I16 => "i16",
        ElementType.I8 => "i8",
        ElementType.U8 => "u8",
        ElementType.Bool => "bool",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The type called <paramref name="name"/>, or null.</summary>
    public static ElementType? Parse(string name)
    {
        foreach (var type in All)
        {
            if (type.Name() == name)
            {
                return type;
            }
        }

        return null;
    }
}
