using System.Collections.Concurrent;
using System.Globalization;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Tests.Fuzz;
using Lepton.Tests.Support;

namespace Lepton.Tests.Devices;

/// <summary>Random programs, cut by random assignments, mean what they mean whole. More by hand: LEPTON_FUZZ_COUNT, LEPTON_FUZZ_SEED.</summary>
public class PlacedFuzz
{
    [Fact]
    public void Segments_mean_what_the_program_means() => Each(120, 700_000, seed =>
    {
        var made = PlacedCase.Of(RandomGraphs.Make(seed, DifferentialFuzz.Options(seed) with { Failing = false }));
        return Segmented(made);
    });

    [Fact]
    public void Segments_of_sparse_programs_too() => Each(40, 710_000, seed => Segmented(PlacedCase.Of(SparsePrograms.Make(seed))));

    [Fact]
    public void Devices_together_give_what_the_interpreter_gives() => Each(24, 720_000, seed => Run(RandomGraphs.Make(seed, DifferentialFuzz.Options(seed)), seed));

    [Fact]
    public void Sparse_tensors_cross_devices() => Each(12, 730_000, seed => Run(SparsePrograms.Make(seed), seed));

    [Fact]
    public void A_device_that_fails_anywhere_is_replaced_and_nothing_is_lost() => Each(20, 740_000, seed =>
    {
        var made = PlacedCase.Of(RandomGraphs.Make(seed, DifferentialFuzz.Options(seed) with { Failing = false }));
        using Device first = new FailingDevice("first", seed % 4, ownMemory: seed % 3 == 0), second = new OwnMemoryDevice("second"), third = new HostDevice("third", "clr", 1);
        using var engine = made.Compile([first, second, third], made.Assign(SegmentCut.Needed(made.Fused), "first", "second", "third"));
        var failed = 0;
        var options = new PlacedOptions
        {
            OnFailure = f =>
            {
                failed++;
                Assert.Equal(("first", "second third"), (f.Device, string.Join(' ', f.Devices)));
                return made.Assign(f.Needed, [.. f.Devices]);
            },
        };
        var expected = made.Made.Run();
        return made.Made.Difference(expected, made.Run(engine, options)) ?? made.Made.Difference(expected, made.Run(engine, options))
            ?? (failed > 2 ? $"seed {seed}: planned {failed} times" : null);
    });

    private static string? Segmented(PlacedCase made)
    {
        var expected = made.Made.Run(made.Fused.Graph);
        for (var trial = 0; trial < 3; trial++)
        {
            var plan = SegmentCut.Run(made.Fused, made.Assign(SegmentCut.Needed(made.Fused), "a", "b", "c"));
            var actual = made.Interpret(plan);
            if (expected.Zip(actual).Any(p => !p.First.ToBytes().SequenceEqual(p.Second.ToBytes())))
            {
                return $"seed {made.Made.Seed}: {string.Join(", ", plan.Segments.Select(s => $"{s.Device}: {string.Join(' ', s.Groups)}"))}";
            }
        }

        return null;
    }

    private static string? Run(RandomCase random, int seed)
    {
        var made = PlacedCase.Of(random);
        IReadOnlyList<TensorValue>? expected = null;
        try
        {
            expected = random.Run();
        }
        catch (GraphRunException)
        {
        }

        var own = new OwnMemoryDevice("b");
        using (Device first = new HostDevice("a", seed % 8 == 0 ? "cpu" : "clr", 2), second = seed % 2 == 0 ? own : new HostDevice("b", "clr", 1))
        using (var engine = made.Compile([first, second], made.Assign(SegmentCut.Needed(made.Fused), "a", "b")))
        {
            for (var run = 0; run < 2; run++)
            {
                try
                {
                    var actual = made.Run(engine, PlacedOptions.Default);
                    if ((expected is null ? $"seed {seed}: it does not fail" : random.Difference(expected, actual)) is { } problem)
                    {
                        return problem;
                    }
                }
                catch (LeptonRunException e)
                {
                    if (expected is not null || e.Access is null || !e.Message.Contains("; in segment", StringComparison.Ordinal))
                    {
                        return $"seed {seed}: {e.Message}";
                    }
                }
            }
        }

        return own.Memories == 0 ? null : $"seed {seed}: {own.Memories} pieces of memory are left";
    }

    private static void Each(int count, int first, Func<int, string?> check)
    {
        (count, first) = (Setting("LEPTON_FUZZ_COUNT", count), Setting("LEPTON_FUZZ_SEED", first));
        var problems = new ConcurrentBag<string>();
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            try
            {
                if (check(seed) is { } problem)
                {
                    problems.Add(problem);
                }
            }
            catch (Exception e)
            {
                problems.Add($"seed {seed}: {e}");
            }

            if (problems.Count > 3)
            {
                loop.Stop();
            }
        });
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems));
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
