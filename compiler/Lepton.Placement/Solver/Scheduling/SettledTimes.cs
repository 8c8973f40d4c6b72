using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// Times in seconds for a solution in ticks, where waiting saves memory and starts may not move freely. Durations in ticks are rounded down, so the
/// solution's own times are a little too early; what had ended when a kernel or a copy began on a device ends before it again:
/// <code>
///   begin[j] ≥ end[i]     where i ended by then in ticks, and j begins on a device that i was on, or makes a result, which stays to the end of the run
/// </code>
/// besides the problem's rules. The smallest such times, by relaxation until nothing changes (Bellman and Ford).
/// </summary>
internal static class SettledTimes
{
    /// <summary>A kernel, or a copy of the tensor that <paramref name="Producer"/> makes. It takes memory on one device; when it ends it may free some on both.</summary>
    /// <param name="Begins">Device on which it begins to take memory.</param>
    /// <param name="From">The device that it leaves; −1 for a kernel.</param>
    private sealed record Step(long Start, long End, double Seconds, int Begins, int From, int Producer, int Tensor)
    {
        public double At { get; set; }
    }

    /// <param name="device">By kernel.</param>
    /// <param name="start">By kernel, in ticks.</param>
    /// <param name="leaves">Of a tensor and a device that it is copied to, in ticks.</param>
    /// <returns>The plan; where rounding left no such times, one with the ticks' own.</returns>
    public static Plan Of(Tables tables, Units units, int[] device, long[] start, Func<int, int, long> leaves)
    {
        var steps = new List<Step>();
        for (var v = 0; v < tables.Kernels; v++)
        {
            var seconds = tables.Problem.Kernels[v].Seconds[device[v]];
            steps.Add(new Step(start[v], start[v] + units.Ticks(seconds), seconds, device[v], -1, -1, -1));
        }

        for (var t = 0; t < tables.Tensors; t++)
        {
            var (u, from) = (tables.Producer[t], device[tables.Producer[t]]);
            foreach (var to in tables.Consumers[t].Select(w => device[w]).Where(to => to != from).Distinct())
            {
                var seconds = tables.Copy(t, from, to);
                var left = leaves(t, to);
                steps.Add(new Step(left, left + units.Ticks(seconds), seconds, to, from, u, t));
            }
        }

        var settled = Settle(tables, steps);
        double Time(Step step) => settled ? step.At : step.Start * units.Seconds;
        return new Plan(
            [.. device], [.. steps.Take(tables.Kernels).Select(Time)], [.. steps.Skip(tables.Kernels).Select(c => new CopyStart(c.Tensor, c.Begins, Time(c)))]);
    }

    private static bool Settle(Tables tables, List<Step> steps)
    {
        bool MakesResult(int j) => j < tables.Kernels && tables.Outputs[j].Any(t => tables.Consumers[t].Length == 0);
        var waits = steps.Select((j, index) => steps.Where(i => i != j && i.End <= j.Start
            && (i.Begins == j.Begins || i.From == j.Begins || MakesResult(index))).ToArray()).ToArray();
        var inputs = Enumerable.Range(0, tables.Kernels)
            .Select(v => tables.Inputs[v].Select(t => steps[tables.Producer[t]].Begins == steps[v].Begins
                ? steps[tables.Producer[t]]
                : steps.Skip(tables.Kernels).Single(c => c.Tensor == t && c.Begins == steps[v].Begins)).ToArray()).ToArray();
        for (var round = 0; round <= steps.Count; round++)
        {
            var moved = false;
            for (var j = 0; j < steps.Count; j++)
            {
                var step = steps[j];
                IEnumerable<Step> before = j < tables.Kernels ? waits[j].Concat(inputs[j]) : waits[j].Append(steps[step.Producer]);
                moved |= Move(step, before.Select(i => i.At + i.Seconds).DefaultIfEmpty(0).Max());

                // A copy leaves when its producer ends, unless links are exclusive: then the producer waits.
                if (j >= tables.Kernels && !tables.Problem.ExclusiveLinks)
                {
                    moved |= Move(steps[step.Producer], step.At - steps[step.Producer].Seconds);
                }
            }

            if (!moved)
            {
                return true;
            }
        }

        return false;
    }

    // Rounding does not count as a move, or two that end together push each other on for ever.
    private static bool Move(Step step, double to)
    {
        if (to <= step.At + (1e-12 * Math.Abs(to)))
        {
            return false;
        }

        step.At = to;
        return true;
    }
}
