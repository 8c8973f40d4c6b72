using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// What a sparse kernel amounts to, in what is stored: iterations are the entries that may count, times the sizes of the loops that no
/// sparse operand has.
/// </summary>
internal static class SparseCost
{
    private const long TranscendentalFlops = 10;

    public static (SizeExpr Flops, SizeExpr Bytes) Of(LoweringContext context, FusionGroup group, SparsePlan plan, ISparseTarget target)
    {
        var storages = plan.Accesses.Select(a => a.Storage).Distinct();
        return target is ICountTarget
            ? (SizeExpr.Zero, Bytes(storages.SelectMany(s => Arrays(s).Where(a => a.Kind != StorageKind.Values))))
            : Of(context, group, plan, target.Element, plan.Where, isDense: false);
    }

    /// <summary>The same work if every operand and the result were dense.</summary>
    public static (SizeExpr Flops, SizeExpr Bytes) OfDense(LoweringContext context, FusionGroup group, SparsePlan plan, ElementType result) =>
        Of(context, group, plan, result, Support.Everywhere, isDense: true);

    /// <summary>Operations of a sum that is computed at each iteration.</summary>
    public static SizeExpr Sampled(Graph graph, SparsePlan plan, NodeId member, Support where) => graph[member] is ContractNode contract
        ? Iterations(plan, where) * contract.Factors.Count * Summed(graph, contract)
        : Iterations(plan, where) * SizeExpr.Product(((ReduceNode)graph[member]).Axes.Select(a => graph[graph[member].Operands[0]].Type.Shape[a]));

    private static (SizeExpr Flops, SizeExpr Bytes) Of(
        LoweringContext context, FusionGroup group, SparsePlan plan, ElementType result, Support where, bool isDense)
    {
        var graph = context.Graph;
        var iterations = Iterations(plan, where);
        var (perIteration, sampled) = (0L, SizeExpr.Zero);
        foreach (var member in group.Members)
        {
            switch (graph[member])
            {
                case MapNode map when map.Type.Element.IsFloat():
                    perIteration += map.Op.Info().Transcendental ? TranscendentalFlops : 1;
                    break;
                case ContractNode contract when member == plan.Core:
                    perIteration += contract.Factors.Count;
                    break;
                case ReduceNode when member == plan.Core:
                    perIteration++;
                    break;
                case ContractNode or ReduceNode:
                    sampled += Sampled(graph, plan, member, where);
                    break;
            }
        }

        var storages = plan.Accesses.Select(a => a.Storage).Distinct();
        var bytes = isDense
            ? storages.Aggregate(SizeExpr.Zero, (sum, s) => sum + (s.Type.Count * s.Type.Element.ByteSize()))
            : Bytes(storages.SelectMany(s => Arrays(s)));
        var members = group.Members.ToHashSet();
        foreach (var leaf in group.Members.SelectMany(m => graph[m].Operands).Where(o => !members.Contains(o) && context.StorageOf(o) is null).Distinct())
        {
            bytes += graph[leaf].Type.Count * graph[leaf].Type.Element.ByteSize();
        }

        var root = graph[plan.Root];
        bytes += (root is FormatNode && !isDense ? iterations : root.Type.Count) * result.ByteSize();
        return ((iterations * perIteration) + sampled, bytes);
    }

    private static ValueList<StorageArray> Arrays(SparseStorage storage) => storage.Format.Arrays(storage.Name, storage.Type.Element, storage.Type.Shape);

    private static SizeExpr Bytes(IEnumerable<StorageArray> arrays) => arrays.Aggregate(SizeExpr.Zero, (sum, a) => sum + (a.Count * a.Element.ByteSize()));

    private static SizeExpr Summed(Graph graph, ContractNode contract)
    {
        var sizes = new Dictionary<int, SizeExpr>();
        for (var f = 0; f < contract.Factors.Count; f++)
        {
            for (var axis = 0; axis < contract.Labels[f].Count; axis++)
            {
                sizes[contract.Labels[f][axis]] = graph[contract.Factors[f]].Type.Shape[axis];
            }
        }

        return SizeExpr.Product(sizes.Where(s => !contract.Output.Contains(s.Key)).Select(s => s.Value));
    }

    private static SizeExpr Iterations(SparsePlan plan, Support where) => where switch
    {
        StoredAt stored when plan.Accesses.FirstOrDefault(a => a.At == stored) is { } access =>
            access.Storage.Stored * SizeExpr.Product(plan.Sizes.Where(s => !stored.Variables.Contains(s.Key) && Used(plan, s.Key)).Select(s => s.Value)),
        AllOf { Parts: [var first, ..] } all => all.Parts.OfType<StoredAt>().Skip(first is StoredAt ? 1 : 0).Aggregate(Iterations(plan, first), (n, at) => And(plan, n, at)),
        AnyOf { Parts.Count: > 0 } any => any.Parts.Aggregate(SizeExpr.Zero, (sum, p) => sum + Iterations(plan, p)),
        _ => SizeExpr.Product(plan.Sizes.Where(s => Used(plan, s.Key)).Select(s => s.Value)),
    };

    // Of n iterations those where one more operand stores: the share of its places that are stored, wherever these are.
    private static SizeExpr And(SparsePlan plan, SizeExpr iterations, StoredAt at)
    {
        if (plan.Accesses.FirstOrDefault(a => a.At == at) is not { } access)
        {
            return iterations;
        }

        var places = SizeExpr.Product(at.Variables.Distinct().Select(v => plan.Sizes[v]));
        var all = iterations * access.Storage.Stored;
        return SizeExpr.TryDivideExactly(all, places) ?? SizeExpr.FloorDiv(all, SizeExpr.Max(places, SizeExpr.One));
    }

    private static bool Used(SparsePlan plan, int variable) => plan.Free.Contains(variable) || plan.Reduced.Contains(variable);
}
