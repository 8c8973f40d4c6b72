using Lepton.Graphs;
using Lepton.Optimizer.Algebra;

namespace Lepton.Optimizer;

/// <summary>Tries every rule of <see cref="AlgebraRule.All"/> at every elementwise node, operands first, until none applies there.</summary>
public static class ApplyAlgebra
{
    // A right-hand side can be a left-hand side again; no honest chain is this long, and a pair of rules that undo each other must not hang.
    private const int MaxStepsAtOneNode = 16;

    private static readonly AlgebraRule[][] Exact = ByOp(r => !r.FastMath);
    private static readonly AlgebraRule[][] Fast = ByOp(_ => true);

    /// <param name="fastMath">Also the rules that are not exact.</param>
    public static Graph Run(Graph graph, bool fastMath) => Run(graph, fastMath ? Fast : Exact);

    /// <summary>One rule alone, for tests.</summary>
    public static Graph Run(Graph graph, AlgebraRule rule) => Run(graph, ByOp(r => r == rule));

    private static Graph Run(Graph graph, AlgebraRule[][] rules) => Rewrite.Deep(graph, (target, node) =>
    {
        var id = target.Add(node);
        var view = new RuleGraph(target);
        for (var step = 0; step < MaxStepsAtOneNode && target[id] is MapNode map; step++)
        {
            if (Apply(rules[(int)map.Op], view, map) is not { } better || better == id)
            {
                break;
            }

            id = better;
        }

        return id;
    });

    private static NodeId? Apply(AlgebraRule[] rules, RuleGraph graph, MapNode node)
    {
        foreach (var rule in rules)
        {
            if (rule.Apply(graph, node) is { } better)
            {
                return better;
            }
        }

        return null;
    }

    private static AlgebraRule[][] ByOp(Func<AlgebraRule, bool> wanted) =>
        [.. Enum.GetValues<MapOp>().Select(op => AlgebraRule.All.Where(r => wanted(r) && r.Ops.Contains(op)).ToArray())];
}
