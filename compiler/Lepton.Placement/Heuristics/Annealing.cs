using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// Simulated annealing from a good plan: a variable moves to another device (most often to that of a neighbour), or a kernel changes its
/// place in the order. Always the same for the same problem: the seed is fixed and steps are counted, not seconds.
/// </summary>
internal static class Annealing
{
    private const double Hot = 0.03;
    private const double Cold = 1e-4;

    /// <param name="steps">Number of plans that are looked at.</param>
    public static Plan Run(Tables tables, Weights goal, Plan from, int steps, int seed = 1)
    {
        var random = new Random(seed);
        var evaluator = new Evaluator(tables, goal);
        var device = from.Devices.ToArray();
        var priority = from.Starts.ToArray();
        var worth = evaluator.Value(device, priority);
        var unit = worth.Value > 0 && double.IsFinite(worth.Value) ? worth.Value : 1;
        var energy = Evaluator.Energy(worth, unit);
        var best = (Energy: energy, Device: device.ToArray(), Priority: priority.ToArray());
        var choices = Enumerable.Range(0, tables.Members.Length).Select(x => Enumerable.Range(0, tables.Devices).Where(d => tables.Allowed(tables.Members[x][0], d)).ToArray()).ToArray();
        var movable = Enumerable.Range(0, choices.Length).Where(x => choices[x].Length > 1).ToArray();
        var neighbours = Neighbours(tables);
        var timed = goal.NeedsTimes(tables.Problem.Money) || Weights.Limits(tables.Problem.Objective).Any(l => l.Sum.NeedsTimes(tables.Problem.Money));
        if (tables.Kernels < 2 || (movable.Length == 0 && !timed))
        {
            return from;
        }

        for (var step = 0; step < steps; step++)
        {
            var heat = Hot * Math.Pow(Cold / Hot, (double)step / steps);
            var order = movable.Length == 0 || (timed && random.Next(3) == 0);
            var v = random.Next(tables.Kernels);
            var x = order ? -1 : movable[random.Next(movable.Length)];
            var (oldPriority, oldDevice) = (priority[v], order ? 0 : device[tables.Members[x][0]]);
            if (order)
            {
                priority[v] = priority[random.Next(tables.Kernels)] + ((random.NextDouble() - 0.5) * 1e-3 * unit);
            }
            else
            {
                var to = Choose(random, choices[x], neighbours[x], device, oldDevice);
                Set(tables, device, x, to);
            }

            var next = Evaluator.Energy(evaluator.Value(device, priority), unit);
            if (next <= energy || random.NextDouble() < Math.Exp((energy - next) / heat))
            {
                energy = next;
                if (energy < best.Energy)
                {
                    best = (energy, device.ToArray(), priority.ToArray());
                }
            }
            else if (order)
            {
                priority[v] = oldPriority;
            }
            else
            {
                Set(tables, device, x, oldDevice);
            }
        }

        return new Plan([.. best.Device], [.. best.Priority]);
    }

    private static void Set(Tables tables, int[] device, int variable, int to)
    {
        foreach (var v in tables.Members[variable])
        {
            device[v] = to;
        }
    }

    private static int Choose(Random random, int[] choices, int[] neighbours, int[] device, int now)
    {
        if (neighbours.Length > 0 && random.Next(2) == 0 && device[neighbours[random.Next(neighbours.Length)]] is var near && near != now && choices.Contains(near))
        {
            return near;
        }

        var to = choices[random.Next(choices.Length - 1)];
        return to == now ? choices[^1] : to;
    }

    // By variable, the kernels of other variables that it hands tensors to or takes them from.
    private static int[][] Neighbours(Tables tables)
    {
        var near = tables.Members.Select(_ => new SortedSet<int>()).ToArray();
        for (var t = 0; t < tables.Tensors; t++)
        {
            foreach (var w in tables.Consumers[t])
            {
                var u = tables.Producer[t];
                if (tables.VariableOf[u] != tables.VariableOf[w])
                {
                    near[tables.VariableOf[u]].Add(w);
                    near[tables.VariableOf[w]].Add(u);
                }
            }
        }

        return [.. near.Select(n => n.ToArray())];
    }
}
