using Lepton.Graphs;
using Lepton.Kernels.Sparse;

namespace Lepton.Kernels.Strategies;

/// <summary>Sparse results.</summary>
public sealed class SparseStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        foreach (var output in group.Outputs)
        {
            Densify.Operands(context, group);
            StoreDense.Run(context, output);
        }
    }
}
