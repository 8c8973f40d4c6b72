using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The innermost work of a product: a tile of Rows × Columns sums in registers, and what happens to finished sums. Every element is summed over
/// k in order within a block, blocks in order: the same whatever the tile.
/// </summary>
internal sealed class ContractionTile(KernelBuilder kernel, ContractionPlan plan, ContractionShape shape)
{
    private BodyBuilder Body => kernel.Body;

    private IndexSpace Space => kernel.Space;

    private LaneType Vector => new(plan.Element, shape.Lanes);

    /// <summary>
    /// scratch[tile + i·Columns + j] (+)= Σ_{from ≤ k &lt; to} a(k, i) · b(k, j).
    /// </summary>
    /// <param name="tile">Where the tile lies in the local buffer <paramref name="scratch"/>.</param>
    /// <param name="isFirst">Whether the sums start at 0; null: they do.</param>
    /// <param name="a">A scalar, from k and the row.</param>
    /// <param name="b">A vector, from k and the number of the vector.</param>
    public void Sum(
        int rows, int scratch, LoopExpr tile, LoopExpr from, LoopExpr to, LoopExpr? isFirst, Func<LoopExpr, int, LoopExpr> a, Func<LoopExpr, int, LoopExpr> b)
    {
        var sums = new VariableExpr[rows, shape.Vectors];
        Each(rows, (i, v) => sums[i, v] = Body.Declare(BodyMath.Number(plan.Element, 0, shape.Lanes)));
        if (isFirst is not null)
        {
            Body.If(Body.Not(isFirst), () => Each(rows, (i, v) => Body.Assign(sums[i, v], Body.Let(new LoadExpr(Vector, scratch, At(tile, i, v))))));
        }

        Body.For(from, to, 1, mayBeEmpty: true, k =>
        {
            var vectors = Enumerable.Range(0, shape.Vectors).Select(v => Body.Splat(b(k, v), shape.Lanes)).ToArray();
            for (var i = 0; i < rows; i++)
            {
                var scalar = Body.Splat(a(k, i), shape.Lanes);
                for (var v = 0; v < shape.Vectors; v++)
                {
                    Body.Assign(sums[i, v], Body.Let(new FmaExpr(Vector, scalar, vectors[v], sums[i, v])));
                }
            }
        });
        Each(rows, (i, v) => Body.Store(scratch, At(tile, i, v), sums[i, v]));
    }

    /// <summary>Stores the group's outputs from finished sums: rows m … min(m + rows, mEnd)-1, columns n … n + Columns - 1 that exist.</summary>
    public void Finish(int rows, int scratch, LoopExpr tile, LoopExpr outer, LoopExpr m, LoopExpr mEnd, LoopExpr n)
    {
        var end = shape.Rows == 1 ? BodyMath.Index(1) : Body.Min(BodyMath.Index(rows), Body.Sub(mEnd, m));
        var rest = SizeExpr.Mod(plan.NSize, shape.Columns);
        Body.For(BodyMath.Index(0), end, 1, mayBeEmpty: false, i =>
        {
            var index = new Dictionary<int, IndexForm>();
            plan.Unravel(Space, Space.Counter(outer, plan.OuterSize), plan.Outer, index);
            plan.Unravel(Space, Space.Counter(Body.Add(m, i), plan.MSize), plan.M, index);
            EdgeOrNot(n, masked =>
            {
                for (var v = 0; v < shape.Vectors; v++)
                {
                    var start = Body.Add(n, BodyMath.Index(v * shape.Lanes));
                    plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, plan.NSize, vectorised: shape.Lanes > 1), plan.N, index);
                    var at = new Coords(plan.Output(index), shape.Lanes, masked ? Mask(start) : null);
                    var place = Body.Add(tile, Body.Add(Body.Mul(i, BodyMath.Index(shape.Columns)), BodyMath.Index(v * shape.Lanes)));
                    var sum = Body.Let(new LoadExpr(Vector, scratch, place));
                    Store(at, sum);
                }
            });
        });
    }

    /// <summary>Emits twice where it must: for a whole panel of columns, and under masks for the last one.</summary>
    public void EdgeOrNot(LoopExpr n, Action<bool> emit)
    {
        if (SizeExpr.Mod(plan.NSize, shape.Columns) == SizeExpr.Zero)
        {
            emit(false);
        }
        else if (plan.NSize.AsConstant < shape.Columns)
        {
            emit(true);
        }
        else
        {
            var whole = Body.Map(MapOp.LessEqual, ElementType.Bool, Body.Add(n, BodyMath.Index(shape.Columns)), BodyMath.Index(plan.NSize));
            Body.If(whole, () => emit(false), () => emit(true));
        }
    }

    /// <summary>Which lanes from column <paramref name="start"/> on exist.</summary>
    public LoopExpr Mask(LoopExpr start) => shape.Lanes == 1
        ? Body.Less(start, BodyMath.Index(plan.NSize))
        : Body.Less(Body.Let(new RampExpr(new LaneType(ElementType.I64, shape.Lanes), start, BodyMath.Index(1))), BodyMath.Index(plan.NSize));

    private void Store(Coords at, LoopExpr sum)
    {
        kernel.Values.Bind(plan.Id, where => where.Axes == at.Axes
            ? sum
            : throw new CompilerBugException("kernels", $"{kernel.Name}: a sum is wanted outside its tile"));

        // All values first: an output may be read by nothing here, but its store must not stand between two loads.
        var values = kernel.Group.Outputs.Select(o => (Id: o, Value: kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            kernel.Values.Store(kernel.Write(id), ValueEmitter.RowMajor(at.Axes, plan.Node.Type.Shape), value, at);
        }

        kernel.Values.Bind(plan.Id, null);
    }

    private void Each(int rows, Action<int, int> visit)
    {
        for (var i = 0; i < rows; i++)
        {
            for (var v = 0; v < shape.Vectors; v++)
            {
                visit(i, v);
            }
        }
    }

    private LoopExpr At(LoopExpr tile, int i, int v) => Body.Add(tile, BodyMath.Index((i * shape.Columns) + (v * shape.Lanes)));
}
