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
    // Of a row besides its elements: lanes that join, lanes that are left over.
    private const double RowOperations = 64;
    private const double TileColumns = 16;
    private const double TileDepth = 8;

    // Sums over windows of fewer products than this are no products of matrices: each value that is loaded is used once or twice.
    private const double StencilDepth = 16;

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
            .Where(o => prepared.Contains(o) || fused.Graph[o] is ConstantNode or InputNode { Kind: InputKind.Parameter }).ToArray();
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

        return new GroupWork([.. kernels], flops, weights.Sum(sizes.Bytes)) { ColdBytes = weights.Sum(o => Read(fused.Graph, group, o, sizes)) };
    }

    /// <summary>How many bytes a run touches: of what its kernels read and write, each tensor once.</summary>
    public static double RunBytes(FusedGraph fused, WorkAssumptions? assumptions = null)
    {
        var (graph, prepared) = (fused.Graph, PreparedGroup.Of(fused).Groups);
        var (sizes, touched) = (new SparseSizes(graph, assumptions ?? WorkAssumptions.Default), new Dictionary<NodeId, double>());
        foreach (var group in fused.Groups.Where(g => !prepared.Contains(g.Name)))
        {
            foreach (var load in WorkCount.Loads(graph, group))
            {
                touched[load] = Math.Max(touched.GetValueOrDefault(load), Read(graph, group, load, sizes));
            }

            foreach (var output in group.Outputs)
            {
                touched[output] = sizes.Bytes(output);
            }
        }

        return touched.Values.Sum();
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
                var waste = node is ContractNode contract && (whole is KernelClass.Contraction or KernelClass.Attention) ? TileWaste(graph, contract) : 1;
                waste = node is ReduceNode reduce && ClassOf(graph, node, whole) == KernelClass.Reduction ? 1 + (RowOperations / Math.Max(1, SparseSizes.Elements([.. reduce.Axes.Select(a => done.Over[a])]))) : waste;
                Add(ClassOf(graph, node, whole), count * lanes * waste * (node is MapNode map ? Operations(map.Op) : done.Each));
            }
        }

        var read = loads.Sum(o => Read(graph, group, o, sizes));
        var written = group.Outputs.Sum(sizes.Bytes);
        return (new KernelWork(whole, [.. operations.Select(o => new ClassWork(o.Key, o.Value))], read, written), flops);

        void Add(KernelClass kind, double count) => operations[kind] = operations.GetValueOrDefault(kind) + count;
    }

    // A product is made in tiles of whole vectors, and each tile is loaded and stored once:
    //   columns rounded up to 16 · (depth + 8) / (columns · depth)
    // with the columns of the factor that has the result's last axis, and the depth of the sum.
    private static double TileWaste(Graph graph, ContractNode node)
    {
        if (node.Factors.Count != 2 || node.Output.Count == 0)
        {
            return 1;
        }

        var right = node.Labels[1].Contains(node.Output[^1]) ? 1 : 0;
        var (columns, depth) = (1.0, 1.0);
        foreach (var (label, size) in node.Labels[right].Zip(graph[node.Factors[right]].Type.Shape, (l, s) => (l, SparseSizes.Elements([s]))))
        {
            columns *= node.Output.Contains(label) && !node.Labels[1 - right].Contains(label) ? size : 1;
            depth *= node.Output.Contains(label) ? 1 : size;
        }

        return columns > 0 && depth > 0 ? Math.Ceiling(columns / TileColumns) * TileColumns / columns * ((depth + TileDepth) / depth) : 1;
    }

    // What the functions take of the time of exp, which counts 10: they are the same polynomials on every device. In FLOPs all count alike.
    private static double Operations(MapOp op) => op switch
    {
        MapOp.RandomUniform => 30,
        MapOp.RandomNormal => 90,
        MapOp.Exp or MapOp.Exp2 or MapOp.Sin or MapOp.Cos => 10,
        MapOp.Expm1 or MapOp.Sinh or MapOp.Cosh => 22,
        MapOp.Asin or MapOp.Acos or MapOp.Atan => 26,
        MapOp.Tan or MapOp.Tanh or MapOp.Atan2 => 35,
        MapOp.Log or MapOp.Log2 or MapOp.Log10 => 38,
        MapOp.Erf => 43,
        MapOp.Log1p or MapOp.Cbrt => 52,
        MapOp.Pow => 86,
        _ => op.Info().Transcendental ? WorkCount.TranscendentalFlops : 1,
    };

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
        KernelStrategy.Contraction when SlidingLabels(graph, group) is { } mixes => mixes ? KernelClass.Convolution : KernelClass.Stencil,
        KernelStrategy.Contraction => KernelClass.Contraction,
        KernelStrategy.Rowwise => group.Members.Any(m => graph[m] is ViewNode view && Slides(view)) ? KernelClass.Window : KernelClass.Reduction,
        _ => group.Members.Any(m => graph[m] is GatherNode) ? KernelClass.Gather : KernelClass.Elementwise,
    };

    private static KernelClass ClassOf(Graph graph, Node node, KernelClass whole) => node switch
    {
        MapNode { Op: MapOp.RandomUniform or MapOp.RandomNormal } => KernelClass.Random,
        MapNode map => map.Op.Info().Transcendental ? KernelClass.Transcendental : KernelClass.Elementwise,
        GatherNode => KernelClass.Gather,
        ReduceNode when whole is KernelClass.Attention => KernelClass.Reduction,
        ContractNode contract when whole is KernelClass.Window => Depth(graph, contract) < StencilDepth ? KernelClass.Stencil : KernelClass.Convolution,
        ReduceNode or ContractNode or ScatterNode => whole,
        _ => KernelClass.Elementwise,
    };

    // Whether a contraction over windows sums over channels too, or makes several from one, and is more than a stencil: null where there are no windows.
    private static bool? SlidingLabels(Graph graph, FusionGroup group)
    {
        if (!group.Members.Any(m => graph[m] is ViewNode view && Slides(view))
            || graph[group.Members.First(m => graph[m] is ContractNode)] is not ContractNode { Factors.Count: 2 } contract)
        {
            return null;
        }

        var (a, b) = (contract.Labels[0], contract.Labels[1]);
        return Depth(graph, contract) >= StencilDepth && contract.Output.Any(l => !a.Contains(l)) && contract.Output.Any(l => !b.Contains(l));
    }

    // How many products each sum has.
    private static double Depth(Graph graph, ContractNode node)
    {
        var sizes = new Dictionary<int, double>();
        foreach (var (labels, factor) in node.Labels.Zip(node.Factors))
        {
            foreach (var (label, size) in labels.Zip(graph[factor].Type.Shape))
            {
                sizes[label] = SparseSizes.Elements([size]);
            }
        }

        return sizes.Where(s => !node.Output.Contains(s.Key)).Aggregate(1.0, (depth, s) => depth * s.Value);
    }

    // x[i + k]: two axes of the result move along one of the source.
    private static bool Slides(ViewNode view) => view.Access.Any(a => a.Terms.Count(t => view.Type.Shape[t.Axis] != SizeExpr.One) > 1);
}
