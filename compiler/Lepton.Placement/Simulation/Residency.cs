using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>What lies in a device's memory, and when.</summary>
internal static class Residency
{
    /// <summary>Most bytes on one device by the memory model.</summary>
    public static double Peak(PlacementProblem problem, IReadOnlyList<int> devices, Timeline times, int device, double time, double slack)
    {
        var weights = Enumerable.Range(0, devices.Count).Where(v => devices[v] == device).Sum(v => problem.Kernels[v].WeightBytes);
        return weights + problem.Memory switch
        {
            MemoryModel.Weights => 0,
            MemoryModel.Sum => Enumerable.Range(0, problem.Tensors.Count)
                .Where(t => devices[problem.Tensors[t].Producer] == device || problem.Tensors[t].Consumers.Any(c => devices[c] == device))
                .Sum(t => problem.Tensors[t].Bytes),
            _ => Most(Alive(problem, devices, times, device, time), slack),
        };
    }

    /// <summary>
    /// The largest sum of amounts over half-open intervals [start, end). Ends count a little earlier, so that rounding does not make
    /// neighbours overlap; what is shorter than that does not count.
    /// </summary>
    public static double Most(IEnumerable<(double Start, double End, double Amount)> intervals, double slack)
    {
        var steps = new List<(double At, double Amount)>();
        foreach (var (start, end, amount) in intervals.Where(i => i.End - slack > i.Start))
        {
            steps.Add((start, amount));
            steps.Add((end - slack, -amount));
        }

        var (now, most) = (0.0, 0.0);
        foreach (var step in steps.OrderBy(s => s.At).ThenBy(s => s.Amount))
        {
            now += step.Amount;
            most = Math.Max(most, now);
        }

        return most;
    }

    private static IEnumerable<(double Start, double End, double Bytes)> Alive(
        PlacementProblem problem, IReadOnlyList<int> devices, Timeline times, int device, double time)
    {
        var copies = times.Copies.ToLookup(c => c.Tensor);
        for (var t = 0; t < problem.Tensors.Count; t++)
        {
            var tensor = problem.Tensors[t];
            var readers = tensor.Consumers.Where(c => devices[c] == device).Select(c => times.Ends[c]);
            if (devices[tensor.Producer] == device)
            {
                var last = readers.Concat(copies[t].Select(c => c.End)).Append(times.Ends[tensor.Producer]).Max();
                yield return (times.Starts[tensor.Producer], tensor.Consumers.Count == 0 ? time : last, tensor.Bytes);
            }
            else if (copies[t].FirstOrDefault(c => c.To == device) is { } copy)
            {
                yield return (copy.Start, readers.Append(copy.End).Max(), tensor.Bytes);
            }
        }
    }
}
