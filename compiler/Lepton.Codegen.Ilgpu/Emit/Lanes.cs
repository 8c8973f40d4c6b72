using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>A value of some lanes: each a scalar. Integers below 32 bits are ints that hold a value of their type; a bool is 0 or 1.</summary>
internal sealed record Lanes(LaneType Type, Node[] Parts)
{
    public Node Scalar => Parts[0];

    public static Lanes Of(LaneType type, Func<int, Node> lane) => new(type, [.. Enumerable.Range(0, type.Lanes).Select(lane)]);

    /// <summary>A number as a constant of the code.</summary>
    public static Node Number(ElementType element, Scalar value) =>
        element.IsFloat() ? LaneShape.Number(element, value.AsDouble) : LaneShape.Number(element, value.Bits);
}
