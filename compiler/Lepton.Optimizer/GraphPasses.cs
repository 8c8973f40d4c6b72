using System.Diagnostics;
using Lepton.Graphs;
using Lepton.Optimizer.Fusion;

namespace Lepton.Optimizer;

/// <summary>How <see cref="GraphPasses.Run"/> works.</summary>
public sealed record PassOptions
{
    /// <summary>Names of passes to leave out; skipping "fuse" gives every operation a kernel of its own.</summary>
    public IReadOnlySet<string> Skip { get; init; } = new HashSet<string>();

    /// <summary>The verifier runs after every pass.</summary>
    public bool Verify { get; init; }

    /// <summary>Also the rules that are not exact for inf, nan, -0.0 or in rounding.</summary>
    public bool FastMath { get; init; }

    /// <summary>No algorithm that rounds more than the sums as written do.</summary>
    public bool Exact { get; init; }

    /// <summary>Contractions are kernels without the elementwise work behind them: for programs that are placed on several devices.</summary>
    public bool ContractionsAlone { get; init; }

    /// <summary>Sizes to specialise for, by name; empty: sizes stay symbolic.</summary>
    public IReadOnlyDictionary<string, long> Dims { get; init; } = new Dictionary<string, long>();

    /// <summary>Called after each pass: its name, the graph before and after (the same object when nothing changed), the time it took.</summary>
    public Action<string, Graph, Graph, TimeSpan>? Trace { get; init; }

    /// <summary>Hears of rules about what is left out, stored or reordered, whenever one is applied.</summary>
    public Action<RuleNote>? Rules { get; init; }
}

/// <summary>One pass of the list.</summary>
/// <param name="After">The passes that must stand before this one; the reason stands beside each row.</param>
/// <param name="Repeats">Runs again while the passes that repeat still change something: one's result is another's chance.</param>
public sealed record GraphPass(string Name, Func<Graph, PassOptions, Graph> Run, string[] After, bool Repeats = true);

/// <summary>
/// What happens to a graph between the program and the kernels, in order. Names for <c>--skip</c>, <c>--dump-after</c> and
/// <c>--time-passes</c> come from this list alone.
/// </summary>
public static class GraphPasses
{
    /// <summary>The last step, which changes the type: a fused graph comes out.</summary>
    public const string FuseName = "fuse";

    // The local passes settle after one or two rounds; more would only chase what a rule leaves behind.
    private const int MaxRounds = 4;

    public static IReadOnlyList<GraphPass> List { get; } = CheckOrder(
    [
        new("specialise", (g, o) => Specialise.Run(g, o.Dims), After: [], Repeats: false),

        // Sizes that became constants are numbers now.
        new("fold-constants", (g, _) => FoldConstants.Run(g), After: ["specialise"]),

        // Rules look at numbers; folding made them.
        new("algebra", (g, o) => ApplyAlgebra.Run(g, o.FastMath), After: ["fold-constants"]),

        // x * 1 between two views hides that they compose.
        new("compose-views", (g, _) => ComposeViews.Run(g), After: ["algebra"]),

        // One canonical view per way of looking makes equal nodes equal.
        new("common-subexpressions", (g, _) => CommonSubexpressions.Run(g), After: ["compose-views"]),

        // Views of views would hide that two indices are compared; a sum of products is another thing once it is a contraction.
        new("pin-indices", (g, o) => PinIndices.Run(g, o.FastMath, o.Rules), After: ["compose-views"]),

        // Factors are recognised by their composed views, equal factors by being one node.
        new("form-contractions", (g, o) => FormContractions.Run(g, o.FastMath), After: ["compose-views", "common-subexpressions", "pin-indices"]),

        // Products with one factor in common are recognised by its being one node, in contractions alike.
        new("factor-sums", (g, o) => FactorSums.Run(g, o.Exact, o.Rules), After: ["common-subexpressions", "form-contractions"]),

        // Factors of factors are found once both are contractions.
        new("order-products", (g, o) => OrderProducts.Run(g, o.Exact, o.Rules), After: ["form-contractions"]),

        // Scales of whole contractions are looked for once these are formed.
        new("fold-scales", (g, o) => FoldScales.Run(g, o.Exact), After: ["form-contractions"]),

        // A norm that is folded into a convolution leaves one shift and an activation before the pool.
        new("reduce-first", (g, o) => ReduceFirst.Run(g, o.Exact), After: ["compose-views", "fold-scales"]),

        // What is heavy enough to move is known once contractions are formed.
        new("hoist-invariants", (g, _) => HoistInvariants.Run(g), After: ["form-contractions"]),

        // The same; what no step changes is outside by then.
        new("batch-steps", (g, _) => BatchSteps.Run(g), After: ["hoist-invariants"]),

        // Products are formed and in order by now.
        new("choose-formats", (g, o) => ChooseFormats.Run(g, o.Rules), After: ["common-subexpressions", "order-products"]),

        // What a sum is, and who shares it, is known by now.
        new("store-sparse", (g, o) => StoreSparse.Run(g, o.Rules), After: ["common-subexpressions", "form-contractions"]),

        // All the others leave unused nodes behind; fusion counts uses.
        new("remove-dead", (g, _) => RemoveDead.Run(g), After: ["common-subexpressions", "form-contractions", "reduce-first", "hoist-invariants", "batch-steps"]),
    ]);

