using Lepton.Graphs;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Problem;

/// <summary>
/// A problem as arrays, for searches. A variable is a kernel on its own or a whole group: what is given one device.
/// </summary>
internal sealed class Tables
{
    private readonly double[,] _latency;
    private readonly double[,] _secondsPerByte;
    private readonly double[,] _usdPerByte;

    public Tables(PlacementProblem problem)
    {
        (Problem, Kernels, Devices) = (problem, problem.Kernels.Count, problem.Devices.Count);
        Order = Orders.Topological(problem) ?? throw new CompilerBugException("placement", "the kernels wait for each other in a circle");
        (_latency, _secondsPerByte, _usdPerByte) = (new double[Devices, Devices], new double[Devices, Devices], new double[Devices, Devices]);
        for (var a = 0; a < Devices; a++)
        {
            for (var b = 0; b < Devices; b++)
            {
                _latency[a, b] = a == b ? 0 : double.PositiveInfinity;
            }
        }

        foreach (var link in problem.Links)
        {
            _latency[link.From, link.To] = link.LatencySeconds;
            _secondsPerByte[link.From, link.To] = 1 / link.BytesPerSecond;
            _usdPerByte[link.From, link.To] = link.Usd(1);
        }

        Inputs = Enumerable.Range(0, Kernels)
            .Select(v => Enumerable.Range(0, Tensors).Where(t => problem.Tensors[t].Consumers.Contains(v)).ToArray()).ToArray();
        Outputs = Enumerable.Range(0, Kernels)
            .Select(v => Enumerable.Range(0, Tensors).Where(t => problem.Tensors[t].Producer == v).ToArray()).ToArray();
        Producer = [.. problem.Tensors.Select(t => t.Producer)];
        Consumers = [.. problem.Tensors.Select(t => t.Consumers.ToArray())];
        Bytes = [.. problem.Tensors.Select(t => t.Bytes)];
        VariableOf = new int[Kernels];
        var variables = new List<List<int>>();
        var groups = new Dictionary<int, int>();
        for (var v = 0; v < Kernels; v++)
        {
            var group = problem.Kernels[v].Group;
            if (group == Kernel.NoGroup || !groups.TryGetValue(group, out VariableOf[v]))
            {
                groups[group] = VariableOf[v] = variables.Count;
                variables.Add([]);
            }

            variables[VariableOf[v]].Add(v);
        }

        Members = [.. variables.Select(m => m.ToArray())];
        Seconds = new double[Kernels, Devices];
        foreach (var members in Members)
        {
            for (var d = 0; d < Devices; d++)
            {
                var allowed = members.All(v => problem.Kernels[v].Allows(d));
                foreach (var v in members)
                {
                    Seconds[v, d] = allowed ? problem.Kernels[v].Seconds[d] : double.PositiveInfinity;
                }
            }
        }
    }

    public PlacementProblem Problem { get; }

    public int Kernels { get; }

    public int Devices { get; }

    public int Tensors => Problem.Tensors.Count;

    /// <summary>A topological order.</summary>
    public int[] Order { get; }

    /// <summary>By kernel, the tensors it reads.</summary>
    public int[][] Inputs { get; }

    /// <summary>By kernel, the tensors it makes.</summary>
    public int[][] Outputs { get; }

    public int[] Producer { get; }

    public int[][] Consumers { get; }

    public double[] Bytes { get; }

    public int[] VariableOf { get; }

    /// <summary>By variable, its kernels.</summary>
    public int[][] Members { get; }

    /// <summary>+∞ where the kernel, or another one of its group, may not stand. Reductions write +∞ into it.</summary>
    public double[,] Seconds { get; }

    /// <summary>Seconds of a copy; 0 within a device, +∞ without a link.</summary>
    public double Copy(int tensor, int from, int to) => Copies(1, Bytes[tensor], from, to);

    /// <summary>Seconds of several copies, one after the other.</summary>
    public double Copies(int count, double bytes, int from, int to) =>
        from == to ? 0 : (count * _latency[from, to]) + (bytes * _secondsPerByte[from, to]);

    /// <summary>Usd of a copy; +∞ without a link.</summary>
    public double CopyUsd(int tensor, int from, int to) =>
        from == to ? 0 : double.IsInfinity(_latency[from, to]) ? double.PositiveInfinity : Bytes[tensor] * _usdPerByte[from, to];

    public bool Linked(int from, int to) => !double.IsInfinity(_latency[from, to]);

    /// <summary>Usd of the kernel's busy seconds, +∞ where it may not stand.</summary>
    public double Usd(int kernel, int device) =>
        double.IsInfinity(Seconds[kernel, device]) ? double.PositiveInfinity : Seconds[kernel, device] * Problem.Devices[device].UsdPerSecond;

    public bool Allowed(int kernel, int device) => !double.IsInfinity(Seconds[kernel, device]);

    /// <summary>No kernel of the variable, and none of its group, stands there any more.</summary>
    public void Forbid(int variable, int device)
    {
        foreach (var v in Members[variable])
        {
            Seconds[v, device] = double.PositiveInfinity;
        }
    }
}
