using System.Globalization;
using Lepton.Abi;
using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement;

/// <summary>
/// Why there is no plan: the smallest set of limits and memories that already contradict each other. Singles are tried, then pairs, then
/// one limit after the other is dropped as long as the contradiction stays (deletion filter; Chinneck and Dravnieks, 1991).
/// </summary>
internal static class Conflicts
{
    public static Conflict Find(PlacementProblem problem, PlacerOptions options)
    {
        var items = Enumerable.Range(0, problem.Objective.Limits.Count).Select(i => (Limit: i, Memory: -1))
            .Concat(Enumerable.Range(0, problem.Devices.Count).Where(d => double.IsFinite(problem.Devices[d].MemoryBytes))
            .Select(d => (Limit: -1, Memory: d)))
            .ToArray();
        bool Contradict((int, int)[] kept) => IsInfeasible(Only(problem, kept), options);
        if (Contradict([]))
        {
            return Say(problem, []);
        }

        var single = items.Select(i => new[] { i });
        var pairs = from i in Enumerable.Range(0, items.Length) from j in Enumerable.Range(0, i) select new[] { items[j], items[i] };
        if (single.Concat(pairs).FirstOrDefault(Contradict) is { } few)
        {
            return Say(problem, few);
        }

        var left = items.ToList();
        foreach (var item in items)
        {
            if (Contradict([.. left.Where(i => i != item)]))
            {
                left.Remove(item);
            }
        }

        return Say(problem, [.. left]);
    }

    private static bool IsInfeasible(PlacementProblem problem, PlacerOptions options)
    {
        var tables = new Tables(problem);
        Reductions.Run(tables, default);
        if (Infeasibility.Proven(problem, tables))
        {
            return true;
        }

        if (BranchAndBound.Applies(tables, default)
            && BranchAndBound.Solve(tables, default, double.PositiveInfinity, options.SearchSteps) is { Complete: true } all)
        {
            return all.Plan is null;
        }

        // Who has a plan needs no solver.
        return options.Solver is { } solve && GoalSearch.Run(problem, [], options with { Solver = null }).Run is null
            && solve(problem, null, TimeSpan.Zero).Status == SolverStatus.Infeasible;
    }

    private static PlacementProblem Only(PlacementProblem problem, (int Limit, int Memory)[] kept) => problem with
    {
        Objective = new Objective(
            [problem.NeedsPipeline ? Goal.Of(Metric.Interval) : Goal.Of(Metric.Time)],
            [.. problem.Objective.Limits.Where((_, i) => kept.Any(k => k.Limit == i))]),
        Devices = problem.Devices.Select((d, i) => kept.Any(k => k.Memory == i) ? d : d with { MemoryBytes = double.PositiveInfinity }).ToValueList(),
    };

    private static Conflict Say(PlacementProblem problem, (int Limit, int Memory)[] items)
    {
        var limits = items.Where(i => i.Limit >= 0).Select(i => problem.Objective.Limits[i.Limit]).ToValueList();
        var memories = items.Where(i => i.Memory >= 0).Select(i => i.Memory).ToValueList();
        string[] words = [.. limits.Select(Name), .. memories.Select(d => Name(problem.Devices[d]))];
        var message = words.Length switch
        {
            0 => Stuck(problem),
            1 => $"no plan keeps {words[0]}",
            _ => $"no plan keeps {string.Join(" and ", words)} together",
        };
        return new Conflict(limits, memories, message);
    }

    private static string Name(Limit limit) => string.Create(
        CultureInfo.InvariantCulture,
        $"{limit.Metric.ToString().ToLowerInvariant()} <= {limit.Most:g6} {(limit.Metric == Metric.Money ? "usd" : "s")}");

    private static string Name(Device device) =>
        string.Create(CultureInfo.InvariantCulture, $"memory of '{device.Name}' <= {device.MemoryBytes:g6} bytes");

    // No limit is to blame: some kernel has nowhere to go, or only links are missing.
    private static string Stuck(PlacementProblem problem)
    {
        var tables = new Tables(problem);
        var alone = Enumerable.Range(0, tables.Kernels).FirstOrDefault(v => !Enumerable.Range(0, tables.Devices).Any(d => tables.Allowed(v, d)), -1);
        return alone >= 0
            ? $"no device can run '{problem.Kernels[alone].Name}'{(problem.Kernels[alone].Group == Kernel.NoGroup ? "" : " together with its group")}"
            : "pins, forbidden devices and missing links leave no assignment";
    }
}