    /// <summary>All names, in order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. List.Select(p => p.Name), FuseName];

    /// <summary>Optimizes and fuses. A failure inside a pass is a <see cref="CompilerBugException"/> that names it.</summary>
    public static FusedGraph Run(Graph graph, PassOptions? options = null)
    {
        options ??= new PassOptions();
        if (options.Skip.FirstOrDefault(s => !Names.Contains(s)) is { } unknown)
        {
            throw new ArgumentException($"there is no pass '{unknown}'; the passes are {string.Join(", ", Names)}", nameof(options));
        }

        if (options.Verify)
        {
            GraphVerifier.Verify(graph, "graph");
        }

        return FuseAgain(Optimize(graph, options), options);
    }

    /// <summary>The last pass alone: of a graph that the others have optimized, a piece of a program for example.</summary>
    public static FusedGraph FuseAgain(Graph graph, PassOptions options)
    {
        var clock = Stopwatch.StartNew();
        var fused = Named(FuseName, () => Fuse.Run(graph, apart: options.Skip.Contains(FuseName), options.ContractionsAlone));
        options.Trace?.Invoke(FuseName, graph, fused.Graph, clock.Elapsed);
        if (options.Verify)
        {
            GraphVerifier.Verify(fused.Graph, FuseName);
            FusionCheck.Verify(fused);
        }

        return fused;
    }

    /// <summary>Every pass but the last.</summary>
    public static Graph Optimize(Graph graph, PassOptions options)
    {
        for (var round = 0; round < MaxRounds; round++)
        {
            var before = graph;
            foreach (var pass in List)
            {
                if (!options.Skip.Contains(pass.Name) && (round == 0 || pass.Repeats))
                {
                    graph = RunOne(pass, graph, options);
                }
            }

            if (ReferenceEquals(before, graph))
            {
                break;
            }
        }

        return graph;
    }

    /// <summary>Checks that names are different and that each pass stands after those it names; answers the list.</summary>
    /// <exception cref="CompilerBugException">The list is wrong.</exception>
    public static IReadOnlyList<GraphPass> CheckOrder(IReadOnlyList<GraphPass> list)
    {
        var seen = new HashSet<string>();
        foreach (var pass in list)
        {
            foreach (var earlier in pass.After)
            {
                if (!seen.Contains(earlier))
                {
                    throw new CompilerBugException("passes", $"'{pass.Name}' must come after '{earlier}'");
                }
            }

            if (!seen.Add(pass.Name))
            {
                throw new CompilerBugException("passes", $"'{pass.Name}' is listed twice");
            }
        }

        return list;
    }

    private static Graph RunOne(GraphPass pass, Graph graph, PassOptions options)
    {
        var clock = Stopwatch.StartNew();
        var after = Named(pass.Name, () => pass.Run(graph, options));
        options.Trace?.Invoke(pass.Name, graph, after, clock.Elapsed);
        if (options.Verify && !ReferenceEquals(after, graph))
        {
            GraphVerifier.Verify(after, pass.Name);
        }

        return after;
    }

    private static T Named<T>(string pass, Func<T> run)
    {
        try
        {
            return run();
        }
        catch (Exception e) when (e is not (CompilerBugException or GraphRunException or OutOfMemoryException or OperationCanceledException))
        {
            throw new CompilerBugException(pass, e.Message, e);
        }
    }
}
