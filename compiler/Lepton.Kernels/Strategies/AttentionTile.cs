using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The products of an attention kernel, over local memory alone.
/// <code>
/// element (row i, d) of q at i·Depth + d                    (panel p, d, key j) of k at (p·Depth + d)·Columns + j
/// (row i of the tile, key j) of scores at i·BlockKeys + j   (panel p, key j, e) of v at (p·BlockKeys + j)·Columns + e
/// </code>
/// </summary>
internal sealed class AttentionTile(KernelBuilder kernel, AttentionPlan plan)
{
    private BodyBuilder Body => kernel.Body;

    private LaneType Vector => new(plan.Element, plan.Lanes);

    public int Queries { get; } = kernel.Local("q", plan.Element, plan.BlockRows * plan.Depth);

    public int Keys { get; } = kernel.Local("k", plan.Element, plan.BlockKeys * plan.Depth);

    public int Values { get; } = kernel.Local("v", plan.Element, plan.BlockKeys * plan.FeaturesPadded);

    public int Scores { get; } = kernel.Local("scores", plan.Element, plan.TileRows * plan.BlockKeys);

    /// <summary>What each row of the tile multiplies its sums so far by.</summary>
    public int Scales { get; } = kernel.Local("scales", plan.Element, plan.TileRows);

    public int Sums { get; } = kernel.Local("sums", plan.Element, plan.BlockRows * plan.FeaturesPadded);

    /// <summary>scores = q · k for the tile that begins at a row, and the keys of whole panels.</summary>
    public void ScoreTile(LoopExpr row, LoopExpr keys) => Body.For(BodyMath.Index(0), keys, plan.Columns, mayBeEmpty: false, key =>
    {
        var (q, k) = (Body.Mul(row, BodyMath.Index(plan.Depth)), Body.Mul(key, BodyMath.Index(plan.Depth)));
        var sums = Declare();
        Multiply(sums, BodyMath.Index(plan.Depth), Queries, q, plan.Depth, Keys, k);
        Each((i, v) => Body.Store(Scores, Body.Add(key, BodyMath.Index((i * plan.BlockKeys) + (v * plan.Lanes))), sums[i, v]));
    });

    /// <summary>sums = scales · sums + scores · v for the tile that begins at a row; without scales, the first block's: sums = scores · v.</summary>
    public void ValueTile(LoopExpr row, LoopExpr keys, bool scaled)
    {
        var scales = scaled
            ? Enumerable.Range(0, plan.TileRows).Select(i => Body.Splat(Load(Scales, BodyMath.Index(i), 1), plan.Lanes)).ToArray()
            : [];
        Body.For(BodyMath.Index(0), BodyMath.Index(RoundUp(plan.Features, plan.Columns)), plan.Columns, mayBeEmpty: false, feature =>
        {
            var to = Body.Add(Body.Mul(row, BodyMath.Index(plan.FeaturesPadded)), feature);
            var sums = Declare();
            if (scaled)
            {
                Each((i, v) => Body.Assign(sums[i, v], Body.Map(MapOp.Mul, plan.Element, scales[i], Load(Sums, At(to, i, v), plan.Lanes))));
            }

            Multiply(sums, keys, Scores, BodyMath.Index(0), plan.BlockKeys, Values, Body.Mul(feature, BodyMath.Index(plan.BlockKeys)));
            Each((i, v) => Body.Store(Sums, At(to, i, v), sums[i, v]));
        });

        LoopExpr At(LoopExpr to, int i, int v) => Body.Add(to, BodyMath.Index((i * plan.FeaturesPadded) + (v * plan.Lanes)));
    }

    // sums[i, v] += Σ_k a[i·stride + k] · b[k·Columns + v].
    private void Multiply(VariableExpr[,] sums, LoopExpr count, int a, LoopExpr fromA, int stride, int b, LoopExpr fromB) =>
        Body.For(BodyMath.Index(0), count, 1, mayBeEmpty: false, k =>
        {
            var panel = Body.Add(fromB, Body.Mul(k, BodyMath.Index(plan.Columns)));
            LoopExpr[] vectors = [Load(b, panel, plan.Lanes), Load(b, Body.Add(panel, BodyMath.Index(plan.Lanes)), plan.Lanes)];
            var place = Body.Add(fromA, k);
            for (var i = 0; i < plan.TileRows; i++)
            {
                var scalar = Body.Splat(Load(a, Body.Add(place, BodyMath.Index(i * stride)), 1), plan.Lanes);
                for (var v = 0; v < vectors.Length; v++)
                {
                    Body.Assign(sums[i, v], Body.Let(new FmaExpr(Vector, scalar, vectors[v], sums[i, v])));
                }
            }
        });

    public LoopExpr Load(int buffer, LoopExpr place, int lanes) => Body.Let(new LoadExpr(new LaneType(plan.Element, lanes), buffer, place));

    private VariableExpr[,] Declare()
    {
        var sums = new VariableExpr[plan.TileRows, 2];
        Each((i, v) => sums[i, v] = Body.Declare(BodyMath.Number(plan.Element, 0, plan.Lanes)));
        return sums;
    }

    private void Each(Action<int, int> visit)
    {
        for (var i = 0; i < plan.TileRows; i++)
        {
            visit(i, 0);
            visit(i, 1);
        }
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
