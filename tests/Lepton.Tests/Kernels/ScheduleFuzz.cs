using System.Collections.Concurrent;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;
using Lepton.Tests.Support;

namespace Lepton.Tests.Kernels;

/// <summary>
/// Random legal schedules of random kernels: machine code made by each gives what the interpreter says, and (but for Winograd) the bits that the
/// model's schedule gives. By hand: LEPTON_SCHEDULES=first-last.
/// </summary>
public sealed class ScheduleFuzz
{
    private const int SchedulesPerProgram = 3;

    private static readonly CpuTarget[] Targets = [.. NativeRunner.Targets.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Value)];

    [Fact]
    public void Every_legal_schedule_gives_the_same()
    {
        var (problems, tried) = (new ConcurrentBag<string>(), 0);
        Parallel.ForEach(KernelHarness.Seeds("LEPTON_SCHEDULES", 24), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            try
            {
                Interlocked.Add(ref tried, Try(seed, problems));
            }
            catch (Exception e)
            {
                problems.Add($"seed {seed}: {e}");
            }
        });
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems.Take(5)));
        Assert.InRange(tried, 24, int.MaxValue);
    }

    private static int Try(int seed, ConcurrentBag<string> problems)
    {
        var random = new Random(seed);
        var (graph, strategy) = RandomProduct.Make(random);
        var target = Targets[seed % Targets.Length];
        var options = Lepton.Compiler.Compilation.OptionsFor(target) with { Schedules = Schedules.None, Miniature = random.Next(3) == 0 ? 64 : 1 };
        var fused = RowwiseTests.OneGroup(graph, strategy);
        var inputs = graph.Inputs.Select((id, i) => KernelHarness.Random(graph[id].Type.Element, seed + i, [.. graph[id].Type.Shape.Select(s => s.AsConstant!.Value)])).ToArray();
        var arguments = graph.Inputs.Select((id, i) => (((InputNode)graph[id]).Kind, i)).OrderBy(p => p.Kind).Select(p => inputs[p.i]).ToArray();
        var expected = Interpreter.Run(graph, inputs);
        var model = KernelLowering.Run(fused, options);
        var bits = NativeRunner.Run(model, arguments, new Dictionary<string, long>(), target);
        var tried = 0;
        for (var i = 0; i < SchedulesPerProgram && model.Uses.Count > 0; i++)
        {
            // A kernel within another (the products of Winograd) is asked for only when that one is made.
            var (schedules, exact) = (Schedules.None, true);
            for (var level = 0; level < 2; level++)
            {
                foreach (var use in KernelLowering.Run(fused, options with { Schedules = schedules }).Uses.Where(u => schedules.Find(u.Key) is null))
                {
                    var choice = Walk(random, use.Space);
                    schedules = schedules.With(use.Key, choice);
                    exact &= use.Space.IsExact(choice) && use.Space.IsExact(use.Space.Model);
                }
            }

            var module = KernelLowering.Run(fused, options with { Schedules = schedules });
            var what = $"seed {seed}: {string.Join("; ", module.Uses.Select(u => $"{u.Key}: {u.Chosen} {u.Problem}"))}\n{GraphText.Print(graph)}";
            if (module.Uses.Any(u => u.Problem is not null))
            {
                problems.Add($"not legal any more: {what}");
            }

            var actual = NativeRunner.Run(module, arguments, new Dictionary<string, long>(), target, 1 + (i % 2));
            tried++;
            for (var o = 0; o < expected.Count; o++)
            {
                if (KernelHarness.Difference(expected[o], actual[o], 1e-4) is { } wrong)
                {
                    problems.Add($"{wrong} by {what}");
                }

                if (exact && !actual[o].ToBytes().AsSpan().SequenceEqual(bits[o].ToBytes()))
                {
                    problems.Add($"other bits than the model's by {what}");
                }
            }
        }

        return tried;
    }

    // Some steps from choice to choice; half of the time with numbers that a search would not think of.
    private static Choice Walk(Random random, ScheduleSpace space)
    {
        var choice = space.Model;
        for (var step = random.Next(1, 6); step > 0; step--)
        {
            var near = space.Near(choice).Where(c => space.Problem(c) is null).ToArray();
            choice = near.Length == 0 ? choice : near[random.Next(near.Length)];
            var setting = choice.Settings[random.Next(choice.Settings.Count)];
            if (random.Next(2) == 0 && long.TryParse(setting.Value, out var number))
            {
                var other = choice.With(setting.Knob, Math.Max(1, number + random.Next(-8, 9)));
                choice = space.Problem(other) is null ? other : choice;
            }
        }

        return choice;
    }
}
