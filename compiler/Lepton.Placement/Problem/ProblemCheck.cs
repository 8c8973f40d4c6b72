using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>
/// What must hold before anybody looks at a problem: indices in range, durations and sizes that are numbers ≥ 0, at most one link per
/// ordered pair, no cycle. Problems are made by the compiler, so what is found is told to the one who made it.
/// </summary>
public static class ProblemCheck
{
    /// <summary>What is wrong, in words; empty when nothing is.</summary>
    public static ValueList<string> Run(PlacementProblem problem)
    {
        var wrong = new List<string>();
        void Ask(bool holds, string message)
        {
            if (!holds)
            {
                wrong.Add(message);
            }
        }

        bool IsDevice(int d) => d >= 0 && d < problem.Devices.Count;
        bool IsKernel(int v) => v >= 0 && v < problem.Kernels.Count;
        Ask(problem.Devices.Count > 0, "there is no device");
        Ask(problem.Objective.Goals.Count > 0, "there is no goal");
        Ask(problem.Objective.Goals.All(g => g.Terms.Count > 0 && g.Terms.All(t => Finite(t.Weight))),
            "a goal has no terms, or a weight that is no number ≥ 0");
        Ask(problem.Objective.Limits.All(l => l.Most >= 0), "a limit is no number ≥ 0");
        foreach (var d in problem.Devices)
        {
            Ask(d.MemoryBytes >= 0 && Finite(d.UsdPerHour) && Finite(d.MinimumSeconds) && d.Streams >= 1,
                $"device '{d.Name}': memory, price, minimum or streams");
        }

        foreach (var link in problem.Links)
        {
            var fits = IsDevice(link.From) && IsDevice(link.To) && link.From != link.To;
            Ask(fits && Finite(link.LatencySeconds) && link.BytesPerSecond > 0 && Finite(link.UsdPerGigabyte),
                $"link {link.From} → {link.To}: ends or numbers");
        }

        Ask(problem.Links.DistinctBy(l => (l.From, l.To)).Count() == problem.Links.Count, "two links from one device to another one");
        foreach (var kernel in problem.Kernels)
        {
            var places = (kernel.Pin == Kernel.NoPin || IsDevice(kernel.Pin)) && kernel.Forbidden.All(IsDevice) && kernel.Group >= Kernel.NoGroup;
            Ask(kernel.Seconds.Count == problem.Devices.Count && kernel.Seconds.All(s => s >= 0),
                $"kernel '{kernel.Name}': one duration ≥ 0 per device");
            Ask(places && Finite(kernel.WeightBytes), $"kernel '{kernel.Name}': pin, forbidden devices, group or weights");
        }

        foreach (var tensor in problem.Tensors)
        {
            var ends = IsKernel(tensor.Producer) && tensor.Consumers.All(IsKernel) && tensor.Consumers.Distinct().Count() == tensor.Consumers.Count;
            Ask(ends && Finite(tensor.Bytes), $"tensor '{tensor.Name}': producer, consumers (each once) or bytes");
        }

        if (wrong.Count == 0 && Simulation.Orders.Topological(problem) is null)
        {
            wrong.Add("the kernels wait for each other in a circle");
        }

        return [.. wrong];
    }

    private static bool Finite(double number) => number >= 0 && double.IsFinite(number);
}
