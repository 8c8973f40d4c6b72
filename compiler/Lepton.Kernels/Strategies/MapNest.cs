using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>target[Index(i…)] = value[i…] for all i of a nest.</summary>
/// <param name="Index">From the nest's indices to those of the target's shape.</param>
internal sealed record NestStore(NodeId Value, NestTarget Target, Func<ValueList<IndexForm>, ValueList<IndexForm>> Index)
{
    /// <summary>A node into its own place.</summary>
    public static NestStore Of(LoweringContext context, NodeId node) =>
        new(node, NestTarget.Of(context.Graph[node].Type, context.PlaceOf(node)), index => index);
}

/// <summary>Contiguous memory of a shape.</summary>
internal sealed record NestTarget(BufferRef Place, ElementType Element, ValueList<SizeExpr> Shape)
{
    public static NestTarget Of(TensorType type, Place? place) => place is BufferPlace buffer
        ? new(buffer.Ref, type.Element, type.Shape)
        : throw new CompilerBugException("kernels", "a result has no place");

    public int Buffer(KernelBuilder kernel) => kernel.Buffer("out", Element, BufferAccess.Write, Place);
}

/// <summary>
/// A loop nest over a shape. Axes that all accesses run through together become one: a chain of elementwise operations on contiguous tensors
/// is one flat loop whatever the rank. The innermost loop runs in vectors, what is left over in scalars; rows and long rows are cut into
/// chunks by size alone.
/// </summary>
internal static class MapNest
{
    public static void Emit(LoweringContext context, string name, FusionGroup group, ValueList<SizeExpr> shape, IReadOnlyList<NestStore> stores)
    {
        var plan = NestPlan.Of(context, group, shape, stores);
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{name}", group);
        foreach (var store in stores)
        {
            store.Target.Buffer(kernel);
        }

        kernel.AssumePositive(SizeExpr.Product(shape));
        var (body, space) = (kernel.Body, kernel.Space);
        var inner = plan.Loops.Count == 0 ? SizeExpr.One : plan.Loops[^1].Size;
        var rows = SizeExpr.Product(plan.Loops.SkipLast(1).Select(l => l.Size));

        // chunk = (rows / rowsPerChunk) × (inner / block)
        SizeExpr block = context.Options.ChunkElements;
        var (pieces, rowsPerChunk, rowChunks) = context.Program.Cut(rows, inner, block);
        var (piece, rowChunk) = pieces == SizeExpr.One ? (BodyMath.Index(0), BodyBuilder.Chunk)
            : rows == SizeExpr.One ? (BodyBuilder.Chunk, BodyMath.Index(0))
            : (body.Rem(BodyBuilder.Chunk, BodyMath.Index(pieces)), body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(pieces)));
        var (from, to) = pieces == SizeExpr.One
            ? (BodyMath.Index(0), BodyMath.Index(inner))
            : Range(body, piece, block, inner);
        if (rows == SizeExpr.One)
        {
            Row([]);
        }
        else
        {
            var (first, end) = Range(body, rowChunk, rowsPerChunk, rows);
            body.For(first, end, 1, mayBeEmpty: false, row =>
            {
                // row = (i_0·n_1 + i_1)·n_2 + i_2 …
                var number = space.Counter(row, rows);
                var outer = new IndexForm[plan.Loops.Count - 1];
                for (var loop = outer.Length - 1; loop >= 0; loop--)
                {
                    outer[loop] = loop == 0 ? number : space.Mod(number, plan.Loops[loop].Size);
                    number = loop == 0 ? number : space.Div(number, plan.Loops[loop].Size);
                }

                Row(outer);
            });
        }

        kernel.Launch(pieces * rowChunks, plan.Note);

        void Row(IndexForm[] outer)
        {
            if (plan.Loops.Count == 0)
            {
                Element([], 1);
                return;
            }

            var tail = from;
            if (plan.Lanes > 1)
            {
                tail = body.Sub(to, body.Rem(body.Sub(to, from), BodyMath.Index(plan.Lanes)));
                body.For(from, tail, plan.Lanes, mayBeEmpty: false, i => Element([.. outer, space.Counter(i, inner, vectorised: true)], plan.Lanes));
            }

            if (tail != to)
            {
                body.For(tail, to, 1, mayBeEmpty: false, i => Element([.. outer, space.Counter(i, inner)], 1));
            }
        }

        void Element(IndexForm[] loops, int lanes)
        {
            var at = plan.Coordinates(space, loops, lanes);
            foreach (var store in stores)
            {
                var value = kernel.Values.Emit(store.Value, at);
                var address = ValueEmitter.RowMajor(store.Index(at.Axes), store.Target.Shape);
                kernel.Values.Store(store.Target.Buffer(kernel), address, value, at);
            }
        }
    }

    /// <summary>Copies between contiguous places of one shape, converting the element type.</summary>
    public static void EmitCopy(LoweringContext context, string name, FusionGroup group, NestTarget from, NestTarget to)
    {
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{name}", group);
        var (body, count) = (kernel.Body, SizeExpr.Product(from.Shape));
        SizeExpr block = context.Options.ChunkElements;
        var (read, write) = (kernel.Buffer("in", from.Element, BufferAccess.Read, from.Place), to.Buffer(kernel));
        var (first, end) = Range(body, BodyBuilder.Chunk, block, count);
        body.For(first, end, 1, mayBeEmpty: false, i =>
        {
            var value = body.Let(new LoadExpr(new LaneType(from.Element.ComputeType(), 1), read, i));
            body.Store(write, i, body.Cast(value, to.Element));
        });
        kernel.Launch(SizeExpr.CeilDiv(count, block), $"flat loop over {count}");
    }

    private static (LoopExpr From, LoopExpr To) Range(BodyBuilder body, LoopExpr number, SizeExpr size, SizeExpr all)
    {
        var from = body.Mul(number, BodyMath.Index(size));
        return (from, body.Min(body.Add(from, BodyMath.Index(size)), BodyMath.Index(all)));
    }
}
