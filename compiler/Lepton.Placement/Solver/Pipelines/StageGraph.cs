using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Pipelines;

/// <summary>What one node of a <see cref="StageGraph"/> hands to others, and how long a copy of it takes between any two devices.</summary>
internal sealed record StageTensor(int Producer, int[] Consumers, double Seconds);

/// <summary>Devices of a pipeline that are alike in all that matters.</summary>
/// <param name="Devices">Their indices.</param>
/// <param name="Occupied">Copies take the device's own time.</param>
internal sealed record StageClass(int[] Devices, bool Occupied, double MemoryBytes);

/// <summary>
/// A pipeline's kernels after contraction: what must share a stage, or may without loss, is one node.
/// </summary>
/// <param name="NodeOf">The node of each kernel.</param>
/// <param name="Seconds">By node and class, already divided by streams; +∞ where the node cannot stand.</param>
/// <param name="WeightBytes">By node.</param>
internal sealed record StageGraph(int[] NodeOf, double[][] Seconds, double[] WeightBytes, StageTensor[] Tensors, StageClass[] Classes)
{
    public int Nodes => Seconds.Length;

    public int Stages => Classes.Sum(c => c.Devices.Length);

    /// <summary>Nodes in an order that tensors only follow; among those that are ready, the one of the least key comes first.</summary>
    public int[] Order(Func<int, double> key)
    {
        var waits = new int[Nodes];
        var leads = Enumerable.Range(0, Nodes).Select(_ => new List<int>()).ToArray();
        foreach (var (producer, consumers, _) in Tensors)
        {
            foreach (var v in consumers)
            {
                waits[v]++;
                leads[producer].Add(v);
            }
        }

        var ready = new PriorityQueue<int, (double, int)>(Enumerable.Range(0, Nodes).Where(v => waits[v] == 0).Select(v => (v, (key(v), v))));
        var order = new List<int>(Nodes);
        while (ready.TryDequeue(out var v, out _))
        {
            order.Add(v);
            foreach (var w in leads[v])
            {
                if (--waits[w] == 0)
                {
                    ready.Enqueue(w, (key(w), w));
                }
            }
        }

        return [.. order];
    }

    /// <summary>The slowest stage of nodes at positions, with a class at each position.</summary>
    public double Slowest(int[] position, int[] classAt)
    {
        var load = new double[Stages];
        for (var v = 0; v < Nodes; v++)
        {
            load[position[v]] += Seconds[v][classAt[position[v]]];
        }

        foreach (var (producer, consumers, seconds) in Tensors)
        {
            var arrives = consumers.Select(v => position[v]).Where(k => k != position[producer]).Distinct().ToArray();
            foreach (var k in arrives.Length == 0 ? [] : arrives.Append(position[producer]))
            {
                load[k] += Classes[classAt[k]].Occupied ? seconds : 0;
            }
        }

        return load.Max();
    }
}
