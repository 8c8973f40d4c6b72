using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>Random graphs of every operation, each checked by <see cref="DifferentialCheck"/>. By hand: tests/fuzz.sh COUNT SEED.</summary>
public class DifferentialFuzz
{
    private const int CountInTests = 1_500;

    [Fact]
    public void Interpreter_passes_and_machine_code_agree_on_random_programs()
    {
        var (count, first) = (Setting("LEPTON_FUZZ_COUNT", CountInTests), Setting("LEPTON_FUZZ_SEED", 1));
        var problems = new ConcurrentBag<(RandomCase Case, string Problem)>();
        var (covered, clock) = (new StrategyCount(), Stopwatch.StartNew());
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            FuzzLog.Running($"graphs {seed}");
            var made = RandomGraphs.Make(seed, Options(seed));
            var problem = DifferentialCheck.Run(made, count: covered);
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
        FuzzLog.Covered("graphs", count, clock.Elapsed, covered);
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems.OrderBy(p => p.Case.Seed).Select((p, i) => i < 3 ? Report(p.Case, p.Problem) : p.Problem)));
    }

    /// <summary>Two of three have pieces of networks, and fewer operations beside them.</summary>
    public static RandomGraphOptions Options(int seed) =>
        new(Nodes: seed % 3 == 0 ? 12 : 5, Failing: seed % 10 == 0, Networks: seed % 3 != 0, Winograd: seed % 4 == 1);

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static string Report(RandomCase made, string problem)
    {
        var small = Shrinker.Shrink(made, c => DifferentialCheck.Run(c) is not null);
        var path = FuzzLog.PathOf($"seed-{made.Seed.ToString(CultureInfo.InvariantCulture)}.txt");
        File.WriteAllText(path, $"{problem}\n\nshrunk: {DifferentialCheck.Run(small)}\n{small}\n");
        return $"{problem}\n(shrunk in {path})\n{small}";
    }
}
