using Lepton.Placement.Problem;

namespace Lepton.Placement.Simulation;

/// <summary>The links of a problem by their ends, and the copies that an assignment of devices asks for.</summary>
internal sealed class Routes
{
    private readonly Link?[,] _links;

    public Routes(PlacementProblem problem)
    {
        _links = new Link?[problem.Devices.Count, problem.Devices.Count];
        foreach (var link in problem.Links)
        {
            _links[link.From, link.To] = link;
        }
    }

    public Link? Between(int from, int to) => _links[from, to];

    /// <summary>0 within a device, +∞ without a link.</summary>
    public double Seconds(double bytes, int from, int to) => from == to ? 0 : _links[from, to]?.Seconds(bytes) ?? double.PositiveInfinity;

    /// <summary>The devices that a tensor is copied to, each once, by index.</summary>
    public static IEnumerable<int> Destinations(Tensor tensor, IReadOnlyList<int> devices) =>
        tensor.Consumers.Select(c => devices[c]).Where(d => d != devices[tensor.Producer]).Distinct().Order();
}
