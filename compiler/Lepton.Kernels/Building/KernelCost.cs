using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Building;

/// <summary>What a group's work amounts to, counted as <see cref="WorkCount"/> does: FLOPs, and bytes of what is loaded and stored.</summary>
internal static class KernelCost
{
    public static (SizeExpr Flops, SizeExpr Bytes) Of(KernelBuilder kernel)
    {
        var graph = kernel.Graph;

        // Terms are gathered by count first: adding up 100,000 polynomials one by one would be slow.
        var perCount = new Dictionary<SizeExpr, long>();
        foreach (var member in kernel.Group.Members)
        {
            if (WorkCount.Of(graph, graph[member]) is { IsFloat: true } work)
            {
                var count = SizeExpr.Product(work.Over);
                perCount[count] = perCount.GetValueOrDefault(count) + work.Each;
            }
        }

        var bytes = WorkCount.Loads(graph, kernel.Group, kernel.IsMember).Concat(kernel.Group.Outputs)
            .Aggregate(SizeExpr.Zero, (sum, node) => sum + WorkCount.Bytes(graph[node].Type));
        var flops = perCount.Aggregate(SizeExpr.Zero, (sum, term) => sum + (term.Key * term.Value));
        flops = kernel.Part is var (done, of) ? SizeExpr.FloorDiv(flops, of) * done : flops;
        return (flops * kernel.Steps, bytes);
    }
}
