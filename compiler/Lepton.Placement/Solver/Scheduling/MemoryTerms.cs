using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// Memory of each device that limits:
/// <code>
///   Weights     Σ weights[v] x[v,d] ≤ M
///   Sum         + Σ bytes[t] there[t,d],   there[t,d] ⇐ x[v,d] for the producer and each reader of t
///   Residency   + what is alive, at every tick (<see cref="ResidencyTerms"/>), which implies, but not at once,
///               Σ weights[v] x[v,d] + inputs and outputs of w ≤ M   where w, which takes time, is on d
/// </code>
/// Where so many tensors are on so many devices that pairs of them make no model any more, residency is relaxed to the second rule; the simulator judges
/// the plan.
/// </summary>
internal static class MemoryTerms
{
    private const double Parts = 1L << 40;

    /// <summary>Some device has less memory than everything together takes.</summary>
    public static bool Binds(PlacementProblem problem) => problem.Devices.Any(d => All(problem) > d.MemoryBytes);

    public static void Write(PlacementModel model)
    {
        var tables = model.Tables;
        var problem = tables.Problem;
        var residency = problem.Memory == MemoryModel.Residency && Binds(problem) ? new ResidencyTerms(model) : null;
        for (var d = 0; d < tables.Devices; d++)
        {
            var memory = problem.Devices[d].MemoryBytes;
            if (All(problem) <= memory)
            {
                continue;
            }

            var unit = Unit(problem, memory);

            var most = Units.Down(memory, unit);
            var weights = LinearExpression.Sum(Enumerable.Range(0, tables.Kernels).Where(v => model.At(v, d) is not null)
                .Select(v => Units.Down(problem.Kernels[v].WeightBytes, unit) * (LinearExpression)model.At(v, d)!.Value));
            if (residency is not null)
            {
                OneAtATime(model, d, unit, weights, most);
                if (residency.Fits)
                {
                    residency.Limit(d, unit, weights, most);
                }
            }
            else
            {
                var tensors = problem.Memory == MemoryModel.Sum ? There(model, d, unit) : LinearExpression.Zero;
                model.Builder.LessOrEqual(weights + tensors, most);
            }
        }
    }

    private static double All(PlacementProblem problem) =>
        problem.Kernels.Sum(k => k.WeightBytes) + (problem.Memory == MemoryModel.Weights ? 0 : problem.Tensors.Sum(t => t.Bytes));

    // Whole bytes stay whole. A device without memory holds what has no bytes.
    private static double Unit(PlacementProblem problem, double memory)
    {
        var whole = problem.Kernels.All(k => k.WeightBytes % 1 == 0) && problem.Tensors.All(t => t.Bytes % 1 == 0);
        return memory > Parts ? memory / Parts : whole ? 1 : Math.Max(memory, double.Epsilon * Parts * Parts) / Parts;
    }

    private static LinearExpression There(PlacementModel model, int d, double unit)
    {
        var tables = model.Tables;
        var parts = new List<LinearExpression>();
        for (var t = 0; t < tables.Tensors; t++)
        {
            int[] users = [tables.Producer[t], .. tables.Consumers[t]];
            Literal[] places = [.. users.Select(v => model.At(v, d)).OfType<Literal>().Distinct()];
            if (places.Length == 0)
            {
                continue;
            }

            var there = places.Length == 1 ? places[0] : model.Bool(users.Any(v => model.Hinted?.Device[v] == d));
            foreach (var place in places.Where(p => p != there))
            {
                model.Builder.Implies(place, there);
            }

            parts.Add(Units.Down(tables.Bytes[t], unit) * (LinearExpression)there);
        }

        return LinearExpression.Sum(parts);
    }

    private static void OneAtATime(PlacementModel model, int d, double unit, LinearExpression weights, long most)
    {
        var tables = model.Tables;
        model.Builder.LessOrEqual(weights, most);
        for (var v = 0; v < tables.Kernels; v++)
        {
            if (model.At(v, d) is { } here && tables.Seconds[v, d] > 0)
            {
                var needed = tables.Inputs[v].Concat(tables.Outputs[v]).Sum(t => Units.Down(tables.Bytes[t], unit));
                model.Builder.LessOrEqual(weights, most - needed, here);
            }
        }
    }
}
