using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// What a sparse kernel leaves out, by which equation, and what that saves, in what is stored and the sizes of the tensors:
/// <code>
/// 0 * x = 0: only what a stores counts: 2*K*a.1 of 2*K*M*N operations, … of … bytes
/// </code>
/// </summary>
internal static class SparseRemarks
{
    public static ValueList<string> Of(LoweringContext context, FusionGroup group, SparsePlan plan, ISparseTarget target)
    {
        if (plan.Where == Support.Everywhere)
        {
            return [];
        }

        try
        {
            var (sparse, dense) = (SparseCost.Of(context, group, plan, target), SparseCost.OfDense(context, group, plan, target.Element));
            var work = sparse.Flops == SizeExpr.Zero ? "" : $"{sparse.Flops} of {dense.Flops} operations, ";
            var what = plan.Where == Support.Nowhere ? "nothing" : $"only what {Text(context.Graph, context, plan.Where)} {(plan.Where is StoredAt ? "stores" : "store")}";
            List<string> remarks = [$"{Equation(context.Graph, plan)}: {what} counts: {work}{sparse.Bytes} of {dense.Bytes} bytes"];
            foreach (var member in group.Members.Where(m => m != plan.Core && context.Graph[m] is ContractNode or ReduceNode))
            {
                var (some, all) = (SparseCost.Sampled(context.Graph, plan, member, plan.Where), SparseCost.Sampled(context.Graph, plan, member, Support.Everywhere));
                remarks.Add($"{member} {context.Graph[member].Name} is sampled: {some} of {all} operations");
            }

            return remarks.ToValueList();
        }
        catch (OverflowException)
        {
            // So many elements that no dense tensor could have them.
            return [];
        }
    }

    /// <summary>What it costs that a tensor is made dense.</summary>
    public static string Dense(Graph graph, NodeId node, SparseStorage storage, string why)
    {
        var stored = storage.Format.Arrays(storage.Name, storage.Type.Element, storage.Type.Shape)
            .Aggregate(SizeExpr.Zero, (sum, a) => sum + (a.Count * a.Element.ByteSize()));
        return $"{Name(graph, node, storage)} is made dense: {why}; that writes {storage.Type.Count * storage.Type.Element.ByteSize()} bytes for {stored} that are stored";
    }

    private static string Equation(Graph graph, SparsePlan plan) => plan.Core is not { } core
        ? $"what is not stored gives {plan.Fill}"
        : graph[core] is not ReduceNode reduce ? "0 * x = 0"
        : reduce.Kind switch
        {
            ReduceKind.Prod => "x * 1 = x",
            ReduceKind.Max => "max(x, -inf) = x",
            ReduceKind.Min => "min(x, inf) = x",
            ReduceKind.Any => "x or false = x",
            ReduceKind.All => "x and true = x",
            _ => "x + 0 = x",
        };

    private static string Text(Graph graph, LoweringContext context, Support where) => where switch
    {
        StoredAt at => Name(graph, at.Tensor, context.StorageOf(at.Tensor)!),
        AllOf all => string.Join(" and ", all.Parts.Select(p => p is AnyOf ? $"({Text(graph, context, p)})" : Text(graph, context, p))),
        AnyOf any => string.Join(" or ", any.Parts.Select(p => p is AllOf ? $"({Text(graph, context, p)})" : Text(graph, context, p))),
        _ => "",
    };

    // Its label; for what is computed also the name that counts have.
    private static string Name(Graph graph, NodeId node, SparseStorage storage) =>
        graph[node] is InputNode input ? input.Label : $"{node} (its counts: {storage.Name})";
}
