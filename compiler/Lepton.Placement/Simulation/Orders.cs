using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>Orders of kernels that respect the tensors between them.</summary>
public static class Orders
{
    /// <summary>
    /// The topological order that takes, of the kernels that are ready, the one of the smallest priority (then the smallest index); null
    /// when the graph has a cycle. For the starts of a plan that keeps all rules this is the order of the starts.
    /// </summary>
    public static int[]? Topological(PlacementProblem problem, IReadOnlyList<double>? priorities = null)
    {
        var count = problem.Kernels.Count;
        var missing = new int[count];
        var next = new List<int>[count];
        for (var v = 0; v < count; v++)
        {
            next[v] = [];
        }

        foreach (var tensor in problem.Tensors)
        {
            foreach (var consumer in tensor.Consumers)
            {
                next[tensor.Producer].Add(consumer);
                missing[consumer]++;
            }
        }

        var ready = new PriorityQueue<int, (double Priority, int Index)>();
        void Add(int v) => ready.Enqueue(v, (priorities?[v] ?? 0, v));
        for (var v = 0; v < count; v++)
        {
            if (missing[v] == 0)
            {
                Add(v);
            }
        }

        var order = new int[count];
        var placed = 0;
        while (ready.TryDequeue(out var v, out _))
        {
            order[placed++] = v;
            foreach (var w in next[v])
            {
                if (--missing[w] == 0)
                {
                    Add(w);
                }
            }
        }

        return placed == count ? order : null;
    }

    /// <summary>The devices in an order in which every tensor stays or goes forward; null when there is none.</summary>
    public static int[]? Stages(PlacementProblem problem, IReadOnlyList<int> devices)
    {
        var count = problem.Devices.Count;
        var before = new bool[count, count];
        foreach (var tensor in problem.Tensors)
        {
            foreach (var consumer in tensor.Consumers)
            {
                before[devices[tensor.Producer], devices[consumer]] |= devices[tensor.Producer] != devices[consumer];
            }
        }

        var left = Enumerable.Range(0, count).ToList();
        var order = new List<int>();
        while (left.Count > 0)
        {
            var first = left.FindIndex(d => !left.Any(a => before[a, d]));
            if (first < 0)
            {
                return null;
            }

            order.Add(left[first]);
            left.RemoveAt(first);
        }

        return [.. order];
    }
}
