using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Reports;

/// <summary>
/// The chain of kernels and copies that makes a run as long as it is: from what ends last back, always to that which ended just before.
/// <code>
///   d0  ▓▓▓▓▓▓                ▓▓▓▓      kernel ◀ copy ◀ kernel ◀ (the device was busy) kernel
///   link      ⟍           ⟋
///   d1  ░░░░░░░▓▓▓▓▓▓▓▓▓▓▓
/// </code>
/// </summary>
public static class CriticalPath
{
    public static ValueList<CriticalStep> Of(PlacementProblem problem, Execution run)
    {
        var path = new List<CriticalStep>();
        var slack = run.Score.Time * Simulator.Tolerance * 10;
        var at = Enumerable.Range(0, problem.Kernels.Count).OrderBy(v => run.Ends[v]).ThenBy(v => v).LastOrDefault(-1);
        var copy = -1;
        var seen = new HashSet<(int, int)>();
        while ((at >= 0 || copy >= 0) && seen.Add((at, copy)))
        {
            var start = copy >= 0 ? run.Copies[copy].Start : run.Starts[at];
            var (wait, kernel, before) = copy >= 0 ? BeforeCopy(problem, run, copy, slack) : BeforeKernel(problem, run, at, slack);
            wait = start <= slack ? Wait.Nothing : kernel < 0 && before < 0 ? Wait.Plan : wait;
            path.Add(new CriticalStep(at, copy, start, copy >= 0 ? run.Copies[copy].End : run.Ends[at], wait));
            (at, copy) = (kernel, before);
        }

        path.Reverse();
        return [.. path];
    }

    // An input that came just then says more than a device that became free at the same time.
    private static (Wait Wait, int Kernel, int Copy) BeforeKernel(PlacementProblem problem, Execution run, int at, double slack)
    {
        var (start, device) = (run.Starts[at], run.Devices[at]);
        for (var t = 0; t < problem.Tensors.Count; t++)
        {
            if (!problem.Tensors[t].Consumers.Contains(at))
            {
                continue;
            }

            var producer = problem.Tensors[t].Producer;
            var copy = run.Copies.Index().FirstOrDefault(c => c.Item.Tensor == t && c.Item.To == device, (Index: -1, Item: null!)).Index;
            if (copy >= 0 && run.Devices[producer] != device && run.Copies[copy].End >= start - slack)
            {
                return (Wait.Copy, -1, copy);
            }

            if (run.Devices[producer] == device && run.Ends[producer] >= start - slack && start > slack)
            {
                return (Wait.Input, producer, -1);
            }
        }

        var busy = problem.Kernels[at].Seconds[device] <= 0 ? -1 : Enumerable.Range(0, problem.Kernels.Count)
            .FirstOrDefault(v => v != at && run.Devices[v] == device && run.Ends[v] > run.Starts[v] && Math.Abs(run.Ends[v] - start) <= slack, -1);
        return (Wait.Device, busy, -1);
    }

    private static (Wait Wait, int Kernel, int Copy) BeforeCopy(PlacementProblem problem, Execution run, int copy, double slack)
    {
        var (tensor, from, to, start, _) = run.Copies[copy];
        var producer = problem.Tensors[tensor].Producer;
        if (run.Ends[producer] >= start - slack)
        {
            return (Wait.Input, producer, -1);
        }

        var busy = run.Copies.Index()
            .FirstOrDefault(c => c.Index != copy && c.Item.From == from && c.Item.To == to && Math.Abs(c.Item.End - start) <= slack, (Index: -1, Item: null!)).Index;
        return (Wait.Link, -1, busy);
    }
}
