using System.Numerics;
using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// A value of some lanes. A scalar is one node; more lanes are vectors of one width, the lanes one after the other:
/// <code>
///   i64x16, 32-byte vectors:  [0 1 2 3] [4 5 6 7] [8 9 10 11] [12 13 14 15]
///   i16x4:                    [0 1 2 3 - - - -]          at least 16 bytes; what is behind the last lane means nothing
/// </code>
/// </summary>
/// <param name="Type">The element type and number of lanes.</param>
/// <param name="Carrier">What the vectors hold. Of bool: a signed integer, all of whose bits are the truth value; any width, that of what was compared.</param>
internal sealed record Lanes(LaneType Type, ElementType Carrier, Node[] Parts)
{
    public bool IsScalar => Type.Lanes == 1;

    public Node Scalar => Parts[0];

    /// <summary>Bytes of a vector, and how many of them, for lanes of so many bytes.</summary>
    public static (int Bytes, int Count) Layout(int size, int lanes, int widest)
    {
        var total = Math.Max(16, size * (int)BitOperations.RoundUpToPowerOf2((uint)lanes));
        var bytes = Math.Min(total, widest);
        return (bytes, total / bytes);
    }

    /// <summary>How many lanes there are in part <paramref name="part"/>, when each has room for <paramref name="room"/>.</summary>
    public int Live(int part, int room) => Math.Clamp(Type.Lanes - (part * room), 0, room);

    /// <summary>The same operation on each part.</summary>
    public Lanes Map(Func<Node, Node> op) => this with { Parts = Array.ConvertAll(Parts, p => op(p)) };

    public Lanes Zip(Lanes other, Func<Node, Node, Node> op) => this with { Parts = [.. Parts.Select((p, i) => op(p, other.Parts[i]))] };
}
