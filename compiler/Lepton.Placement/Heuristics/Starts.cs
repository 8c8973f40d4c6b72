using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>A way to place everything, by name, as it comes out of one step.</summary>
internal sealed record Candidate(string Name, Plan Plan);

/// <summary>Plans that are made without search: what one would do by hand, and what simple rules do.</summary>
internal static class Starts
{
    /// <summary>Every kernel on one device; what cannot stand there stands where it is fastest.</summary>
    public static IEnumerable<Candidate> SingleDevices(Tables tables)
    {
        var ranks = Falling(tables);
        for (var d = 0; d < tables.Devices; d++)
        {
            if (Enumerable.Range(0, tables.Kernels).Any(v => tables.Allowed(v, d)))
            {
                var devices = tables.VariableOf.Select((x, v) => tables.Allowed(v, d) ? d : Fastest(tables, x));
                yield return new Candidate($"all on {tables.Problem.Devices[d].Name}", new Plan([.. devices], [.. ranks]));
            }
        }
    }

    /// <summary>HEFT by time and by the goal's weights; each kernel where the paths through it are shortest, and where it is cheapest.</summary>
    public static IEnumerable<Candidate> Rules(Tables tables, Weights goal)
    {
        if (Heft.Run(tables, new Weights(1, 0, 0)) is { } heft)
        {
            yield return new Candidate("HEFT", heft);
        }

        if (goal != new Weights(goal.Time, 0, 0) && Heft.Run(tables, goal) is { } aware)
        {
            yield return new Candidate("cost-aware HEFT", aware);
        }

        var ranks = Falling(tables);
        yield return new Candidate("shortest paths", new Plan([.. ShortestPaths(tables)], [.. ranks]));
        var cheapest = tables.Members.Select(m => Enumerable.Range(0, tables.Devices).MinBy(d => m.Sum(v => tables.Usd(v, d)))).ToArray();
        yield return new Candidate("cheapest device each", new Plan([.. tables.VariableOf.Select(x => cheapest[x])], [.. ranks]));
        if (goal.Interval > 0 && LinearOrder.Solve(tables, Orders(tables)) is { Devices.Length: > 0 } linear)
        {
            yield return new Candidate("best cut of one order", new Plan([.. linear.Devices], [.. ranks]));
        }
    }

    /// <summary>Priorities that start long rests first.</summary>
    public static double[] Falling(Tables tables) => [.. Heft.Ranks(tables).Select(r => -r)];

    private static int[] Orders(Tables tables) => Simulation.Orders.Topological(tables.Problem, Falling(tables))!;

    private static int Fastest(Tables tables, int x) =>
        Enumerable.Range(0, tables.Devices).MinBy(d => tables.Members[x].Sum(v => tables.Seconds[v, d]));

    // From the results back: each variable where head + p + tail is least, given what was fixed before.
    private static int[] ShortestPaths(Tables tables)
    {
        var paths = new PathBounds(tables);
        var device = new int[tables.Kernels];
        Array.Fill(device, -1);
        foreach (var v in tables.Order.Reverse())
        {
            if (device[v] >= 0)
            {
                continue;
            }

            double Rest(int d) => tables.Outputs[v].SelectMany(t => tables.Consumers[t].Select(w => (t, w))).Where(p => device[p.w] >= 0)
                .Select(p => tables.Copy(p.t, d, device[p.w])).DefaultIfEmpty(0).Max();
            var best = Enumerable.Range(0, tables.Devices).MinBy(d => paths.Head[v, d] + tables.Seconds[v, d] + Rest(d));
            foreach (var u in tables.Members[tables.VariableOf[v]])
            {
                device[u] = best;
            }
        }

        return device;
    }
}
