using System.CommandLine;
using Lepton.Abi;
using Lepton.CommandLine.Tuning;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;
using Lepton.Graphs;
using Lepton.Kernels;

namespace Lepton.CommandLine.Commands;

/// <summary>Measures how the kernels of an entry are best made, and writes it down for later compilations.</summary>
internal static class TuneCommand
{
    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var threads = new Option<int>("--threads", "-t") { HelpName = "COUNT", Description = "How many threads; 0: one for each processor.", DefaultValueFactory = _ => 1 };
        var seconds = new Option<double>("--seconds", "-s") { HelpName = "NUMBER", Description = "For how long to search.", DefaultValueFactory = _ => 60 };
        var to = new Option<string?>("--out", "-o") { HelpName = "FILE", Description = "The file of schedules; what it says of other entries and sizes stays. FILE.tune beside FILE.lep when it is not named." };
        var command = new Command("tune", "Search how each kernel is best made, and write it to a file that later compilations use.\nExample: leptonc tune mlp.lep --dim B=32 --threads 2 --seconds 30")
        {
            file, entry, dims, threads, seconds, to, target, exact, fast, skip,
        };
        command.SetAction(parsed =>
        {
            var program = parsed.GetValue(file)!;
            var path = parsed.GetValue(to) ?? (program == "-" ? throw new UsageException("say --out FILE: standard input has no name") : ScheduleFile.PathFor(program));
            var plain = Source.OptionsHere("cpu", parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip));
            var cpu = plain.Target!;
            var known = Known(path, cpu.Cpu);
            var compilation = Source.Compile(program, plain);
            var name = Source.ChooseEntry(compilation, parsed.GetValue(entry));
            var sizes = Source.ParseDims(parsed.GetValue(dims)!, compilation, [name]);
            if (compilation.Graph(name).Dims.FirstOrDefault(d => !sizes.ContainsKey(d)) is { } open)
            {
                throw new UsageException($"size {open} of {name} is not known: say how large it is, as in --dim {open}=8");
            }

            var count = Source.AtLeastZero("--threads", parsed.GetValue(threads));
            count = count == 0 ? Environment.ProcessorCount : count;
            var budget = Source.AtLeastZero("--seconds", parsed.GetValue(seconds));
            var setting = new TuneSetting(cpu, Compilation.OptionsFor(cpu) with { Exact = plain.Exact }, plain.FastMath, count);
            var fused = compilation.Fuse(name, sizes);
            using var cancel = new Cancellation();
            using var tuner = new Tuner(s => KernelLowering.Run(fused, setting.Kernels with { Schedules = s }), known, setting);
            try
            {
                TuneProgress.Show(show => tuner.Run(budget, show, cancel.Token));
            }
            catch (CompilerBugException)
            {
                Write();
                throw;
            }

            Write();
            return 0;

            void Write()
            {
                var found = tuner.Results(cancel.Token);
                var section = new ScheduleSection(ScheduleSection.TitleOf(name, sizes), count, found.ToValueList());
                (known ?? new ScheduleFile(path, cpu.Cpu, [])).With(section).Save(path);
                Console.Write(TuneTable.Of(section, tuner.Tried, cancel.Token.IsCancellationRequested));
                Console.WriteLine(path);
            }
        });
        return command;
    }

    // What is there already for this target, to which the new is added; a file that cannot be read is written anew.
    private static ScheduleFile? Known(string path, string cpu)
    {
        try
        {
            return File.Exists(path) && ScheduleFile.Load(path) is var file && file.Cpu == cpu ? file : null;
        }
        catch (ScheduleException e)
        {
            Source.Print(e.Diagnostics);
            Console.Error.WriteLine($"{path} is written anew");
            return null;
        }
    }
}
