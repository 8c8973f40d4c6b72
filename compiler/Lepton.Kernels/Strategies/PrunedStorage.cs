using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Weights as slices of columns side by side, made once for a set of parameters. Of each column what is not 0, with its k, in the order of k;
/// shorter columns of a slice are filled up with 0 · x[0]:
/// <code>
/// slice s, its step p, lane j:   values[p·Lanes + j], coordinates[p·Lanes + j],   p = index[s] … index[s + 1]-1
/// </code>
/// Whether that was done, for it was not too much, stands behind the last start.
/// </summary>
/// <param name="Index">Slices + 2 numbers.</param>
internal sealed record PrunedStorage(BufferRef Index, BufferRef Values, BufferRef Coordinates)
{
    public static PrunedStorage Prepare(FusionGroup group, LoweringContext context, PrunedPlan plan)
    {
        var (program, room) = (context.Program, SizeExpr.Constant(plan.Capacity * plan.Lanes));
        var storage = new PrunedStorage(
            program.AllocatePrepared((plan.Slices + 2) * ElementType.I64.ByteSize()),
            program.AllocatePrepared(room * plan.Element.ByteSize()),
            program.AllocatePrepared(room * plan.Coordinate.ByteSize()));
        var below = group.Below(context.Graph, plan.Matrix);
        var name = $"{context.Graph.Name}_{group.Name}";
        context.InPrepare(() =>
        {
            storage.Count(new KernelBuilder(context, $"{name}_count", below), plan);
            storage.Start(new KernelBuilder(context, $"{name}_choose", new FusionGroup(group.Name, group.Strategy, [], [])), plan);
            storage.Store(new KernelBuilder(context, $"{name}_sparse_weights", below), plan);
        });
        return storage;
    }

    /// <summary>Whether the sparse form is there: 1, or 0.</summary>
    public LoopExpr IsThere(KernelBuilder kernel, PrunedPlan plan) => Load(kernel.Body, IndexOf(kernel, BufferAccess.Read), BodyMath.Index(plan.Slices + 1));

    public int IndexOf(KernelBuilder kernel, BufferAccess access) => kernel.Buffer("index", ElementType.I64, access, Index);

    public static LoopExpr Load(BodyBuilder body, int buffer, LoopExpr at) => body.Let(new LoadExpr(LaneType.Index, buffer, at));

    // The longest column of each slice: index[s + 1] for now.
    private void Count(KernelBuilder kernel, PrunedPlan plan)
    {
        var (body, lengths) = (kernel.Body, IndexOf(kernel, BufferAccess.Write));
        var n = body.Mul(BodyBuilder.Chunk, BodyMath.Index(plan.Lanes));
        plan.EdgeOrNot(body, n, mask =>
        {
            var counts = body.Declare(BodyMath.Number(ElementType.I64, 0, plan.Lanes));
            body.For(BodyMath.Index(0), BodyMath.Index(plan.Depth), 1, mayBeEmpty: false, k =>
            {
                var isStored = body.And(IsStored(body, plan, plan.Value(kernel, plan.Matrix, k, n, plan.Lanes, mask)), mask)!;
                var one = body.Select(isStored, BodyMath.Number(ElementType.I64, 1, plan.Lanes), BodyMath.Number(ElementType.I64, 0, plan.Lanes));
                body.Assign(counts, body.Map(MapOp.Add, ElementType.I64, counts, one));
            });
            body.Store(lengths, body.Add(BodyBuilder.Chunk, BodyMath.Index(1)), body.LaneReduce(ReduceKind.Max, body.Read(counts)));
        });
        kernel.Launch(plan.Slices, $"counts what is not 0 of {plan.Depth} x {plan.Columns}");
    }

    private void Start(KernelBuilder kernel, PrunedPlan plan)
    {
        var (body, index) = (kernel.Body, IndexOf(kernel, BufferAccess.ReadWrite));
        body.Store(index, BodyMath.Index(0), BodyMath.Index(0));
        var sum = body.Declare(BodyMath.Index(0));
        body.For(BodyMath.Index(1), BodyMath.Index(plan.Slices + 1), 1, mayBeEmpty: false, s =>
        {
            body.Assign(sum, body.Add(sum, Load(body, index, s)));
            body.Store(index, s, body.Read(sum));
        });
        var fits = body.Map(MapOp.LessEqual, ElementType.Bool, body.Read(sum), BodyMath.Index(plan.Capacity));
        body.Store(index, BodyMath.Index(plan.Slices + 1), body.Select(fits, BodyMath.Index(1), BodyMath.Index(0)));
        kernel.Launch(SizeExpr.One, $"chooses: sparse up to {plan.Share} % of what the weights are, else dense");
    }

    private void Store(KernelBuilder kernel, PrunedPlan plan)
    {
        var (body, index) = (kernel.Body, IndexOf(kernel, BufferAccess.Read));
        var values = kernel.Buffer("values", plan.Element, BufferAccess.Write, Values);
        var coordinates = kernel.Buffer("coordinates", plan.Coordinate, BufferAccess.Write, Coordinates);
        var lanes = BodyMath.Index(plan.Lanes);
        body.If(body.Map(MapOp.Equal, ElementType.Bool, IsThere(kernel, plan), BodyMath.Index(1)), () =>
        {
            var from = body.Mul(Load(body, index, BodyBuilder.Chunk), lanes);
            var to = body.Mul(Load(body, index, body.Add(BodyBuilder.Chunk, BodyMath.Index(1))), lanes);
            body.For(BodyMath.Index(0), lanes, 1, mayBeEmpty: false, lane =>
            {
                var n = body.Add(body.Mul(BodyBuilder.Chunk, lanes), lane);
                var next = body.Declare(body.Add(from, lane));
                var depth = body.Select(body.Less(n, BodyMath.Index(plan.Columns)), BodyMath.Index(plan.Depth), BodyMath.Index(0));
                body.For(BodyMath.Index(0), depth, 1, mayBeEmpty: true, k =>
                {
                    var value = plan.Value(kernel, plan.Matrix, k, n, 1);
                    body.If(IsStored(body, plan, value), () => Put(value, k));
                });
                body.While(() => body.Less(body.Read(next), to), () => Put(BodyMath.Number(plan.Element, 0), BodyMath.Index(0)));

                void Put(LoopExpr value, LoopExpr k)
                {
                    var at = body.Read(next);
                    body.Store(values, at, value);
                    body.Store(coordinates, at, body.Cast(k, plan.Coordinate));
                    body.Assign(next, body.Add(at, lanes));
                }
            });
        });
        kernel.Launch(plan.Slices, $"stores what is not 0 of {plan.Depth} x {plan.Columns} in slices of {plan.Lanes} columns, if that was chosen");
    }

    // nan is not 0.
    private static LoopExpr IsStored(BodyBuilder body, PrunedPlan plan, LoopExpr value) =>
        body.Map(MapOp.NotEqual, ElementType.Bool, value, BodyMath.Number(plan.Element, 0));
}
