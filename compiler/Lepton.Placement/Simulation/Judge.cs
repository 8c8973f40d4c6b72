using System.Globalization;
using Lepton.Abi;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>Measures a timeline and looks for broken rules, each from its definition.</summary>
internal static class Judge
{
    /// <summary>Rules that need no times: devices, groups, links, pipelines.</summary>
    public static List<Violation> Assignment(PlacementProblem problem, IReadOnlyList<int> devices)
    {
        var broken = new List<Violation>();
        var groups = new Dictionary<int, int>();
        for (var v = 0; v < problem.Kernels.Count; v++)
        {
            var kernel = problem.Kernels[v];
            if (!kernel.Allows(devices[v]))
            {
                broken.Add(new Violation(Rule.Device, v, $"'{kernel.Name}' may not stand on '{problem.Devices[devices[v]].Name}'"));
            }

            if (kernel.Group != Kernel.NoGroup && !groups.TryAdd(kernel.Group, v) && devices[groups[kernel.Group]] != devices[v])
            {
                broken.Add(new Violation(Rule.Group, v,
                    $"'{kernel.Name}' stands apart from '{problem.Kernels[groups[kernel.Group]].Name}' of its group"));
            }
        }

        var routes = new Routes(problem);
        foreach (var tensor in problem.Tensors)
        {
            var from = devices[tensor.Producer];
            foreach (var to in Routes.Destinations(tensor, devices).Where(to => routes.Between(from, to) is null))
            {
                var (sender, reader) = (problem.Devices[from].Name, problem.Devices[to].Name);
                var message = $"'{tensor.Name}' is needed on '{reader}', but no link leads there from '{sender}'";
                broken.Add(new Violation(Rule.Link, tensor.Producer, message));
            }
        }

        if (problem.NeedsPipeline && Orders.Stages(problem, devices) is null)
        {
            broken.Add(new Violation(Rule.Pipeline, -1, "the devices feed each other in a circle, so they are no stages of a pipeline"));
        }

        return broken;
    }

    public static Execution Run(PlacementProblem problem, IReadOnlyList<int> devices, Timeline times)
    {
        var time = times.Ends.DefaultIfEmpty(0).Max();
        var slack = Simulator.Tolerance * time;
        var broken = new List<Violation>();
        InOrder(problem, devices, times, slack, broken);
        var routes = new Routes(problem);
        var loads = new List<DeviceLoad>();
        for (var d = 0; d < problem.Devices.Count; d++)
        {
            var load = new DeviceLoad(Busy(problem, devices, d), Residency.Peak(problem, devices, times, d, time, slack), 0, 0);
            loads.Add(load with { Stage = Stage(problem, devices, times, d, load.Busy), Usd = Usd(problem, devices, d, load.Busy, time) });
            Device(problem, devices, times, d, load, slack, broken);
        }

        Contention(problem, times, slack, broken);
        var usd = loads.Sum(l => l.Usd) + times.Copies.Sum(c => routes.Between(c.From, c.To)!.Usd(problem.Tensors[c.Tensor].Bytes));
        var links = times.Copies.GroupBy(c => (c.From, c.To)).Select(g => g.Sum(c => routes.Seconds(problem.Tensors[c.Tensor].Bytes, c.From, c.To)));
        var stages = Orders.Stages(problem, devices) is not null;
        var score = new PlanScore(time, usd, stages ? loads.Select(l => l.Stage).Concat(links).DefaultIfEmpty(0).Max() : 0, true);
        for (var i = 0; i < problem.Objective.Limits.Count; i++)
        {
            var limit = problem.Objective.Limits[i];
            if (score.Of(limit.Metric) > limit.Most * (1 + Simulator.Tolerance))
            {
                broken.Add(new Violation(Rule.Limit, i, Say($"{limit.Metric} is {score.Of(limit.Metric):g6}, more than the limit {limit.Most:g6}")));
            }
        }

        foreach (var ceiling in problem.Objective.Ceilings.Where(c => c.Goal.Value(score) > c.Most * (1 + Simulator.Tolerance)))
        {
            broken.Add(new Violation(Rule.Limit, -1,
                Say($"an earlier goal is {ceiling.Goal.Value(score):g6}, more than its best, {ceiling.Most:g6}")));
        }

        return new Execution([.. devices], [.. times.Starts], [.. times.Ends], [.. times.Copies], [.. loads],
            score with { Feasible = broken.Count == 0 }, [.. broken]);
    }

