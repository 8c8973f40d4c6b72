using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>Random sparse programs, each checked by <see cref="SparseProgramCheck"/>. By hand: tests/fuzz-sparse.sh COUNT SEED.</summary>
public class SparseFuzz
{
    private const int CountInTests = 1_000;

    [Fact]
    public void Formats_change_nothing_in_random_programs()
    {
        var (count, first) = (Setting("LEPTON_SPARSE_FUZZ_COUNT", CountInTests), Setting("LEPTON_SPARSE_FUZZ_SEED", 1));
        var problems = new ConcurrentBag<(RandomCase Case, string Problem)>();
        var (covered, clock) = (new StrategyCount(), Stopwatch.StartNew());
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            FuzzLog.Running($"sparse {seed}");
            var made = SparsePrograms.Make(seed);
            var problem = SparseProgramCheck.Run(made, covered);
            FuzzLog.Running(null);
            if (problem is not null)
            {
                problems.Add((made, problem));
                if (problems.Count >= 10)
                {
                    loop.Stop();
                }
            }
        });
        FuzzLog.Covered("sparse", count, clock.Elapsed, covered);
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems.OrderBy(p => p.Case.Seed).Select((p, i) => i < 3 ? Report(p.Case, p.Problem) : p.Problem)));
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static string Report(RandomCase made, string problem)
    {
        var small = Shrunk(made);
        var path = FuzzLog.PathOf($"sparse-seed-{made.Seed.ToString(CultureInfo.InvariantCulture)}.txt");
        File.WriteAllText(path, $"{problem}\n\nshrunk: {SparseProgramCheck.Run(small)}\n{small}\n");
        return $"{problem}\n(shrunk in {path})\n{small}";
    }

    // Fewer operations, then fewer formats, then fewer entries.
    private static RandomCase Shrunk(RandomCase made)
    {
        bool Fails(RandomCase c) => SparseProgramCheck.Run(c) is not null;
        made = Shrinker.Shrink(made, Fails);
        for (var i = 0; i < made.Graph.Nodes.Count; i++)
        {
            var node = made.Graph.Nodes[i];
            if (node is InputNode { Format: not null } or FormatNode
                && made with { Graph = SparseProgramCheck.WithoutFormats(made.Graph, n => ReferenceEquals(n, node)) } is var dense && Fails(dense))
            {
                (made, i) = (dense, -1);
            }
        }

        for (var input = 0; input < made.Inputs.Count; input++)
        {
            var value = made.Inputs[input];
            var fill = (((InputNode)made.Graph[made.Graph.Inputs[input]]).Format?.FillOf(value.Element) ?? Abi.Scalar.Of(value.Element, 0)).AsDouble;
            for (var e = 0; e < value.Count; e++)
            {
                var numbers = Enumerable.Range(0, (int)value.Count).Select(n => n == e ? fill : made.Inputs[input][n].AsDouble).ToArray();
                var less = made with { Inputs = [.. made.Inputs.Select((v, n) => n == input ? TensorValue.Of(value.Element, [.. value.Dims], numbers) : v)] };
                made = !made.Inputs[input][e].AsDouble.Equals(fill) && Fails(less) ? less : made;
            }
        }

        return made;
    }
}
