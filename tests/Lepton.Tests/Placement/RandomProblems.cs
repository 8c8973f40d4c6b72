using Lepton.Abi;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>What a random problem may have beside kernels, devices and links.</summary>
public sealed record RandomFeatures
{
    /// <summary>Seconds and bytes are small whole numbers and links take whole seconds: times can be enumerated.</summary>
    public bool Whole { get; init; }

    /// <summary>Some kernels cannot run everywhere, are pinned, or stand in groups; some links are missing.</summary>
    public bool Ties { get; init; }

    /// <summary>Devices with several streams, and kernels that take no time.</summary>
    public bool Streams { get; init; }

    /// <summary>Devices hold this part of all bytes; 0: memory does not limit.</summary>
    public double Memory { get; init; }

    /// <summary>In a pipeline copies take time from some devices.</summary>
    public bool CopiesOccupy { get; init; }

    public MoneyModel Money { get; init; } = MoneyModel.Busy;

    public MemoryModel MemoryModel { get; init; } = MemoryModel.Sum;
}

/// <summary>Random problems, the same for the same seed.</summary>
public static class RandomProblems
{
    /// <summary>
    /// A layered graph: about √n layers, each kernel reads one to three tensors of earlier layers, most of them of the layer before. A
    /// kernel takes 1 to 100 ms on a device of speed 1; copies take about as long as kernels.
    /// </summary>
    public static PlacementProblem Layered(int seed, int kernels, int devices, RandomFeatures? features = null, Objective? objective = null)
    {
        var random = new Random(seed);
        var layer = new int[kernels];
        var layers = Math.Max(1, (int)Math.Round(Math.Sqrt(kernels)));
        for (var v = 0; v < kernels; v++)
        {
            layer[v] = v * layers / kernels;
        }

        var consumers = Enumerable.Range(0, kernels).Select(_ => new SortedSet<int>()).ToArray();
        for (var v = 0; v < kernels; v++)
        {
            var earlier = Enumerable.Range(0, v).Where(u => layer[u] < layer[v]).ToArray();
            var near = earlier.Where(u => layer[u] == layer[v] - 1).ToArray();
            for (var i = random.Next(1, 4); i > 0 && earlier.Length > 0; i--)
            {
                var from = random.Next(4) > 0 ? near : earlier;
                consumers[from[random.Next(from.Length)]].Add(v);
            }
        }

        return Build(random, kernels, devices, consumers, features ?? new RandomFeatures(), objective ?? Objective.Of(Metric.Time));
    }

    /// <summary>k0 → k1 → … → kn.</summary>
    public static PlacementProblem Chain(int seed, int kernels, int devices, RandomFeatures? features = null, Objective? objective = null)
    {
        var consumers = Enumerable.Range(0, kernels).Select(v => new SortedSet<int>(v + 1 < kernels ? [v + 1] : [])).ToArray();
        return Build(new Random(seed), kernels, devices, consumers, features ?? new RandomFeatures(), objective ?? Objective.Of(Metric.Time));
    }

    /// <summary>A graph without a circle, in whichever direction one walks: each kernel joins the others by one tensor, as its reader or its
    /// maker.</summary>
    public static PlacementProblem Tree(int seed, int kernels, int devices, RandomFeatures? features = null, Objective? objective = null)
    {
        var random = new Random(seed);
        var consumers = Enumerable.Range(0, kernels).Select(_ => new SortedSet<int>()).ToArray();
        for (var v = 1; v < kernels; v++)
        {
            var (maker, reader) = random.Next(2) == 0 ? (random.Next(v), v) : (v, random.Next(v));
            consumers[maker].Add(reader);
        }

        return Build(random, kernels, devices, consumers, features ?? new RandomFeatures(), objective ?? Objective.Of(Metric.Time));
    }

    private static PlacementProblem Build(
        Random random, int kernels, int devices, SortedSet<int>[] consumers, RandomFeatures features, Objective objective)
    {
        double Amount(double least, double most) =>
            features.Whole ? random.Next((int)least, (int)most + 1) : least + (random.NextDouble() * (most - least));
        var speeds = Enumerable.Range(0, devices).Select(_ => 0.5 + (random.NextDouble() * 2.5)).ToArray();
        var work = features.Whole ? 3 : 100;
        var list = new List<Kernel>();
        for (var v = 0; v < kernels; v++)
        {
            var zero = features.Streams && random.Next(5) == 0;
            var effort = Amount(1, work);
            var seconds = speeds.Select(s => zero ? 0 : features.Whole ? Amount(1, work) : effort / s * (0.7 + (random.NextDouble() * 0.8)) / 1000);
            var kernel = new Kernel($"k{v}", seconds.ToValueList(), Amount(0, features.Whole ? 3 : 1e6));
            list.Add(features.Ties ? Tie(random, kernel, devices) : kernel);
        }

        var tensors = consumers.Select((c, v) => new Tensor($"t{v}", v, Amount(1, features.Whole ? 3 : 1e8), [.. c])).ToArray();
        var links = new List<Link>();
        for (var a = 0; a < devices; a++)
        {
            for (var b = 0; b < devices; b++)
            {
                if (a != b && !(features.Ties && random.Next(6) == 0))
                {
                    links.Add(features.Whole
                        ? new Link(a, b, random.Next(2), 1, random.Next(3) * 1e8)
                        : new Link(a, b, random.NextDouble() * 1e-3, 1e9 * (0.5 + random.NextDouble()), random.NextDouble() * 1e-4));
                }
            }
        }

        var bytes = list.Sum(k => k.WeightBytes) + tensors.Sum(t => t.Bytes);
        var machines = speeds.Select((s, d) => new Device(
            $"d{d}",
            MemoryBytes: features.Memory > 0 ? bytes * features.Memory * (0.7 + (0.6 * random.NextDouble())) : double.PositiveInfinity,
            UsdPerHour: Math.Round((0.2 + random.NextDouble()) * s * s, 3),
            Streams: features.Streams ? random.Next(1, 3) : 1,
            MinimumSeconds: features.Money == MoneyModel.Rental ? random.NextDouble() * (features.Whole ? 8 : 0.2) : 0,
            CopiesOccupy: features.CopiesOccupy && random.Next(2) == 0));
        return new PlacementProblem(
            machines.ToValueList(), links.ToValueList(), list.ToValueList(), tensors.ToValueList(), objective, features.Money, features.MemoryModel);
    }

    private static Kernel Tie(Random random, Kernel kernel, int devices) => random.Next(8) switch
    {
        0 => kernel with { Pin = random.Next(devices) },
        1 => kernel with { Forbidden = [random.Next(devices)] },
        2 => kernel with { Group = random.Next(2) },
        3 => kernel with { Seconds = kernel.Seconds.Select((s, d) => d == 0 ? double.PositiveInfinity : s).ToValueList() },
        _ => kernel,
    };
}
