using System.CommandLine;
using Lepton.CommandLine.Placing;
using Lepton.Embedding;

namespace Lepton.CommandLine.Commands;

/// <summary>Ahead of time: object, shared library, C header and manifest.</summary>
internal static class BuildCommand
{
    public static Command Make()
    {
        var file = Source.File();
        var entries = new Option<string[]>("--entry", "-e") { HelpName = "NAME", Description = "An entry to build; all when none is named.", DefaultValueFactory = _ => [] };
        var (dims, target, exact, fast, skip) = (Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var folder = new Option<string>("--out", "-o") { HelpName = "FOLDER", Description = "The folder to write to.", DefaultValueFactory = _ => "." };
        var command = new Command("build", "Compile ahead of time: an object, a shared library, a C header and a JSON manifest.\nExample: leptonc build mlp.lep --out build --target-cpu avx2")
        {
            file, entries, dims, target, exact, fast, skip, folder,
        };
        var schedules = new ScheduleOptions(command);
        var line = new PlacedLine(command, runs: false);
        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(file)!;
            var placed = line.Read(parsed);
            var options = schedules.Apply(parsed, path, Source.Options(parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)));
            var compilation = Source.Compile(path, options);
            var wanted = parsed.GetValue(entries)!.Select(e => Source.ChooseEntry(compilation, placed?.Entry(e) ?? e)).ToList();
            if (wanted.Count == 0)
            {
                wanted = placed is null ? [Source.ChooseEntry(compilation, compilation.Entries.FirstOrDefault()), .. compilation.Entries.Skip(1)] : [Source.ChooseEntry(compilation, placed.Entry(null))];
            }

            var sizes = Source.ParseDims(parsed.GetValue(dims)!, compilation, wanted);
            var module = placed is null ? compilation.Compile(wanted, sizes) : placed.Build(compilation, placed.Dims(sizes));
            foreach (var rounded in module.Manifest.Entries.Select(Source.Rounded).OfType<string>().Distinct())
            {
                Console.Error.WriteLine(rounded);
            }

            var files = ModuleFiles.Write(parsed.GetValue(folder)!, module, out var warning);
            if (warning is not null)
            {
                Console.Error.WriteLine($"warning: no shared library: {warning}");
            }

            foreach (var written in files)
            {
                Console.WriteLine($"{Path.GetRelativePath(".", written)}  {new FileInfo(written).Length} bytes");
            }

            return 0;
        });
        return command;
    }
}
