using System.Reflection.Emit;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// Vectors of constants in memory, found through an address that stands at a known place. The JIT keeps a constant that is used twice in a register;
/// a dozen coefficients, used by four copies of a function, push everything else out of the registers. A place in memory of its own for each copy is an
/// operand of its instruction.
/// </summary>
internal sealed class ConstantPool(nint slot)
{
    // The first vector is 0.
    private readonly List<byte> _bytes = [.. new byte[64]];

    public ReadOnlySpan<byte> Bytes => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes);

    /// <summary>Where the vectors are, to be bound at the head of a method.</summary>
    public Node Base => Node.Op(OpCodes.Ldind_I, typeof(nint), Node.Op(OpCodes.Conv_I, typeof(nint), Node.Int64(slot)));

    /// <summary>
    /// An integer plus a 0 that the JIT does not know. .NET 10 multiplies bytes as words, and makes the load of 8 bytes that were put into a vector
    /// part of the instruction that widens them: that one then reads 16.
    /// </summary>
    public static Node Opaque(Node start, Node integer) => integer + new Node(integer.Type, w => w.Il.Emit(OpCodes.Ldobj, integer.Type), start);

    /// <summary>A new vector: so many bytes at a time, repeated.</summary>
    public Node Add(Node start, Type vector, ReadOnlySpan<byte> lane)
    {
        var offset = _bytes.Count;
        for (var bytes = VectorApi.Bytes(vector); bytes > 0; bytes -= lane.Length)
        {
            _bytes.AddRange(lane);
        }

        return new Node(vector, w => w.Il.Emit(OpCodes.Ldobj, vector), Node.Op(OpCodes.Add, typeof(nint), start, Node.Int32(offset))) { IsLocal = true };
    }
}
