using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>Loads and stores of lanes. What a mask excludes is neither read nor written.</summary>
internal static class MemoryIl
{
    /// <summary>Lane l of elements indices(l). A masked lane is not read and 0.</summary>
    public static Lanes Load(Place place, LaneType type, Func<int, Node> indices, Lanes? mask) => Lanes.Of(type, l =>
    {
        var value = FromMemory(place.Element, place.Read(indices(l)));
        return mask is null ? value : Where(mask.Parts[l], value, LaneShape.Zero(type.Element));
    });

    /// <summary>All that is read comes before all that is written.</summary>
    public static void Store(IlWriter writer, Place place, Func<int, Node> indices, Lanes value, Lanes? mask)
    {
        var lanes = value.Type.Lanes;
        var raw = value.Parts.Select(p => ToMemory(place.Element, p));
        var bound = writer.Bind([.. Enumerable.Range(0, lanes).Select(indices), .. raw, .. mask?.Parts ?? []]);
        for (var l = 0; l < lanes; l++)
        {
            var done = writer.Il.DefineLabel();
            if (mask is not null)
            {
                writer.Push(bound[(2 * lanes) + l]);
                writer.Il.Emit(OpCodes.Brfalse, done);
            }

            place.Write(writer, bound[l], bound[lanes + l]);
            writer.Il.MarkLabel(done);
        }
    }

    // condition ? value : otherwise, where the value is computed only then
    private static Node Where(Node condition, Node value, Node otherwise) => new(
        value.Type,
        w =>
        {
            var (skip, done, result) = (w.Il.DefineLabel(), w.Il.DefineLabel(), w.NewLocal(value.Type));
            w.Il.Emit(OpCodes.Brfalse, skip);
            w.Branch(value);
            w.Il.Emit(OpCodes.Stloc, result);
            w.Il.Emit(OpCodes.Br, done);
            w.Il.MarkLabel(skip);
            w.Branch(otherwise);
            w.Il.Emit(OpCodes.Stloc, result);
            w.Il.MarkLabel(done);
            w.Il.Emit(OpCodes.Ldloc, result);
        },
        condition)
    {
        Branches = [value, otherwise],
    };

    private static Node FromMemory(ElementType element, Node raw) => element switch
    {
        ElementType.F16 => Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.FromHalf))!, raw),
        ElementType.BF16 => Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.FromBrain))!, raw),
        ElementType.Bool => Node.Op(OpCodes.Cgt_Un, typeof(int), raw, Node.Int32(0)),
        _ => raw,
    };

    private static Node ToMemory(ElementType element, Node value) => element switch
    {
        ElementType.F16 => Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.ToHalf))!, value),
        ElementType.BF16 => Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.ToBrain))!, value),
        _ => value,
    };
}
