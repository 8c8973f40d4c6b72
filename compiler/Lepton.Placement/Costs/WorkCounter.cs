using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Placement.Costs;

/// <summary>
/// Counts the work of fusion groups (<see cref="GroupWork"/>) of a graph whose sizes are constant. What a member computes is counted by
/// <see cref="WorkCount"/>, as everywhere; here it gets its class, and indices that are data are followed:
/// <code>
/// bytes read of x = min(bytes of x, Σ over views and gathers of x of the elements that they take)
/// </code>
/// </summary>
public static class WorkCounter
{
    // Of one Philox number, against one addition; in FLOPs it counts as it always did.
    private const double RandomOperations = 30;

    /// <summary>The work of one group of the graph.</summary>
    public static GroupWork Of(FusedGraph fused, FusionGroup group, WorkAssumptions? assumptions = null)
    {
        assumptions ??= WorkAssumptions.Default;
        var prepared = PreparedGroup.Of(fused).Stored;
        return Of(fused, group, prepared, assumptions);
    }

    internal static GroupWork Of(FusedGraph fused, FusionGroup group, IReadOnlySet<NodeId> prepared, WorkAssumptions assumptions)
    {
        var sizes = new SparseSizes(fused.Graph, assumptions);
        var weights = WorkCount.Loads(fused.Graph, group)
            .Where(o => prepared.Contains(o) || fused.Graph[o] is ConstantNode or InputNode { Kind: InputKind.Parameter }).Sum(sizes.Bytes);
        var (kernels, flops) = (new List<KernelWork>(), 0.0);
        var open = new Stack<(FusedGraph Fused, FusionGroup Group, double Times, bool InRegisters)>();
        open.Push((fused, group, 1, false));
        while (open.TryPop(out var next))
        {
            if (next.Group.Strategy != KernelStrategy.Loop)
            {
                var (kernel, each) = Kernel(next.Fused.Graph, next.Group, assumptions);

                // A body that is one elementwise kernel keeps its states in registers: one kernel for all steps.
                kernels.Add(next.InRegisters ? Repeated(kernel, next.Times) : kernel with { Times = next.Times });
                flops += next.Times * each;
                continue;
            }

            var loop = next.Group.Members.First(m => next.Fused.Graph[m] is ScanNode or IterateNode);
            var steps = next.Fused.Graph[loop] switch
            {
                IterateNode when assumptions.Steps.TryGetValue(next.Group.Name, out var told) => told,
                IterateNode iterate => SparseSizes.Elements([iterate.Max]),
                var scan => SparseSizes.Elements([((ScanNode)scan).Count]),
            };
            var body = next.Fused.Bodies[loop];
            var alone = next.Fused.Graph[loop] is ScanNode { States.Count: > 0 } && body.Groups is [{ Strategy: KernelStrategy.Map }];
            foreach (var inner in body.Groups.Reverse())
            {
                open.Push((body, inner, next.Times * steps, alone));
            }
        }

        return new GroupWork([.. kernels], flops, weights);
    }

    private static KernelWork Repeated(KernelWork kernel, double times) => kernel with
    {
        Operations = [.. kernel.Operations.Select(o => o with { Operations = o.Operations * times })],
        BytesRead = kernel.BytesRead * times,
        BytesWritten = kernel.BytesWritten * times,
    };

    private static (KernelWork Work, double Flops) Kernel(Graph graph, FusionGroup group, WorkAssumptions assumptions)
    {
        var sizes = new SparseSizes(graph, assumptions);
        var loads = WorkCount.Loads(graph, group).ToArray();

        // What a sparse kernel computes, it computes where its sparsest operand stores something.
        var share = group.Strategy == KernelStrategy.Sparse ? loads.Select(sizes.Density).DefaultIfEmpty(1).Min() : 1;
        var (operations, flops) = (new SortedDictionary<KernelClass, double>(), 0.0);
        var whole = ClassOf(graph, group);
        foreach (var member in group.Members)
        {
            var node = graph[member];
            var work = WorkCount.Of(graph, node) ?? (node is GatherNode ? new NodeWork(node.Type.Shape, 1, IsFloat: false) : null);
            if (node is SortNode sort)
            {
                Add(KernelClass.Sort, Math.Log2(Math.Max(2, SparseSizes.Elements([sort.Type.Shape[sort.Axis]]))) * SparseSizes.Elements(sort.Type.Shape));
            }
            else if (work is { } done)
            {
                var count = SparseSizes.Elements(done.Over) * share;
                flops += done.IsFloat ? count * done.Each : 0;
                var lanes = Math.Max(1, Widest(graph, node) / 4.0);
                Add(ClassOf(node, whole), count * lanes * (ClassOf(node, whole) == KernelClass.Random ? RandomOperations : done.Each));
            }
        }

        var read = loads.Sum(o => Read(graph, group, o, sizes));
        var written = group.Outputs.Sum(sizes.Bytes);
        return (new KernelWork(whole, [.. operations.Select(o => new ClassWork(o.Key, o.Value))], read, written), flops);

        void Add(KernelClass kind, double count) => operations[kind] = operations.GetValueOrDefault(kind) + count;
    }

