using System.CommandLine;
using System.Diagnostics;
using Lepton.CommandLine.Placing;
using Lepton.CommandLine.Profiling;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Profiling;

namespace Lepton.CommandLine.Commands;

/// <summary>Records every launch of some runs: a table of kernels, and the timeline as a Chrome trace and as a page.</summary>
internal static class ProfileCommand
{
    private const int MaxRuns = 100;

    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var inputs = new Option<string[]>("--in", "-i") { HelpName = "NAME=VALUE", Description = "An argument, as for run; normal(1) and so on when none is given.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var parameters = new Option<string?>("--params") { HelpName = "FILE", Description = "Parameters from a .safetensors or .npz file; what it lacks is initialised." };
        var threads = new Option<int>("--threads", "-t") { HelpName = "COUNT", Description = "How many threads; 0: one for each processor.", DefaultValueFactory = _ => 1 };
        var seconds = new Option<double>("--seconds", "-s") { HelpName = "NUMBER", Description = "For how long to record.", DefaultValueFactory = _ => 1 };
        var folder = new Option<string>("--out", "-o") { HelpName = "FOLDER", Description = "Where ENTRY.trace.json (for chrome://tracing and Perfetto) and ENTRY.profile.html go.", DefaultValueFactory = _ => "." };
        var device = Source.Device();
        var command = new Command("profile", "Record when each kernel runs, and how far it is from what the machine can do.\nExample: leptonc profile mlp.lep --dim B=32 --threads 2")
        {
            file, entry, dims, inputs, parameters, threads, seconds, folder, device, target, exact, fast, skip,
        };
        var schedules = new ScheduleOptions(command);
        var costs = new CostOptions(command);
        var line = new PlacedLine(command);
        command.SetAction(parsed =>
        {
            var placed = line.Read(parsed);
            var sizes = Source.ParseDims(parsed.GetValue(dims)!);
            sizes = placed?.Dims(sizes) ?? sizes;
            var path = parsed.GetValue(file)!;
            var options = schedules.Apply(parsed, path, Source.OptionsHere(parsed.GetValue(device), parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)) with { Profile = true });
            var compilation = Source.Compile(path, options);
            using var engine = LeptonEngine.Of(compilation);
            var name = Source.ChooseEntry(compilation, placed is null ? parsed.GetValue(entry) : placed.Entry(parsed.GetValue(entry)));
            var chosen = engine[name];
            var specs = parsed.GetValue(inputs)!.Select(InputSpec.Parse).ToList();
            using var made = Inputs.Make(chosen, specs, sizes, parsed.GetValue(parameters), 1, i => BenchCommand.Standard(chosen.Manifest.Arguments[i], i));
            var count = Source.AtLeastZero("--threads", parsed.GetValue(threads));
            count = count == 0 ? Environment.ProcessorCount : count;
            if (placed is not null)
            {
                using var session = placed.Open(
                    path,
                    name,
                    made.Sizes,
                    kind => schedules.ApplyOn(kind, parsed, path, Source.OptionsHere(kind, parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)) with { Profile = true }),
                    count);
                var measured = PlacedMeasure.Of(session, made, Source.AtLeastZero("--seconds", parsed.GetValue(seconds)), kernels: true);
                Console.WriteLine(measured.ToText(session));
                Write(Path.Combine(Directory.CreateDirectory(parsed.GetValue(folder)!).FullName, name + ".trace.json"), PlacedTrace.Of(measured.Typical, session.Planned()));
                return 0;
            }

            using var recorder = new LaunchRecorder();
            var (runs, lost) = Record(chosen, made, count, recorder, Source.AtLeastZero("--seconds", parsed.GetValue(seconds)));
            var profile = Profile.Of(name, count, compilation.Lower([name], made.Sizes).Kernels, runs, Roofline.Measure(count), lost, d => made.SizeOf(d, chosen.Manifest));
            Console.Write(ProfileTable.Of(profile));
            costs.Compare(parsed, compilation, name, made, runs, chosen.Manifest, count);
            var to = Directory.CreateDirectory(parsed.GetValue(folder)!).FullName;
            Write(Path.Combine(to, name + ".trace.json"), ChromeTrace.Of(profile));
            Write(Path.Combine(to, name + ".profile.html"), ProfilePage.Of(profile));
            return 0;
        });
        return command;
    }

    private static (List<RecordedRun> Runs, long Lost) Record(Entry entry, Inputs made, int threads, LaunchRecorder recorder, double seconds)
    {
        var options = new RunOptions { Threads = threads, Parameters = made.Parameters, Sizes = made.Sizes, Recorder = recorder };
        using var invocation = made.Bind(entry, options);
        var runs = new List<RecordedRun>();
        WarmUp.Run(() => invocation.Run(), Math.Min(0.2, seconds));
        var first = Stopwatch.GetTimestamp();
        do
        {
            recorder.Clear();
            var start = Stopwatch.GetTimestamp();
            invocation.Run();
            runs.Add(new RecordedRun(start, Stopwatch.GetTimestamp(), recorder.Launches.ToArray(), recorder.Batches.ToArray()));
        }
        while (runs.Count < MaxRuns && (runs.Count < 3 || Stopwatch.GetElapsedTime(first).TotalSeconds < seconds));
        return (runs, recorder.Lost);
    }

    private static void Write(string path, string text)
    {
        TextFile.Replace(path, text);
        Console.WriteLine(path);
    }
}
