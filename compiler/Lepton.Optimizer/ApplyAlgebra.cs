using Lepton.Graphs;
using Lepton.Optimizer.Algebra;

namespace Lepton.Optimizer;

/// <summary>Tries every rule of <see cref="AlgebraRule.All"/> at every elementwise node, operands first, until none applies there.</summary>
public static class ApplyAlgebra
{
    // A right-hand side can be a left-hand side again; no honest chain is this long, and a pair of rules that undo each other must not hang.
    private const int MaxStepsAtOneNode = 16;

    private static readonly AlgebraRule[][] Exact = ByOp(AlgebraRule.All.Where(r => !r.FastMath));
    private static readonly AlgebraRule[][] Fast = ByOp(AlgebraRule.All);

    /// <param name="fastMath">Also the rules that are not exact.</param>
    public static Graph Run(Graph graph, bool fastMath) => Run(graph, fastMath ? Fast : Exact);

    /// <summary>One rule alone, for tests.</summary>
    public static Graph Run(Graph graph, AlgebraRule rule) => Run(graph, ByOp([rule]));

    private static Graph Run(Graph graph, AlgebraRule[][] rules) => Rewrite.Deep(graph, (target, node) =>
    {
        // The node itself is added only when no rule replaces it: a left-hand side that stays behind would be found again by other passes.
        var view = new RuleGraph(target);
        if (node is not MapNode first || Apply(rules[(int)first.Op], view, first) is not { } id)
        {
            return target.Add(node);
        }

        for (var step = 0; step < MaxStepsAtOneNode && target[id] is MapNode map && Apply(rules[(int)map.Op], view, map) is { } better; step++)
        {
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

    private static AlgebraRule[][] ByOp(IEnumerable<AlgebraRule> rules)
    {
        var byOp = new List<AlgebraRule>[MapOps.All.Count];
        foreach (var rule in rules)
        {
            foreach (var op in rule.Ops)
            {
                (byOp[(int)op] ??= []).Add(rule);
            }
        }

        return [.. byOp.Select(list => list?.ToArray() ?? [])];
    }
}
