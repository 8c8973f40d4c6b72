using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Cᵀ = Bᵀ Aᵀ: where C has few columns, or its columns are short rows of an image, vectors are fuller along the rows of A, which are parameters packed
/// once. The result is stored in its own order.
/// </summary>
internal static class TransposedPlan
{
    // Cycles on one core: packing one element by a gather, or one by one; storing one result across the tile.
    private const double PerGathered = 2;
    private const double PerScalar = 1;
    private const double PerResult = 2;

    // Less gain than this is not worth another kernel.
    private const double WorthIt = 0.85;

    /// <summary>The plan with its sides exchanged; null where what would be packed across is not packed once.</summary>
    public static ContractionPlan? Of(ContractionPlan plan, ContractionTrial trial, LoweringContext context) =>
        plan.Sizes.Values.All(s => s.IsConstant) && plan.FactorsOf(plan.A).All(context.IsOnce) && !plan.FactorsOf(plan.B).All(context.IsOnce)
            ? plan.Transposed(trial) : null;

    public static bool Pays(ContractionPlan plan, ContractionSchedule direct, ContractionSchedule transposed)
    {
        var (m, n, k) = (plan.MSize.AsConstant!.Value, plan.NSize.AsConstant!.Value, plan.Steps.AsConstant!.Value);
        var lanes = direct.Lanes;
        if (lanes == 1)
        {
            return false;
        }

        double Tiles(long rows, long columns) => (double)rows * k * ((columns + lanes - 1) / lanes * lanes) / (2 * lanes);
        var isShort = plan.N != plan.NInner && plan.SizeOf(plan.NInner).AsConstant < lanes;
        var timesPacked = direct.B == PanelSource.Chunk ? (m + direct.BlockRows - 1) / direct.BlockRows : direct.B == PanelSource.Kernel ? 1 : 0;
        var before = Tiles(m, n) + (timesPacked * n * k * (isShort ? PerGathered : PerScalar / lanes));
        var after = Tiles(n, m) + (transposed.A == PanelSource.Memory ? 0 : n * k * PerScalar) + (m * n * PerResult);
        return after < WorthIt * before;
    }
}
