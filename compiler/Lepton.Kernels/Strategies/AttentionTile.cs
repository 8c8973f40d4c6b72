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
    private readonly PanelProduct _product = new(kernel.Body, plan.Element, plan.Lanes);

    private BodyBuilder Body => kernel.Body;

    public int Queries { get; } = kernel.Local("q", plan.Element, plan.BlockRows * plan.Depth);

    public int Keys { get; } = kernel.Local("k", plan.Element, plan.BlockKeys * plan.Depth);

    public int Values { get; } = kernel.Local("v", plan.Element, plan.BlockKeys * plan.FeaturesPadded);

    public int Scores { get; } = kernel.Local("scores", plan.Element, plan.TileRows * plan.BlockKeys);

    /// <summary>What each row of the tile multiplies its sums so far by.</summary>
    public int Scales { get; } = kernel.Local("scales", plan.Element, plan.TileRows);

    public int Sums { get; } = kernel.Local("sums", plan.Element, plan.BlockRows * plan.FeaturesPadded);

    /// <summary>scores = q · k for the tile that begins at a row, and the block's keys from … to-1, rounded up to whole panels.</summary>
    public void ScoreTile(LoopExpr row, LoopExpr from, LoopExpr to) => Body.For(from, to, plan.Columns, mayBeEmpty: false, key =>
    {
        var (q, k) = (Body.Mul(row, BodyMath.Index(plan.Depth)), Body.Mul(key, BodyMath.Index(plan.Depth)));
        var sums = _product.Zeros(plan.TileRows);
        _product.Add(sums, BodyMath.Index(plan.Depth), Queries, q, plan.Depth, Keys, k);
        _product.Store(sums, Scores, key, plan.BlockKeys);
    });

    /// <summary>
    /// sums = scales · sums + scores · v for the tile that begins at a row, over the block's keys from … to-1; without scales, the first block's:
    /// sums = scores · v.
    /// </summary>
    public void ValueTile(LoopExpr row, LoopExpr from, LoopExpr to, bool scaled)
    {
        var (skipped, keys) = (Body.Mul(from, BodyMath.Index(plan.Columns)), Body.Sub(to, from));
        var scales = scaled
            ? Enumerable.Range(0, plan.TileRows).Select(i => Body.Splat(Load(Scales, BodyMath.Index(i), 1), plan.Lanes)).ToArray()
            : [];
        Body.For(BodyMath.Index(0), BodyMath.Index(RoundUp(plan.Features, plan.Columns)), plan.Columns, mayBeEmpty: false, feature =>
        {
            var place = Body.Add(Body.Mul(row, BodyMath.Index(plan.FeaturesPadded)), feature);
            var sums = _product.Zeros(plan.TileRows);
            if (scaled)
            {
                PanelProduct.Each(sums, (i, v) => Body.Assign(sums[i, v], Body.Map(MapOp.Mul, plan.Element, scales[i], Load(Sums, At(place, i, v), plan.Lanes))));
            }

            var panel = Body.Add(Body.Mul(feature, BodyMath.Index(plan.BlockKeys)), skipped);
            _product.Add(sums, keys, Scores, from, plan.BlockKeys, Values, panel);
            _product.Store(sums, Sums, place, plan.FeaturesPadded);
        });

        LoopExpr At(LoopExpr first, int i, int v) => Body.Add(first, BodyMath.Index((i * plan.FeaturesPadded) + (v * plan.Lanes)));
    }

    public LoopExpr Load(int buffer, LoopExpr place, int lanes) => Body.Let(new LoadExpr(new LaneType(plan.Element, lanes), buffer, place));

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
