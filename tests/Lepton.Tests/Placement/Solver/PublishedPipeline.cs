using System.Text.Json;
using Lepton.Placement.Problem;
using Lepton.Tests.House;

namespace Lepton.Tests.Placement.Solver;

/// <summary>
/// Reads a graph of tests/data/pipelines. There an accelerator stands still while it talks to the memory of the CPU, through which all copies go; the CPU
/// does not. One cost belongs to all edges that leave a node, memory counts on accelerators alone, and nodes of one color class share a device. Costs are
/// milliseconds; here they stand for seconds, and for bytes over links of 1 byte per second.
/// </summary>
internal static class PublishedPipeline
{
    public static PlacementProblem Read(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("tests", "data", "pipelines", name + "_inference.json")));
        var root = document.RootElement;
        var (accelerators, cpus) = (root.GetProperty("maxFPGAs").GetInt32(), root.GetProperty("maxCPUs").GetInt32());
        var memory = root.GetProperty("maxSizePerFPGA").GetDouble();
        var index = new Dictionary<int, int>();
        var kernels = new List<Kernel>();
        foreach (var node in root.GetProperty("nodes").EnumerateArray())
        {
            double On(string field) => node.GetProperty(field).GetDouble();
            var on = node.GetProperty("supportedOnFpga");
            var fast = on.ValueKind == JsonValueKind.True || (on.ValueKind == JsonValueKind.Number && on.GetInt32() != 0) ? On("fpgaLatency") : double.PositiveInfinity;
            index.Add(node.GetProperty("id").GetInt32(), kernels.Count);
            kernels.Add(new Kernel(
                node.GetProperty("name").GetString()!,
                [.. Enumerable.Repeat(fast, accelerators), .. Enumerable.Repeat(On("cpuLatency"), cpus)],
                On("size"),
                node.TryGetProperty("colorClass", out var color) ? color.GetInt32() : Kernel.NoGroup));
        }

        var tensors = root.GetProperty("edges").EnumerateArray().GroupBy(e => e.GetProperty("sourceId").GetInt32()).Select(edges => new Tensor(
            $"out of {edges.Key}",
            index[edges.Key],
            edges.Select(e => e.GetProperty("cost").GetDouble()).Distinct().Single(),
            [.. edges.Select(e => index[e.GetProperty("destId").GetInt32()]).Distinct()]));
        var devices = accelerators + cpus;
        return new PlacementProblem(
            [
                .. Enumerable.Range(0, accelerators).Select(i => new Device($"accelerator:{i}", MemoryBytes: memory, CopiesOccupy: true)),
                .. Enumerable.Range(0, cpus).Select(i => new Device($"cpu:{i}")),
            ],
            [.. from a in Enumerable.Range(0, devices) from b in Enumerable.Range(0, devices) where a != b select new Link(a, b, 0, 1)],
            [.. kernels],
            [.. tensors],
            Objective.Of(Metric.Interval),
            Memory: MemoryModel.Weights);
    }
}
