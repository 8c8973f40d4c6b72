using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Lepton.Tests.Fuzz.Programs;

namespace Lepton.Tests.Fuzz;

/// <summary>Random programs as source, each checked by <see cref="SourceCheck"/>. By hand: tests/fuzz.sh COUNT SEED source.</summary>
public class SourceFuzz
{
    // In tests one program in so many is compiled to machine code; by hand, all.
    private const int CountInTests = 250;
    private const int CompiledInTests = 8;

    [Fact]
    public void Random_source_programs_mean_what_they_say()
    {
        var isByHand = Environment.GetEnvironmentVariable("LEPTON_SOURCE_FUZZ_COUNT") is { Length: > 0 };
        var (count, first) = (Setting("LEPTON_SOURCE_FUZZ_COUNT", CountInTests), Setting("LEPTON_SOURCE_FUZZ_SEED", 1));
        var problems = new ConcurrentBag<(SourceProgram Program, string Problem)>();
        var (covered, clock) = (new StrategyCount(), Stopwatch.StartNew());
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            FuzzLog.Running($"source {seed}");
            var program = RandomPrograms.Make(seed);
            var problem = SourceCheck.Run(program, withCode: isByHand || seed % CompiledInTests == 0, covered);
            FuzzLog.Running(null);
            if (problem is not null)
            {
                problems.Add((program, problem));
                if (problems.Count >= 10)
                {
                    loop.Stop();
                }
            }
        });
        FuzzLog.Covered("source", count, clock.Elapsed, covered);
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems.OrderBy(p => p.Program.Seed).Select((p, i) => i < 5 ? Report(p.Program, p.Problem) : $"seed {p.Program.Seed}: {p.Problem}")));
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static string Report(SourceProgram program, string problem)
    {
        var small = SourceShrinker.Shrink(program, problem);
        var path = FuzzLog.PathOf($"source-{program.Seed.ToString(CultureInfo.InvariantCulture)}.txt");
        var text = $"seed {program.Seed}: {SourceCheck.Run(small)}\n\n{ProgramWriter.Write(small)}\n{Described(small)}";
        File.WriteAllText(path, $"{text}\n\nbefore it was shrunk: {problem}\n\n{ProgramWriter.Write(program)}\n{Described(program)}\n");
        return $"{text}\n(in {path})";
    }

    private static string Described(SourceProgram program) =>
        string.Join(", ", program.Sizes.Select(s => $"{s.Key} = {s.Value}")) + "\n" + string.Join('\n', program.Inputs.Select(i => $"{i.Name} = {program.Values[i]}"));
}