    private static double Busy(PlacementProblem problem, IReadOnlyList<int> devices, int d) =>
        Enumerable.Range(0, devices.Count).Where(v => devices[v] == d).Sum(v => problem.Kernels[v].Seconds[d]);

    private static double Usd(PlacementProblem problem, IReadOnlyList<int> devices, int d, double busy, double time) => problem.Money switch
    {
        MoneyModel.Busy => busy * problem.Devices[d].UsdPerSecond,
        _ => devices.Contains(d) ? Math.Max(time, problem.Devices[d].MinimumSeconds) * problem.Devices[d].UsdPerSecond : 0,
    };

    private static double Stage(PlacementProblem problem, IReadOnlyList<int> devices, Timeline times, int d, double busy)
    {
        var work = busy / problem.Devices[d].Streams;
        return problem.Devices[d].CopiesOccupy
            ? work + times.Copies.Where(c => c.To == d).Sum(c => c.End - c.Start)
                + times.Copies.Where(c => c.From == d).GroupBy(c => c.Tensor).Sum(g => g.Max(c => c.End - c.Start))
            : work;
    }

    // s[v] >= arrival of each input
    private static void InOrder(PlacementProblem problem, IReadOnlyList<int> devices, Timeline times, double slack, List<Violation> broken)
    {
        var arrivals = times.Copies.ToDictionary(c => (c.Tensor, c.To), c => c.End);
        for (var t = 0; t < problem.Tensors.Count; t++)
        {
            var tensor = problem.Tensors[t];
            foreach (var v in tensor.Consumers)
            {
                var there = devices[v] == devices[tensor.Producer] ? times.Ends[tensor.Producer] : arrivals[(t, devices[v])];
                if (times.Starts[v] < there - slack)
                {
                    broken.Add(new Violation(Rule.Order, v, $"'{problem.Kernels[v].Name}' starts before '{tensor.Name}' is there"));
                }
            }
        }

        foreach (var copy in times.Copies.Where(c => c.Start < times.Ends[problem.Tensors[c.Tensor].Producer] - slack))
        {
            var producer = problem.Tensors[copy.Tensor].Producer;
            broken.Add(new Violation(Rule.Order, producer,
                $"'{problem.Tensors[copy.Tensor].Name}' is sent before '{problem.Kernels[producer].Name}' has ended"));
        }

        for (var v = 0; v < times.Starts.Length; v++)
        {
            if (times.Starts[v] < -slack)
            {
                broken.Add(new Violation(Rule.Order, v, $"'{problem.Kernels[v].Name}' starts before the run does"));
            }
        }
    }

    private static void Device(
        PlacementProblem problem, IReadOnlyList<int> devices, Timeline times, int d, DeviceLoad load, double slack, List<Violation> broken)
    {
        var device = problem.Devices[d];
        var running = Enumerable.Range(0, devices.Count).Where(v => devices[v] == d && problem.Kernels[v].Seconds[d] > 0);
        if (Residency.Most(running.Select(v => (times.Starts[v], times.Ends[v], 1.0)), slack) > device.Streams)
        {
            broken.Add(new Violation(Rule.Streams, d, $"'{device.Name}' runs more kernels at a time than it has streams"));
        }

        if (load.Peak > device.MemoryBytes * (1 + Simulator.Tolerance))
        {
            broken.Add(new Violation(Rule.Memory, d, Say($"'{device.Name}' needs {load.Peak:g6} bytes and has {device.MemoryBytes:g6}")));
        }
    }

    private static void Contention(PlacementProblem problem, Timeline times, double slack, List<Violation> broken)
    {
        foreach (var link in times.Copies.GroupBy(c => (c.From, c.To)))
        {
            if (problem.ExclusiveLinks && Residency.Most(link.Select(c => (c.Start, c.End, 1.0)), slack) > 1)
            {
                var (from, to) = (problem.Devices[link.Key.From].Name, problem.Devices[link.Key.To].Name);
                broken.Add(new Violation(Rule.Contention, link.Key.From, $"two copies at a time from '{from}' to '{to}'"));
            }
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
