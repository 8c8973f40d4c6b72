using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// A known plan in ticks: kernels in the order of their starts, each as early as its inputs, its stream and the link allow. With every duration rounded
/// down nothing is later than in the plan itself. Where memory counts what is alive, waiting may be what the plan lives of: then all times are the plan's
/// own, rounded down.
/// </summary>
internal sealed class TickSchedule
{
    private readonly Dictionary<(int Tensor, int To), long> _copies = [];

    public TickSchedule(Tables tables, Units units, Plan plan)
    {
        (Device, Start, End, Leaves) = ([.. plan.Devices], new long[tables.Kernels], new long[tables.Kernels], new long[tables.Kernels]);
        if (tables.Problem.Memory == MemoryModel.Residency)
        {
            AsPlanned(tables, units, plan);
            return;
        }

        var streams = tables.Problem.Devices.Select(d => new long[d.Streams]).ToArray();
        var links = new Dictionary<(int, int), long>();
        foreach (var v in Simulation.Orders.Topological(tables.Problem, plan.Starts)!)
        {
            var d = Device[v];
            foreach (var t in tables.Inputs[v])
            {
                Start[v] = Math.Max(Start[v], Arrival(tables, units, t, d, links));
            }

            var length = units.Ticks(tables.Problem.Kernels[v].Seconds[d]);
            if (length > 0)
            {
                var stream = Array.IndexOf(streams[d], streams[d].Min());
                Start[v] = Math.Max(Start[v], streams[d][stream]);
                streams[d][stream] = Start[v] + length;
            }

            Leaves[v] = End[v] = Start[v] + length;
        }
    }

    public int[] Device { get; }

    public long[] Start { get; }

    public long[] End { get; }

    /// <summary>When copies of what it makes leave, where links are not exclusive.</summary>
    public long[] Leaves { get; }

    public long Time => End.DefaultIfEmpty(0).Max();

    /// <summary>When the copy leaves; null where it is not needed.</summary>
    public long? CopyStart(int tensor, int to) => _copies.TryGetValue((tensor, to), out var start) ? start : null;

    public bool Copied(Tables tables, int tensor, int from, int to) =>
        from != to && Device[tables.Producer[tensor]] == from && tables.Consumers[tensor].Any(w => Device[w] == to);

    private void AsPlanned(Tables tables, Units units, Plan plan)
    {
        for (var v = 0; v < tables.Kernels; v++)
        {
            var seconds = tables.Problem.Kernels[v].Seconds[Device[v]];
            (Start[v], Leaves[v]) = (units.Ticks(plan.Starts[v]), units.Ticks(plan.Starts[v] + seconds));
            End[v] = Start[v] + units.Ticks(seconds);
        }

        foreach (var copy in plan.Copies)
        {
            _copies[(copy.Tensor, copy.To)] = units.Ticks(copy.Start);
        }
    }

    // Copies go as their readers ask for them, which need not be the plan's order on a link: then the hint is worse, not wrong.
    private long Arrival(Tables tables, Units units, int t, int to, Dictionary<(int, int), long> links)
    {
        var (u, from) = (tables.Producer[t], Device[tables.Producer[t]]);
        if (from == to)
        {
            return End[u];
        }

        var length = units.Ticks(tables.Copy(t, from, to));
        if (!_copies.TryGetValue((t, to), out var start))
        {
            start = End[u];
            if (tables.Problem.ExclusiveLinks)
            {
                start = Math.Max(start, links.GetValueOrDefault((from, to)));
                links[(from, to)] = start + length;
            }

            _copies[(t, to)] = start;
        }

        return start + length;
    }
}
