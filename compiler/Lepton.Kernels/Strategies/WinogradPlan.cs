using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A contraction that is a convolution with a filter of 3 × 3 taps and stride 1, of which 4 × 4 results are made at once:
/// <code>
/// C[o, m, i, j] = Σ_{k, p, q} A[o, m, k, p, q] · B[o, k, i + p, j + q]
/// </code>
/// </summary>
/// <param name="I">The label of the rows of results, <paramref name="J"/> that of the columns; <paramref name="P"/> and <paramref name="Q"/> those of the taps.</param>
/// <param name="K">The other labels that are summed over: channels.</param>
internal sealed record WinogradPlan(ContractionPlan Base, int I, int J, int P, int Q, ValueList<int> K, bool FilterIsFixed)
{
    // Bytes of transformed inputs and products together: more would leave the last-level cache, and take memory that a user did not ask for.
    private const long MaxBytes = 64 << 20;

    // Cycles on one core, with vectors of 8: a multiplication of the products; a tile's transforms for one channel; a filter's transform.
    private const double PerProduct = 1.0 / 16;
    private const double PerTile = 40;
    private const double PerFilter = 60;

    // Less gain than this is not worth the rounding.
    private const double WorthIt = 0.75;

    public long Height => Base.Sizes[I].AsConstant!.Value;

    public long Width => Base.Sizes[J].AsConstant!.Value;

    public long TileRows => (Height + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;

    public long TileColumns => (Width + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;

    public long Tiles => TileRows * TileColumns;

    public long KSize => Base.SizeOf(K).AsConstant!.Value;

    public long MSize => Base.MSize.AsConstant!.Value;

    private const long Planes = WinogradTransforms.Inputs * WinogradTransforms.Inputs;

    // Of the inputs and of the filters: how many transforms.
    private long InputImages => Base.SizeOf(Base.OuterOf(Base.B)).AsConstant!.Value * KSize;

    private long Filters => Base.SizeOf(Base.OuterOf(Base.A)).AsConstant!.Value * KSize * MSize;

    private long Bytes => Planes * Tiles * (InputImages + (Base.OuterSize.AsConstant!.Value * MSize)) * Base.Element.ByteSize();

    /// <summary>The plan, or null when the contraction is no such convolution, or would take too much memory.</summary>
    public static WinogradPlan? Of(ContractionPlan plan, ContractionTrial trial, LoweringContext context)
    {
        if (plan.Element is not (ElementType.F32 or ElementType.F64) || plan.N.Count != 2 || plan.Prologue
            || plan.Sizes.Values.Any(s => !s.IsConstant))
        {
            return null;
        }

        var taps = plan.K.Where(l => plan.Sizes[l] == WinogradTransforms.Taps && Has(plan.A, l) && Has(plan.B, l)).ToArray();
        var (i, j) = (plan.N[0], plan.N[1]);
        if (Partner(i) is not { } p || Partner(j) is not { } q || p == q || !Reaches(i) || !Reaches(j))
        {
            return null;
        }

        var winograd = new WinogradPlan(
            plan, i, j, p, q, plan.K.Where(l => l != p && l != q).ToValueList(), plan.FactorsOf(plan.A).All(context.IsOnce));
        return winograd.Bytes <= MaxBytes ? winograd : null;

        bool Has(ContractionSide side, int label) => side.Factors.Any(f => plan.Node.Labels[f].Contains(label));

        int? Partner(int label) => taps.Where(t => trial.Slides(plan.B.Factors, label, t)).Select(t => (int?)t).FirstOrDefault();

        // The last tile reads behind the last row that results ask for: that must be a tile that is full, or an access that may lie outside, and
        // no other beside it.
        bool Reaches(int label) => plan.Sizes[label].AsConstant % WinogradTransforms.Outputs == 0
            || (trial.IsOneView(plan.B.Factors) && trial.IsGuarded(plan.B.Factors, label));
    }

    /// <summary>Whether it gains so much that it is worth the rounding, or is to be taken anyway.</summary>
    public bool Pays(bool anyway)
    {
        var outer = Base.OuterSize.AsConstant!.Value;
        var direct = PerProduct * outer * MSize * KSize * Height * Width * WinogradTransforms.Taps * WinogradTransforms.Taps;
        var products = PerProduct * outer * MSize * KSize * Planes * ((Tiles + 15) / 16 * 16);
        var transforms = PerTile * Tiles * (InputImages + (outer * MSize));
        return anyway || products + transforms + (FilterIsFixed ? 0 : PerFilter * Filters) < WorthIt * direct;
    }
}
