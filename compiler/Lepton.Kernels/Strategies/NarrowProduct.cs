using Lepton.Abi;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// How sums in i32 of products of narrow integers are made by instructions that multiply and add groups of neighbouring k: pairs of 16-bit
/// integers, or four bytes, of which one side's are unsigned and the other side's signed.
/// </summary>
/// <param name="Left">What panels of A hold.</param>
/// <param name="Right">What panels of B hold.</param>
/// <param name="LeftOffset">
/// Is added to A's values in its panels, where both sides are signed (128) or unsigned (-128): Σ a·b = Σ (a + offset)·b - Σ offset·b.
/// </param>
internal sealed record NarrowProduct(ElementType Left, ElementType Right, int LeftOffset = 0)
{
    private const int Half = 128;

    private static readonly NarrowProduct Pairs = new(ElementType.I16, ElementType.I16);

    /// <summary>How many values of k one instruction takes.</summary>
    public int KPerStep => sizeof(int) / Left.ByteSize();

    /// <summary>For the report.</summary>
    public string Note => Left == ElementType.I16 ? " in pairs of 16-bit integers" : " in fours of bytes";

    /// <summary>In the keys of schedules.</summary>
    public string Key => Left == ElementType.I16 ? " pairs" : " fours";

    /// <summary>With A and B exchanged.</summary>
    public NarrowProduct Transposed => LeftOffset == 0 ? new(Right, Left) : this;

    /// <summary>null: a side's values need more than 16 bits.</summary>
    /// <param name="left">What values of A can be; null: all.</param>
    /// <param name="right">What values of B can be.</param>
    /// <param name="bytes">Whether the target has the instruction for bytes.</param>
    public static NarrowProduct? Of(IntegerRange? left, IntegerRange? right, bool bytes)
    {
        if (left is not { } a || right is not { } b || !IntegerRange.I16.Holds(a) || !IntegerRange.I16.Holds(b))
        {
            return null;
        }

        var (u8, i8) = (IntegerRange.U8, IntegerRange.I8);
        return !bytes ? Pairs
            : u8.Holds(a) && i8.Holds(b) ? new(ElementType.U8, ElementType.I8)
            : i8.Holds(a) && u8.Holds(b) ? new(ElementType.I8, ElementType.U8)
            : i8.Holds(a) && i8.Holds(b) ? new(ElementType.U8, ElementType.I8, Half)
            : u8.Holds(a) && u8.Holds(b) ? new(ElementType.I8, ElementType.U8, -Half)
            : Pairs;
    }
}
