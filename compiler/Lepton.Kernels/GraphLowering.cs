using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Sparse;
using Lepton.Kernels.Strategies;

namespace Lepton.Kernels;

/// <summary>The groups of one graph in order: outputs get their places, then the strategy emits kernels.</summary>
internal static class GraphLowering
{
    /// <summary>
    /// Lowers a graph whose inputs have places. Output k ends in wanted[k] (null: nobody wants it): written there directly by its group when
    /// it can be, else copied.
    /// </summary>
    public static void Run(LoweringContext context, IReadOnlyList<BufferPlace?> wanted)
    {
        var graph = context.Graph;
        var direct = new Dictionary<NodeId, BufferPlace>();
        for (var k = 0; k < graph.Outputs.Count; k++)
        {
            if (wanted[k] is { } place)
            {
                direct.TryAdd(graph.Outputs[k].Node, place);
            }
        }

        var stretches = ConcatStretches.Of(context.Fused);
        foreach (var group in context.Fused.Groups)
        {
            context.Program.Group = context.IsLoopBody ? context.Program.Group : group.Name;
            if (group.Strategy != KernelStrategy.Sparse)
            {
                Densify.Operands(context, group);
            }

            if (context.HasPrepare && !group.Outputs.Any(direct.ContainsKey) && IsPrepared(context, group))
            {
                foreach (var output in group.Outputs)
                {
                    var type = context.Graph[output].Type;
                    context.SetPlace(output, new BufferPlace(context.Program.AllocatePrepared(type.Count * type.Element.ByteSize())));
                }

                context.InPrepare(() => KernelStrategies.For(group.Strategy).Lower(group, context));
                continue;
            }

            foreach (var output in group.Outputs)
            {
                if (stretches.TryGetValue(output, out var stretch) && !direct.ContainsKey(output))
                {
                    Settle(context, stretch.Whole, direct);
                    Stretch(context, output, stretch.Whole, stretch.Start);
                }

                Settle(context, output, direct);
            }

            KernelStrategies.For(group.Strategy).Lower(group, context);
        }

        for (var k = 0; k < graph.Outputs.Count; k++)
        {
            if (wanted[k] is { } place)
            {
                Deliver(context, graph.Outputs[k].Node, place);
            }
        }
    }

    /// <summary>Gives a node that is not in memory a place of its own there.</summary>
    public static BufferRef Materialize(LoweringContext context, NodeId node)
    {
        if (context.PlaceOf(node) is BufferPlace there)
        {
            return there.Ref;
        }

        var type = context.Graph[node].Type;
        var place = new BufferPlace(context.Allocate(type.Element, type.Count));
        Deliver(context, node, place);
        if (context.PlaceOf(node) is null)
        {
            context.SetPlace(node, place);
        }

        return place.Ref;
    }

    /// <summary>Puts a node's elements at a place: nothing if they are there, a copy if they are elsewhere, a kernel if they are nowhere.</summary>
    public static void Deliver(LoweringContext context, NodeId node, BufferPlace wanted)
    {
        var type = context.Graph[node].Type;
        if (context.PlaceOf(node) is not BufferPlace place)
        {
            var group = new FusionGroup($"{context.Graph[node].Name}_{node.Value}", KernelStrategy.Map, [], [node]);
            MapNest.Emit(context, group.Name, group, type.Shape, [new NestStore(node, NestTarget.Of(type, wanted), index => index)]);
        }
        else if (place != wanted)
        {
            context.Program.Add(new Copy(place.Ref, wanted.Ref, type.Count * type.Element.ByteSize() * context.Only) { Only = context.Only });
        }
    }

    private static bool IsPrepared(LoweringContext context, FusionGroup group) => PreparedGroup.Suits(
        context.Graph,
        group,
        context.IsFixed,
        node => context.PlaceOf(node) is SizePlace ? SizeExpr.Zero : WorkCount.Bytes(context.Graph[node].Type),
        context.Options.Limit(PreparedGroup.AlwaysSmall));

    private static void Stretch(LoweringContext context, NodeId part, NodeId whole, SizeExpr start)
    {
        if (context.PlaceOf(part) is null && context.PlaceOf(whole) is BufferPlace { Ref: var place })
        {
            context.SetPlace(part, new BufferPlace(place with { Offset = place.Offset + (start * context.Graph[part].Type.Element.ByteSize()) }));
            context.SharesMemory.UnionWith([part, whole]);
        }
    }

    private static void Settle(LoweringContext context, NodeId output, Dictionary<NodeId, BufferPlace> direct)
    {
        if (context.PlaceOf(output) is null && context.Graph[output] is not FormatNode)
        {
            var type = context.Graph[output].Type;
            context.SetPlace(output, direct.TryGetValue(output, out var place) ? place : new BufferPlace(context.Allocate(type.Element, type.Count)));
        }
    }
}
