using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Pipelines;

/// <summary>
/// Makes one node of kernels that share a stage in every pipeline, or in some best one:
/// <code>
///   one group                                                     must
///   a circle of groups                                            must: stages only feed forward
///   u, v with a tensor that takes longer than the best known      would make a slower stage
///   u of zero seconds whose only neighbour is v                   moving u to v's stage takes a copy away
///   a ─t₁─▶ u ─t₂─▶ b, u of zero seconds, t₁ and t₂ read by one   the longer copy of the two is never worth it
/// </code>
/// The last two move weights, so they are left out where memory could bind.
/// </summary>
internal static class StageContraction
{
    /// <summary>Whether a best pipeline can be looked for here: one goal, the interval; equal links between all devices.</summary>
    public static bool Applies(PlacementProblem problem)
    {
        var interval = problem.Objective.Goals.Count == 1 && problem.Objective.Limits.Count == 0
            && problem.Objective.Goals[0].Terms is [{ Metric: Metric.Interval }];
        var n = problem.Devices.Count;
        var link = problem.Links.FirstOrDefault();
        return interval && (n == 1 || (problem.Links.Count == n * (n - 1)
            && problem.Links.All(l => l.LatencySeconds == link!.LatencySeconds && l.BytesPerSecond == link.BytesPerSecond)))
            && problem.Devices.Count(d => !d.CopiesOccupy) <= 1 && (problem.Memory == MemoryModel.Weights || MemoryNeverBinds(problem));
    }

    /// <param name="known">The slowest stage of a pipeline that is known; +∞ where none is.</param>
    public static StageGraph Run(PlacementProblem problem, double known)
    {
        var sets = new DisjointSets(problem.Kernels.Count);
        foreach (var group in Enumerable.Range(0, problem.Kernels.Count).Where(v => problem.Kernels[v].Group != Kernel.NoGroup).GroupBy(v => problem.Kernels[v].Group))
        {
            sets.JoinAll(group);
        }

        var classes = Classes(problem);
        var free = MemoryNeverBinds(problem);
        while (true)
        {
            var graph = Build(problem, sets, classes);
            var joined = JoinCircles(graph, sets);
            joined |= JoinCostly(graph, sets, known);
            if (free && !joined)
            {
                joined = JoinIdle(graph, sets);
            }

            if (!joined)
            {
                return graph;
            }
        }
    }

    private static bool MemoryNeverBinds(PlacementProblem problem)
    {
        var all = problem.Kernels.Sum(k => k.WeightBytes) + (problem.Memory == MemoryModel.Weights ? 0 : problem.Tensors.Sum(t => t.Bytes));
        return problem.Devices.All(d => all <= d.MemoryBytes);
    }

    private static StageClass[] Classes(PlacementProblem problem) =>
    [
        .. Enumerable.Range(0, problem.Devices.Count).GroupBy(d => Signature(problem, d))
            .Select(g => new StageClass([.. g], problem.Devices[g.First()].CopiesOccupy, problem.Devices[g.First()].MemoryBytes)),
    ];

    // All that a stage's load depends on. A device by itself where a kernel treats it so.
    private static string Signature(PlacementProblem problem, int d)
    {
        var device = problem.Devices[d];
        return string.Join(' ', problem.Kernels.Select(k => (k.Allows(d) ? k.Seconds[d] : double.PositiveInfinity).ToString("R"))
            .Prepend($"{device.CopiesOccupy} {device.Streams} {device.MemoryBytes:R}"));
    }

    private static StageGraph Build(PlacementProblem problem, DisjointSets sets, StageClass[] classes)
    {
        var names = sets.Numbered(out var count);
        var seconds = Enumerable.Range(0, count).Select(_ => new double[classes.Length]).ToArray();
        var weights = new double[count];
        for (var v = 0; v < names.Length; v++)
        {
            var kernel = problem.Kernels[v];
            weights[names[v]] += kernel.WeightBytes;
            for (var c = 0; c < classes.Length; c++)
            {
                var d = classes[c].Devices[0];
                seconds[names[v]][c] += kernel.Allows(d) ? kernel.Seconds[d] / problem.Devices[d].Streams : double.PositiveInfinity;
            }
        }

        var link = problem.Links.FirstOrDefault();
        var tensors = problem.Tensors.Select(t => new StageTensor(
            names[t.Producer],
            [.. t.Consumers.Select(c => names[c]).Where(c => c != names[t.Producer]).Distinct().Order()],
            link?.Seconds(t.Bytes) ?? 0)).Where(t => t.Consumers.Length > 0);
        return new StageGraph(names, seconds, weights, [.. tensors], classes);
    }

    private static bool JoinCircles(StageGraph graph, DisjointSets sets)
    {
        var next = Enumerable.Range(0, graph.Nodes).Select(_ => new List<int>()).ToArray();
        foreach (var tensor in graph.Tensors)
        {
            next[tensor.Producer].AddRange(tensor.Consumers);
        }

        var component = StrongComponents.Of(next);
        return JoinNodes(graph, sets, Enumerable.Range(0, graph.Nodes).GroupBy(v => component[v]).Select(g => g.ToArray()));
    }

    // With at most one device that copies do not occupy, one of the two ends pays for any copy.
    private static bool JoinCostly(StageGraph graph, DisjointSets sets, double known) =>
        JoinNodes(graph, sets, graph.Tensors.Where(t => t.Seconds > known).Select(t => (int[])[t.Producer, .. t.Consumers]));

    private static bool JoinIdle(StageGraph graph, DisjointSets sets)
    {
        var into = Enumerable.Range(0, graph.Nodes).Select(_ => new List<StageTensor>()).ToArray();
        var from = Enumerable.Range(0, graph.Nodes).Select(_ => new List<StageTensor>()).ToArray();
        foreach (var tensor in graph.Tensors)
        {
            from[tensor.Producer].Add(tensor);
            foreach (var v in tensor.Consumers)
            {
                into[v].Add(tensor);
            }
        }

        var pairs = new List<int[]>();
        for (var u = 0; u < graph.Nodes; u++)
        {
            if (graph.Seconds[u].Any(s => s != 0))
            {
                continue;
            }

            int[] before = [.. into[u].Select(t => t.Producer).Distinct()], after = [.. from[u].SelectMany(t => t.Consumers).Distinct()];
            if (before.Length + after.Length == 1 || (before.Length == 1 && before.SequenceEqual(after)))
            {
                pairs.Add([u, before.Concat(after).First()]);
            }
            else if (into[u] is [{ Consumers.Length: 1 } t1] && from[u] is [{ Consumers.Length: 1 } t2])
            {
                pairs.Add([u, t2.Seconds <= t1.Seconds ? t1.Producer : t2.Consumers[0]]);
            }
        }

        return JoinNodes(graph, sets, pairs);
    }

    private static bool JoinNodes(StageGraph graph, DisjointSets sets, IEnumerable<int[]> nodes)
    {
        var kernel = new int[graph.Nodes];
        for (var v = 0; v < graph.NodeOf.Length; v++)
        {
            kernel[graph.NodeOf[v]] = v;
        }

        var joined = false;
        foreach (var together in nodes)
        {
            joined |= sets.JoinAll(together.Select(n => kernel[n]));
        }

        return joined;
    }
}
