using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Building;

/// <summary>What a group's work amounts to: a transcendental counts 10, a multiplication with its addition 2, anything else on floats 1.</summary>
internal static class KernelCost
{
    private const long TranscendentalFlops = 10;

    public static (SizeExpr Flops, SizeExpr Bytes) Of(KernelBuilder kernel)
    {
        var (graph, flops, bytes) = (kernel.Graph, SizeExpr.Zero, SizeExpr.Zero);
        var touched = new HashSet<NodeId>();

        // Terms are gathered by count first: adding up 100,000 polynomials one by one would be slow.
        var perCount = new Dictionary<SizeExpr, long>();
        foreach (var member in kernel.Group.Members)
        {
            var node = graph[member];
            switch (node)
            {
                case MapNode map when map.Type.Element.IsFloat() || graph[map.Arguments[0]].Type.Element.IsFloat():
                    Count(map.Type.Count, map.Op.Info().Transcendental ? TranscendentalFlops : 1);
                    break;
                case ReduceNode reduce:
                    Count(graph[reduce.Source].Type.Count, 1);
                    break;
                case ContractNode contract:
                    Count(Iterations(graph, contract), contract.Factors.Count);
                    break;
                case ScatterNode scatter:
                    Count(graph[scatter.Updates].Type.Count, 1);
                    break;
            }

            foreach (var operand in node.Operands)
            {
                if (!kernel.IsMember(operand) && graph[operand] is not (SplatNode or SizeNode or IotaNode) && touched.Add(operand))
                {
                    bytes += Bytes(graph[operand].Type);
                }
            }
        }

        foreach (var output in kernel.Group.Outputs)
        {
            bytes += Bytes(graph[output].Type);
        }

        foreach (var (count, times) in perCount)
        {
            flops += count * times;
        }

        flops = kernel.Part is var (done, of) ? SizeExpr.FloorDiv(flops, of) * done : flops;
        return (flops * kernel.Steps, bytes);

        void Count(SizeExpr count, long times) => perCount[count] = perCount.GetValueOrDefault(count) + times;
    }

    private static SizeExpr Bytes(TensorType type) => type.Count * type.Element.ByteSize();

    private static SizeExpr Iterations(Graph graph, ContractNode node)
    {
        var sizes = new Dictionary<int, SizeExpr>();
        for (var f = 0; f < node.Factors.Count; f++)
        {
            for (var axis = 0; axis < node.Labels[f].Count; axis++)
            {
                sizes[node.Labels[f][axis]] = graph[node.Factors[f]].Type.Shape[axis];
            }
        }

        return SizeExpr.Product(sizes.Values);
    }
}
