using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>Names kernels after what they do: <c>softmax_0</c>, <c>contract_max_1</c>, <c>sin_cos_exp_2</c>. Numbers keep them apart.</summary>
internal sealed class GroupNames(Graph graph)
{
    private const int MaxWords = 3;
    private int _count;

    public string Next(KernelStrategy strategy, ValueList<NodeId> members) => $"{Words(strategy, members)}_{_count++}";

    private string Words(KernelStrategy strategy, ValueList<NodeId> members)
    {
        var operations = members.Select(m => graph[m] switch
        {
            ReduceNode reduce => reduce.Kind.ToString().ToLowerInvariant(),
            SplatNode or SizeNode or IotaNode or ResultNode => "",
            var node => node.Name,
        }).Where(w => w.Length > 0).Distinct().ToList();

        bool Has(params ReadOnlySpan<string> words)
        {
            foreach (var word in words)
            {
                if (!operations.Contains(word))
                {
                    return false;
                }
            }

            return true;
        }

        switch (strategy)
        {
            case KernelStrategy.Rowwise:
                return Has("max", "sum", "exp", "div") ? "softmax"
                    : Has("max", "sum", "exp", "log") ? "logsumexp"
                    : string.Join('_', members.Select(m => graph[m]).OfType<ReduceNode>().Select(r => r.Kind.ToString().ToLowerInvariant()).Distinct());
            case KernelStrategy.Window:
                return string.Join('_', operations.Where(w => w is not ("view" or "reshape" or "cast" or "contract" or "reduce")).Prepend("contract").Append("pool").Take(MaxWords));
            case KernelStrategy.Contraction:
                return string.Join('_', operations.Where(w => w is not ("view" or "reshape" or "cast" or "contract")).Prepend("contract").Take(MaxWords));
            case KernelStrategy.Map:
                var work = operations.Where(w => w is not ("view" or "reshape" or "cast")).ToList();
                var telling = work.Where(w => MapOps.Parse(w)?.Transcendental ?? true).ToList();
                var words = telling.Count > 0 ? telling : work;
                return words.Count > 0 ? string.Join('_', words.Take(MaxWords))
                    : operations.Contains("cast") ? "cast"
                    : operations.Count > 0 ? "copy" : "fill";
            case KernelStrategy.Attention:
                return "attention";
            case KernelStrategy.Loop:
                return members.Select(m => graph[m]).Any(n => n is ScanNode) ? "scan" : "iterate";
            default:
                return strategy.ToString().ToLowerInvariant();
        }
    }
}
