using System.Reflection.Emit;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// Vectors of constants in memory, found through an address that stands at a known place. The JIT keeps a constant that is used twice in a register;
/// a dozen coefficients, used by four copies of a function, push everything else out of the registers. A place in memory of its own for each copy is an
/// operand of its instruction.
/// </summary>
internal sealed class ConstantPool(nint slot)
{
    private readonly List<byte> _bytes = [];

    public ReadOnlySpan<byte> Bytes => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes);

    /// <summary>Where the vectors are, to be bound at the head of a method.</summary>
    public Node Base => Node.Op(OpCodes.Ldind_I, typeof(nint), Node.Op(OpCodes.Conv_I, typeof(nint), Node.Int64(slot)));

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
