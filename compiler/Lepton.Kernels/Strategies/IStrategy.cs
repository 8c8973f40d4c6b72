using Lepton.Graphs;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Turns a group into kernels and launches. The places of the group's outputs are settled before; every element of every output must be
/// stored, also when other outputs are empty.
/// </summary>
public interface IStrategy
{
    void Lower(FusionGroup group, LoweringContext context);
}

/// <summary>The list of strategies, one per <see cref="KernelStrategy"/>.</summary>
public static class KernelStrategies
{
    public static IStrategy For(KernelStrategy strategy) => strategy switch
    {
        KernelStrategy.Map => new MapStrategy(),
        KernelStrategy.Window => new WindowStrategy(),
        KernelStrategy.Rowwise => new RowwiseStrategy(),
        KernelStrategy.Contraction => new ContractionStrategy(),
        KernelStrategy.Attention => new AttentionStrategy(),
        KernelStrategy.Scatter => new ScatterStrategy(),
        KernelStrategy.Concat => new ConcatStrategy(),
        KernelStrategy.Sort => new SortStrategy(),
        KernelStrategy.Sparse => new SparseStrategy(),
        KernelStrategy.Loop => new LoopStrategy(),
        _ => new MapStrategy(),
    };
}