    // An operation is as wide as its widest operand: a comparison of f64 gives bools, eight bytes at a time.
    private static int Widest(Graph graph, Node node) =>
        node.Operands.Select(o => graph[o].Type.Element).Append(node.Type.Element).Max(e => e.ComputeType().ByteSize());

    private static double Read(Graph graph, FusionGroup group, NodeId load, SparseSizes sizes)
    {
        var (all, taken) = (sizes.Bytes(load), 0.0);
        if (SupportAnalysis.FormatOf(graph[load]) is not null)
        {
            return all;
        }

        foreach (var member in group.Members.Where(m => graph[m].Operands.Contains(load)))
        {
            var node = graph[member];
            var isTaken = node is ViewNode || (node is GatherNode gather && gather.Source == load && !gather.Indices.Contains(load));
            taken += isTaken ? SparseSizes.Elements(node.Type.Shape) * node.Type.Element.ByteSize() : all;
        }

        return Math.Min(all, taken);
    }

    private static KernelClass ClassOf(Graph graph, FusionGroup group) => group.Strategy switch
    {
        KernelStrategy.Attention => KernelClass.Attention,
        KernelStrategy.Scatter => KernelClass.Scatter,
        KernelStrategy.Sort => KernelClass.Sort,
        KernelStrategy.Sparse => KernelClass.Sparse,
        KernelStrategy.Window => KernelClass.Window,
        KernelStrategy.Contraction when SlidingLabels(graph, group) is { } mixes => mixes ? KernelClass.Convolution : KernelClass.Window,
        KernelStrategy.Contraction => KernelClass.Contraction,
        KernelStrategy.Rowwise => group.Members.Any(m => graph[m] is ViewNode view && Slides(view)) ? KernelClass.Window : KernelClass.Reduction,
        _ => group.Members.Any(m => graph[m] is GatherNode) ? KernelClass.Gather : KernelClass.Elementwise,
    };

    private static KernelClass ClassOf(Node node, KernelClass whole) => node switch
    {
        MapNode { Op: MapOp.RandomUniform or MapOp.RandomNormal } => KernelClass.Random,
        MapNode map => map.Op.Info().Transcendental ? KernelClass.Transcendental : KernelClass.Elementwise,
        GatherNode => KernelClass.Gather,
        ReduceNode when whole is KernelClass.Attention => KernelClass.Reduction,
        ReduceNode or ContractNode or ScatterNode => whole,
        _ => KernelClass.Elementwise,
    };

    // Whether a contraction over windows sums over channels too, or makes several from one: null where there are no windows.
    private static bool? SlidingLabels(Graph graph, FusionGroup group)
    {
        if (!group.Members.Any(m => graph[m] is ViewNode view && Slides(view))
            || graph[group.Members.First(m => graph[m] is ContractNode)] is not ContractNode { Factors.Count: 2 } contract)
        {
            return null;
        }

        var (a, b) = (contract.Labels[0], contract.Labels[1]);
        return contract.Output.Any(l => !a.Contains(l)) && contract.Output.Any(l => !b.Contains(l));
    }

    // x[i + k]: two axes of the result move along one of the source.
    private static bool Slides(ViewNode view) => view.Access.Any(a => a.Terms.Count(t => view.Type.Shape[t.Axis] != SizeExpr.One) > 1);
}
