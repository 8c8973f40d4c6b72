using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// Sums whose outermost loop is reduced away (a matrix by columns times a vector, the sum of all entries): the loop is cut into pieces, each of
/// which sums into a result of its own, where there is so much stored that this pays:
/// <code>
/// for piece p, all at once:  part[p] = neutral;  for its part of the loop:  part[p][i] ⊕= value;     y[i] = part[0][i] ⊕ part[1][i] ⊕ …
/// </code>
/// How many pieces there are follows from sizes and counts alone, so that the result does not depend on the threads.
/// </summary>
internal static class PartialSums
{
    private const long MostPieces = 16;

    // Stored entries that are worth a piece, for each element of the result that it clears and adds up again; and besides.
    private const long WorkOnResult = 4;

    /// <summary>Whether a plan's sums could be cut.</summary>
    public static bool Suits(LoweringContext context, SparsePlan plan) =>
        plan.Core is not null && plan.Loops is [{ IsFree: false }, ..] && plan.Accesses.FirstOrDefault(a => a.Loops is [0, ..]) is { } access
        && !context.Program.IsLate(access.Storage.Stored) && !plan.Sizes.Values.Any(context.Program.IsLate);

    /// <summary>Emits the sums, cut or <paramref name="whole"/>, as the run's counts have it.</summary>
    /// <param name="place">Where the sums go, rounded to the type's elements.</param>
    public static void Emit(LoweringContext context, string name, FusionGroup group, BufferRef place, TensorType type, Action whole)
    {
        var plan = SparsePlan.Of(context, group);
        var (count, element) = (type.Count, type.Element.ComputeType());
        var stored = plan.Accesses.First(a => a.Loops is [0, ..]).Storage.Stored;
        var inner = plan.Free.Where(v => plan.Loops.All(l => l.Variable != v)).Aggregate(SizeExpr.One, (n, v) => n * plan.Sizes[v]);
        var worth = (count * WorkOnResult) + Math.Max(1, context.Options.ChunkElements / 4);
        var pieces = SizeExpr.Max(SizeExpr.Min(SizeExpr.FloorDiv(stored * inner, worth), MostPieces), SizeExpr.One);
        var isCut = SizeExpr.Min(pieces - 1, SizeExpr.One);
        context.Where(SizeExpr.One - isCut, whole);
        context.Where(isCut, () =>
        {
            var parts = context.Allocate(element, isCut * pieces * count);
            SparseKernel.Emit(
                context, $"{name}_parts", group, plan, new DenseTarget(parts, element, type.Shape, isPerChunk: true), pieces: pieces, head: k => Clear(k, parts, element, count));
            Together(context, $"{context.Graph.Name}_{name}_together", KindOf(context.Graph, plan), parts, element, place, type, pieces);
        });
    }

    private static ReduceKind KindOf(Graph graph, SparsePlan plan) => graph[plan.Core!.Value] is ReduceNode reduce ? reduce.Kind : ReduceKind.Sum;

    // part[chunk] = neutral
    private static void Clear(SparseKernel kernel, BufferRef parts, ElementType element, SizeExpr count)
    {
        var (body, buffer) = (kernel.Builder.Body, kernel.Builder.Buffer("out", element, BufferAccess.ReadWrite, parts));
        var start = body.Mul(BodyBuilder.Chunk, BodyMath.Index(count));
        body.For(BodyMath.Index(0), BodyMath.Index(count), 1, mayBeEmpty: true, i => body.Store(buffer, body.Add(start, i), kernel.Neutral));
    }

    private static void Together(
        LoweringContext context, string name, ReduceKind kind, BufferRef parts, ElementType element, BufferRef place, TensorType type, SizeExpr pieces)
    {
        var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
        var (body, lanes, count) = (kernel.Body, context.Options.RegisterBytes / Math.Max(4, element.ByteSize()), type.Count);
        var (from, to) = (kernel.Buffer("parts", element, BufferAccess.Read, parts), kernel.Buffer("out", type.Element, BufferAccess.Write, place));
        var block = Math.Max(1, context.Options.ChunkElements / lanes / MostPieces) * lanes;
        var first = body.Mul(BodyBuilder.Chunk, BodyMath.Index(block));
        var end = body.Min(body.Add(first, BodyMath.Index(block)), BodyMath.Index(count));
        var tail = body.Sub(end, body.Rem(body.Sub(end, first), BodyMath.Index(lanes)));
        body.For(first, tail, lanes, mayBeEmpty: true, i => Sum(i, lanes));
        body.For(tail, end, 1, mayBeEmpty: true, i => Sum(i, 1));
        kernel.Launch(SizeExpr.CeilDiv(count, block), $"adds up the results of {pieces} pieces");

        void Sum(LoopExpr i, int width)
        {
            var sum = body.Declare(Part(i, width));
            body.For(BodyMath.Index(1), BodyMath.Index(pieces), 1, mayBeEmpty: true, p =>
                body.Assign(sum, Reducers.Combine(body, kind, body.Read(sum), Part(body.Add(body.Mul(p, BodyMath.Index(count)), i), width))));
            body.Store(to, i, body.Read(sum));
        }

        LoopExpr Part(LoopExpr at, int width) => body.Let(new LoadExpr(new LaneType(element, width), from, at));
    }
}
