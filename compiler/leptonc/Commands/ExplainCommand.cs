using System.CommandLine;
using System.Globalization;
using Lepton.Abi;
using Lepton.CommandLine.Profiling;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Compiler.Scheduling;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Optimizer;

namespace Lepton.CommandLine.Commands;

/// <summary>Says what a program became: kernels, their cost and bound, what was fused and why, how much memory it takes.</summary>
internal static class ExplainCommand
{
    // Only to name a bound: measured figures are bench's business. Bytes per second and core that a desktop or server memory gives.
    private const double MemoryBytesPerSecond = 15e9;

    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var command = new Command("explain", "Show the kernels of an entry, their cost, and what was fused and why.\nExample: leptonc explain mlp.lep --dim B=32")
        {
            file, entry, dims, target, exact, fast, skip,
        };
        var schedules = new ScheduleOptions(command);
        command.SetAction(parsed =>
        {
            var steps = new List<(string Name, TimeSpan Time)>();
            var rules = new List<RuleNote>();
            var path = parsed.GetValue(file)!;
            var options = schedules.Apply(parsed, path, Source.Options(parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)) with
            {
                Timing = (name, time) => steps.Add((name, time)),
                Rules = rules.Add,
            });
            var compilation = Source.Compile(path, options);
            var name = Source.ChooseEntry(compilation, parsed.GetValue(entry));
            var sizes = Source.ParseDims(parsed.GetValue(dims)!, compilation, [name]);
            var fused = compilation.Fuse(name, sizes);
            var applied = rules.ToList();
            var module = compilation.Lower([name], sizes);
            Kernels(name, module, options.Schedules);
            Memory(module.Entries[0]);
            Rules(applied);
            Console.Write($"\nfusion\n{FusionText.Print(fused)}");
            Console.WriteLine("\ncompile time, ms");
            foreach (var step in steps.GroupBy(s => s.Name))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {step.Key,-24} {step.Sum(s => s.Time.TotalMilliseconds),8:F1}"));
            }

            return 0;
        });
        return command;
    }

    private static void Kernels(string name, KernelModule module, ScheduleFile? schedules)
    {
        var counts = new LaunchCounts(module);
        var (launches, prepared) = (counts.Of(module.Entries[0]), counts.Prepared(module.Entries[0]));
        var different = launches.DistinctBy(l => l.Kernel.Name).Count();
        Console.WriteLine($"entry {name}: {launches.Count} kernel{(launches.Count == 1 ? "" : "s")}{(different == launches.Count ? "" : $", {different} of them different")}");
        if (Source.Rounded(module.Entries[0].Manifest) is { } rounded)
        {
            Console.WriteLine(rounded);
        }

        var peak = PeakFlops.OfOneCore();
        foreach (var kernel in prepared.Select(p => p.Kernel).DistinctBy(k => k.Name))
        {
            Console.WriteLine($"\n{kernel.Name} ({kernel.Strategy.ToString().ToLowerInvariant()}), once for a set of parameters");
            Console.WriteLine($"  {kernel.Note}");
            foreach (var remark in kernel.Remarks)
            {
                Console.WriteLine($"  {remark}");
            }
        }

        foreach (var (kernel, times) in launches.GroupBy(l => l.Kernel.Name).Select(g => (g.First().Kernel, g.Sum(l => l.Launches))))
        {
            Console.WriteLine($"\n{kernel.Name} ({kernel.Strategy.ToString().ToLowerInvariant()})" + (times == 1 ? "" : $", {times} times"));
            Console.WriteLine($"  {kernel.Note}");
            foreach (var remark in kernel.Remarks)
            {
                Console.WriteLine($"  {remark}");
            }

            Console.WriteLine($"  schedule: {ScheduleOf(kernel, schedules)}");
            Console.WriteLine($"  FLOPs {kernel.Flops}, bytes {kernel.Bytes}, chunks {kernel.Chunks}");
            if (kernel.Flops.AsConstant is { } flops && kernel.Bytes.AsConstant is { } bytes && bytes > 0)
            {
                var (compute, memory) = (flops / ArithmeticRate.Of(kernel) / peak, bytes / MemoryBytesPerSecond);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  intensity {(double)flops / bytes:G3} FLOP/byte: bound by {(compute > memory ? "arithmetic" : "memory")}, at best about {Math.Max(compute, memory) * 1e3:G3} ms on one core"));
            }
        }
    }

    private static void Rules(List<RuleNote> rules)
    {
        Console.Write(rules.Count == 0 ? "" : "\nrules\n");
        foreach (var rule in rules)
        {
            Console.WriteLine($"  {rule.Pass}: {rule.Equation}\n    {rule.Reason}");
        }
    }

    private static string ScheduleOf(Kernel kernel, ScheduleFile? schedules)
    {
        var known = kernel.Use is { } use ? schedules?.Find(use.Key) : null;
        return kernel.Use is { IsPlanned: true } && known is not null ? $"from {schedules!.Path}: {known.Choice}; alone {known.Times}"
            : known is null ? "the model's" : $"the model's, which {schedules!.Path} did not beat; alone {known.Times}";
    }

    private static void Memory(EntryProgram program)
    {
        var peak = program.Arena.Aggregate(SizeExpr.Zero, (sum, slot) => sum + slot);
        Console.WriteLine($"\nintermediate results: {program.ArenaPlan.Count} buffers in {peak} bytes; all of them together would take {program.ArenaPlan.Aggregate(SizeExpr.Zero, (sum, b) => sum + b.Bytes)}");
        if (program.Prepared.Count > 0)
        {
            Console.WriteLine($"prepared once and kept: {program.Prepared.Aggregate(SizeExpr.Zero, (sum, buffer) => sum + buffer)} bytes in {program.Prepared.Count} buffers");
        }
    }
}
