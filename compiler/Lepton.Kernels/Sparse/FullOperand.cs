using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Strategies;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse matrix times a dense one where so much may be stored that the dense product wins, as only the counts of a run tell. Both are
/// compiled, one of them has chunks:
/// <code>
/// stored entries · K columns · 2 FLOP at a third of the dense product's speed   &gt;   N · M · K · 2 FLOP, and N · M elements written to memory
/// </code>
/// Where the dense product is not taken its memory is not either.
/// </summary>
internal static class FullOperand
{
    // Break-even, in percent of the matrix: measured on Zen 3, f32, one thread, 1024 x 1024. With 128 columns the sparse product runs at 31 GFLOP/s
    // and the dense one at 90; making the matrix dense takes 0.2 ns for each element.
    private const long Share = 36;
    private const long SharePerColumn = 100;

    /// <param name="sparse">Lowers the group by its plan.</param>
    public static void Lower(LoweringContext context, FusionGroup group, Action<SparsePlan> sparse)
    {
        var plan = SparsePlan.Of(context, group);
        if (Columns(context, group, plan) is not { } columns)
        {
            sparse(plan);
            return;
        }

        var (storage, node) = (plan.Accesses[0].Storage, plan.Accesses[0].At.Tensor);
        var full = storage.Type.Count * ((columns * Share) + SharePerColumn);
        var isFull = SizeExpr.Min(SizeExpr.One, SizeExpr.FloorDiv(storage.Stored * columns * 100, SizeExpr.Max(full, SizeExpr.One)));
        context.Where(SizeExpr.One - isFull, () => sparse(plan));
        context.Where(isFull, room: true, emit: () =>
        {
            var why = $"in runs where more than {Share} % + {SharePerColumn} % / ({columns}) of it are stored the dense product wins";
            var (name, remark) = ($"{context.Graph.Name}_{group.Name}_dense_{node.Value}", SparseRemarks.Dense(context.Graph, node, storage, why));
            var place = context.Once([node], storage.Type.Element, storage.Type.Count, at => Densify.To(context, name, storage, at, remark));
            context.SetPlace(node, new BufferPlace(place));
            new ContractionStrategy().Lower(group with { Name = group.Name + "_dense", Strategy = KernelStrategy.Contraction }, context);
        });
    }

    // The dense operand's columns, where one operand is a sparse matrix whose count the run starts with, and the other one dense; else null.
    private static SizeExpr? Columns(LoweringContext context, FusionGroup group, SparsePlan plan)
    {
        if (plan.Core is not { } core || context.Graph[core] is not ContractNode { Factors.Count: 2 } || plan.Accesses is not [var access]
            || group.Members.Any(m => m != core && context.Graph[m] is not MapNode) || context.IsFixed(access.At.Tensor)
            || access.Storage.Fill.AsDouble != 0 || access.At.Variables.Distinct().Count() != 2 || access.Storage.Type.Rank != 2)
        {
            return null;
        }

        var columns = SizeExpr.Product(plan.Free.Where(v => !access.At.Variables.Contains(v)).Select(v => plan.Sizes[v]));
        var isKnown = !new[] { columns, access.Storage.Stored, access.Storage.Type.Count }.Any(context.Program.IsLate);
        return columns == SizeExpr.One || !isKnown ? null : columns;
    }
}
