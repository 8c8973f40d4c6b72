using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>The same number everywhere in a buffer.</summary>
internal static class Fills
{
    public static void Emit(LoweringContext context, string name, BufferRef place, ElementType element, SizeExpr count, Scalar value)
    {
        var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
        var (body, buffer) = (kernel.Body, kernel.Buffer("out", element, BufferAccess.Write, place));
        var lanes = context.Options.VectorBytes / Math.Max(4, element.ByteSize());
        var block = Math.Max(1, context.Options.ChunkElements / lanes) * lanes;
        var from = body.Mul(BodyBuilder.Chunk, BodyMath.Index(block));
        var to = body.Min(body.Add(from, BodyMath.Index(block)), BodyMath.Index(count));
        var tail = body.Sub(to, body.Rem(body.Sub(to, from), BodyMath.Index(lanes)));
        body.For(from, tail, lanes, mayBeEmpty: true, i => body.Store(buffer, i, BodyMath.Number(value, lanes)));
        body.For(tail, to, 1, mayBeEmpty: true, i => body.Store(buffer, i, BodyMath.Number(value)));
        kernel.Launch(SizeExpr.CeilDiv(count, block), $"flat loop over {count}");
    }
}
