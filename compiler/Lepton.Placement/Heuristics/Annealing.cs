using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Heuristics;

/// <summary>
/// Simulated annealing from a good plan: a variable moves to another device (most often to that of a neighbour), or a kernel changes its
/// place in the order; most moves are of kernels on the critical chain, since no other one makes a run shorter. Always the same for the
/// same problem: the seed is fixed and steps are counted, not seconds.
/// </summary>
internal static class Annealing
{
    private const double Hot = 0.5;
    private const double Cold = 0.02;

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
        var choices = Enumerable.Range(0, tables.Members.Length)
            .Select(x => Enumerable.Range(0, tables.Devices).Where(d => tables.Allowed(tables.Members[x][0], d)).ToArray()).ToArray();
        var movable = Enumerable.Range(0, choices.Length).Where(x => choices[x].Length > 1).ToArray();
        var neighbours = Neighbours(tables);
        var chain = new List<(int Kernel, int Behind)>();
        var timed = goal.NeedsTimes(tables.Problem.Money)
            || Weights.Limits(tables.Problem.Objective).Any(l => l.Sum.NeedsTimes(tables.Problem.Money));
        if (tables.Kernels < 2 || (movable.Length == 0 && !timed))
        {
            return from;
        }

        // One move changes a run of n kernels by about 1/n of it; a worse one of that size is taken often at first, never at the end.
        var hot = Hot / tables.Kernels;
        for (var step = 0; step < steps; step++)
        {
            var heat = hot * Math.Pow(Cold, (double)step / steps);
            var (v, x, behind) = (random.Next(tables.Kernels), -1, -1);
            if (timed && chain.Count > 0 && random.Next(4) > 0)
            {
                (v, behind) = chain[random.Next(chain.Count)];
            }

            var order = movable.Length == 0 || (timed && random.Next(3) == 0);
            if (!order)
            {
                x = choices[tables.VariableOf[v]].Length > 1 ? tables.VariableOf[v] : movable[random.Next(movable.Length)];
            }

            var (oldPriority, oldDevice) = (priority[v], order ? 0 : device[tables.Members[x][0]]);
            if (order)
            {
                // Before the kernel it waits for on its stream, or somewhere.
                priority[v] = priority[behind >= 0 ? behind : random.Next(tables.Kernels)] - (random.NextDouble() * 1e-3 * unit);
            }
            else
            {
                Set(tables, device, x, Choose(random, choices[x], neighbours[x], device, oldDevice));
            }

            var next = Evaluator.Energy(evaluator.Value(device, priority), unit);
            if (next <= energy || random.NextDouble() < Math.Exp((energy - next) / heat))
            {
                energy = next;
                evaluator.CriticalChain(chain);
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
        if (neighbours.Length > 0 && random.Next(2) == 0 && device[neighbours[random.Next(neighbours.Length)]] is var near && near != now
            && choices.Contains(near))
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
