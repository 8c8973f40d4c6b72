using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// A known plan in ticks: kernels in the order of their starts, each as early as its inputs, its stream and the link allow. With every duration rounded
/// down nothing is later than in the plan itself.
/// </summary>
internal sealed class TickSchedule
{
    private readonly Dictionary<(int Tensor, int To), long> _copies = [];

    public TickSchedule(Tables tables, Units units, Plan plan)
    {
        (Device, Start, End) = ([.. plan.Devices], new long[tables.Kernels], new long[tables.Kernels]);
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

            End[v] = Start[v] + length;
        }
    }

    public int[] Device { get; }

    public long[] Start { get; }

    public long[] End { get; }

    public long Time => End.DefaultIfEmpty(0).Max();

    /// <summary>When the copy leaves; null where it is not needed.</summary>
    public long? CopyStart(int tensor, int to) => _copies.TryGetValue((tensor, to), out var start) ? start : null;

    public bool Copied(Tables tables, int tensor, int from, int to) =>
        from != to && Device[tables.Producer[tensor]] == from && tables.Consumers[tensor].Any(w => Device[w] == to);

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
