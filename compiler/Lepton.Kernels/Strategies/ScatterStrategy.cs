using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// y = base, then y[access(u)] op= updates[u] in row-major order of u, so that the result is the same always. When the last axis of the
/// updates lies straight along the last axis of the result, its elements do not meet: it runs in vectors and is cut into chunks. Half
/// floats are summed up in f32 and rounded once.
/// </summary>
public sealed class ScatterStrategy : IStrategy
{
    // Elements of a straight last axis per chunk: long enough for whole cache lines, short enough to share the work.
    private const long StraightBlock = 512;

    public void Lower(FusionGroup group, LoweringContext context)
    {
        var scatters = group.Outputs.Where(o => context.Graph[o] is ScatterNode).ToList();
        foreach (var output in scatters)
        {
            var target = NestTarget.Of(context.Graph[output].Type, context.PlaceOf(output));
            var exact = target.Element is ElementType.F16 or ElementType.BF16
                ? target with { Place = context.Allocate(ElementType.F32, SizeExpr.Product(target.Shape)), Element = ElementType.F32 }
                : target;
            var node = (ScatterNode)context.Graph[output];
            MapNest.Emit(context, $"{group.Name}_base", group, target.Shape, [new NestStore(node.Base, exact, index => index)]);
            Combine(context, group, node, exact);
            if (exact != target)
            {
                MapNest.EmitCopy(context, $"{group.Name}_round", group, exact, target);
            }
        }

        var rest = group.Outputs.Except(scatters).ToValueList();
        if (rest.Count > 0)
        {
            new MapStrategy().Lower(group with { Members = group.Members.Except(scatters).ToValueList(), Outputs = rest }, context);
        }
    }

    private static void Combine(LoweringContext context, FusionGroup group, ScatterNode node, NestTarget target)
    {
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        var y = kernel.Buffer("out", target.Element, BufferAccess.ReadWrite, target.Place);
        var (body, space) = (kernel.Body, kernel.Space);
        var shape = context.Graph[node.Updates].Type.Shape;
        kernel.AssumePositive(SizeExpr.Product(shape));
        var straight = IsStraight(node, shape.Count);
        var last = shape.Count - 1;
        var lanes = straight ? Lanes(context.Options, target.Element, shape[last]) : 1;
        var block = context.Options.Limit(StraightBlock, lanes);
        var indices = new IndexForm[shape.Count];
        Loop(0);
        var chunks = straight ? SizeExpr.CeilDiv(shape[last], block) : SizeExpr.Min(SizeExpr.One, SizeExpr.Product(shape));
        kernel.Launch(chunks, straight ? $"in order over {string.Join(" x ", shape.SkipLast(1))}, {lanes} lanes along the last axis" : "in order");

        void Loop(int axis)
        {
            if (axis == shape.Count)
            {
                Element(1);
            }
            else if (straight && axis == last)
            {
                var from = body.Mul(BodyBuilder.Chunk, BodyMath.Index(block));
                var to = body.Min(body.Add(from, BodyMath.Index(block)), BodyMath.Index(shape[last]));
                var tail = from;
                if (lanes > 1)
                {
                    tail = body.Sub(to, body.Rem(body.Sub(to, from), BodyMath.Index(lanes)));
                    body.For(from, tail, lanes, true, i => Counted(axis, space.Counter(i, shape[axis], vectorised: true), lanes));
                }

                body.For(tail, to, 1, true, i => Counted(axis, space.Counter(i, shape[axis]), 1));
            }
            else
            {
                body.For(BodyMath.Index(0), BodyMath.Index(shape[axis]), 1, true, i =>
                {
                    indices[axis] = space.Counter(i, shape[axis]);
                    Loop(axis + 1);
                });
            }
        }

        void Counted(int axis, IndexForm index, int width)
        {
            indices[axis] = index;
            Element(width);
        }

        void Element(int width)
        {
            var at = new Coords(indices.ToValueList(), width);
            var (axes, mask) = Targets(kernel, node, at, target.Shape);
            var update = kernel.Values.Emit(node.Updates, at);
            var where = at.With(axes, mask);
            var address = ValueEmitter.RowMajor(where.Axes, target.Shape);
            var before = kernel.Values.Load(y, target.Element, address, where);
            var op = node.Kind switch
            {
                ScatterKind.Add => MapOp.Add,
                ScatterKind.Mul => MapOp.Mul,
                ScatterKind.Max => MapOp.Max,
                _ => MapOp.Min,
            };
            kernel.Values.Store(y, address, body.Map(op, target.Element, before, update), where);
        }
    }

    private static (IndexForm[] Axes, LoopExpr? Mask) Targets(KernelBuilder kernel, ScatterNode node, Coords at, ValueList<SizeExpr> shape)
    {
        var axes = new IndexForm[shape.Count];
        LoopExpr? mask = null;
        for (var axis = 0; axis < axes.Length; axis++)
        {
            var access = node.Access[axis];
            IndexForm form;
            if (access.Data < 0)
            {
                form = access.Terms.Aggregate(IndexForm.Of(access.Offset), (sum, term) => sum + (at.Axes[term.Axis] * term.Coefficient));
            }
            else
            {
                var index = kernel.Body.Cast(kernel.Values.Emit(node.Indices[access.Data], at), ElementType.I64);
                if (access is { Outside: Outside.Never, Site: >= 0 })
                {
                    var inside = Checks.Inside(kernel, index, shape[axis]);
                    var number = ValueEmitter.RowMajor(at.Axes, kernel.Graph[node.Updates].Type.Shape);
                    Checks.Fail(kernel, access.Site, index, shape[axis], inside, number, at);
                    mask = kernel.Body.And(mask, inside);
                }

                form = access.Outside == Outside.Never ? kernel.Space.FormOf(index, SizeExpr.Zero, shape[axis]) : kernel.Space.FormOf(index);
            }

            (axes[axis], var reached) = OutsideRules.Reach(kernel, form, access.Outside, shape[axis], at.Lanes);
            mask = kernel.Body.And(mask, reached);
        }

        return (axes, mask);
    }

    // result[…, i_last]: the last result axis is the last update axis, which reaches no other axis; data may still differ along it.
    private static bool IsStraight(ScatterNode node, int rank) =>
        rank > 0 && node.Access.Count > 0 && node.Access[^1].AsPlainAxis == rank - 1
        && node.Access.SkipLast(1).All(a => a.Terms.All(t => t.Axis != rank - 1));

    private static int Lanes(KernelOptions options, ElementType element, SizeExpr size)
    {
        var lanes = options.VectorBytes / Math.Max(4, element.ByteSize());
        while (size.AsConstant is { } n && lanes > n)
        {
            lanes /= 2;
        }

        return Math.Max(1, lanes);
    }
}
