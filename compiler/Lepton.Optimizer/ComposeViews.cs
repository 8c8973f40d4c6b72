using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer;

/// <summary>
/// Chains of views become one view each, and elementwise work moves before the views that repeat elements:
/// <code>
/// transpose ∘ slice ∘ broadcast ∘ …   ->  one affine access per source axis
/// x[b] * 2 over [b, j]                ->  (x * 2)[b] over [b, j]
/// gather, reduce of a view            ->  of its source
/// </code>
/// Everything is proved from the accesses and sizes; where a proof fails the nodes stay as they are.
/// </summary>
public static class ComposeViews
{
    // Each step moves towards the inputs, so a node needs few; the limit is there so that no mistake can hang.
    private const int MaxSteps = 16;

    public static Graph Run(Graph graph) => Rewrite.Deep(graph, (target, node) =>
    {
        if (Better(target, node) is not { } id)
        {
            return target.Add(node);
        }

        for (var step = 0; step < MaxSteps && Better(target, target[id]) is { } better; step++)
        {
            id = better;
        }

        return id;
    });

    private static NodeId? Better(GraphAssembler graph, Node node) => node switch
    {
        ViewNode view => ViewRules.Identity(graph, view)
            ?? ViewRules.OfSplat(graph, view)
            ?? ViewRules.OfView(graph, view)
            ?? ViewRules.DropGuard(graph, view)
            ?? ViewRules.OfIota(graph, view),
        ReshapeNode reshape => ViewRules.OfReshape(graph, reshape),
        MapNode map => BroadcastRules.BeforeRepeating(graph, map) ?? BroadcastRules.BeforeWindow(graph, map) ?? BroadcastRules.BeforeTranspose(graph, map),
        GatherNode gather => AccessRules.GatherOfView(graph, gather) ?? AccessRules.GatherWithoutData(graph, gather),
        ReduceNode reduce => AccessRules.ReduceOfNoAxis(reduce)
            ?? AccessRules.ReduceOfTranspose(graph, reduce)
            ?? AccessRules.ReduceOfRepetition(graph, reduce),
        _ => null,
    };
}
