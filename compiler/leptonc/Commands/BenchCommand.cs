using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lepton.Abi;
using Lepton.CommandLine.Placing;
using Lepton.CommandLine.Profiling;
using Lepton.Embedding;
using Lepton.Kernels;
using Lepton.Runtime;

namespace Lepton.CommandLine.Commands;

/// <summary>Times a compiled entry inside the process, after warm-up, on inputs from a fixed generator.</summary>
internal static class BenchCommand
{
    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var inputs = new Option<string[]>("--in", "-i") { HelpName = "NAME=VALUE", Description = "An argument, as for run; normal(1) and so on when none is given, sparse(0.01, 1) for sparse ones.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var threads = new Option<int>("--threads", "-t") { HelpName = "COUNT", Description = "How many threads; 0: one for each processor.", DefaultValueFactory = _ => 1 };
        var seconds = new Option<double>("--seconds", "-s") { HelpName = "NUMBER", Description = "For how long to measure.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var device = Source.Device();
        var command = new Command("bench", "Time an entry in process.\nExample: leptonc bench wave.lep --dim N=1048576 --threads 1 --seconds 2 --json")
        {
            file, entry, dims, inputs, threads, seconds, json, device, target, exact, fast, skip,
        };
        var schedules = new ScheduleOptions(command);
        var line = new PlacedLine(command);
        command.SetAction(parsed =>
        {
            var placed = line.Read(parsed);
            var sizes = Source.ParseDims(parsed.GetValue(dims)!);
            sizes = placed?.Dims(sizes) ?? sizes;
            var path = parsed.GetValue(file)!;
            var options = schedules.Apply(parsed, path, Source.OptionsHere(parsed.GetValue(device), parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)));
            var compilation = Source.Compile(path, options);
            using var engine = LeptonEngine.Of(compilation);
            var name = Source.ChooseEntry(compilation, placed is null ? parsed.GetValue(entry) : placed.Entry(parsed.GetValue(entry)));
            var chosen = engine[name];
            var specs = parsed.GetValue(inputs)!.Select(InputSpec.Parse).ToList();
            using var made = Inputs.Make(chosen, specs, sizes, null, 1, i => Standard(chosen.Manifest.Arguments[i], i));
            if (placed is not null)
            {
                using var session = placed.Open(
                    path,
                    name,
                    made.Sizes,
                    kind => schedules.ApplyOn(kind, parsed, path, Source.OptionsHere(kind, parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip))),
                    parsed.GetValue(threads));
                var measured = PlacedMeasure.Of(session, made, Source.AtLeastZero("--seconds", parsed.GetValue(seconds)), kernels: false);
                Console.WriteLine(parsed.GetValue(json) ? measured.ToJson(session) : measured.ToText(session));
                return 0;
            }

            var run = new RunOptions { Threads = Source.AtLeastZero("--threads", parsed.GetValue(threads)), Parameters = made.Parameters, Sizes = made.Sizes };
            using var model = options.Schedules is null ? null : LeptonEngine.Of(Source.Compile(path, options with { Schedules = null }));
            var times = Measure(model is null ? [chosen] : [chosen, model[name]], made, run, Source.AtLeastZero("--seconds", parsed.GetValue(seconds)));
            var kernels = compilation.Lower([name], made.Sizes);
            long SizeOf(string dim) => made.SizeOf(dim, chosen.Manifest);
            var (flops, bytes, rate) = Cost(kernels, SizeOf);
            var planned = kernels.Entries[0].PlannedBytes.Evaluate(SizeOf);
            var result = new BenchResult(name, run.Threads == 0 ? Environment.ProcessorCount : run.Threads, times[0], times.ElementAtOrDefault(1), flops, bytes, PeakFlops.OfOneCore() * rate, planned);
            Console.WriteLine(parsed.GetValue(json) ? result.ToJson() : result.ToText(options.Schedules?.Path));
            return 0;
        });
        return command;
    }

    // Integers may be class numbers or indices: 0 fits any axis. Floats: the standard normal. Of sparse ones 1 % is stored.
    public static InputSpec Standard(TensorManifest argument, int position) => argument.Format is not null
        ? new InputSpec(argument.Name, "sparse", (ulong)position + 1, 0.01, null)
        : argument.Element.IsFloat()
        ? new InputSpec(argument.Name, "normal", (ulong)position + 1, 0, null)
        : new InputSpec(argument.Name, "zeros", 0, 0, null);

    /// <summary>
    /// Seconds per run of each entry, one number for each run (or for each batch of runs, when one is too short for the clock); the entries in turn,
    /// so that whatever else the machine does meets all of them.
    /// </summary>
    private static List<double>[] Measure(Entry[] entries, Inputs made, RunOptions options, double seconds)
    {
        var invocations = entries.Select(e => made.Bind(e, options)).ToArray();
        try
        {
            var batches = invocations.Select(i => Batch(WarmUp.Run(() => i.Run(), Math.Min(0.3, seconds)))).ToArray();
            var times = invocations.Select(_ => new List<double>()).ToArray();
            var start = Stopwatch.GetTimestamp();
            do
            {
                for (var e = 0; e < invocations.Length; e++)
                {
                    var before = Stopwatch.GetTimestamp();
                    for (var i = 0L; i < batches[e]; i++)
                    {
                        invocations[e].Run();
                    }

                    times[e].Add(Stopwatch.GetElapsedTime(before).TotalSeconds / batches[e]);
                }
            }
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds || times[0].Count < 3);
            return times;
        }
        finally
        {
            Array.ForEach(invocations, i => i.Dispose());
        }
    }

    // How many runs make a batch of some 20 µs, so that reading the clock does not count.
    private static long Batch((long Runs, double Seconds) warm) => Math.Max(1, (long)(20e-6 / (warm.Seconds / warm.Runs)));

    // Rate: what the whole entry could do at best, by the f32 peak.
    private static (double Flops, double Bytes, double Rate) Cost(KernelModule module, Func<string, long> sizeOf)
    {
        double flops = 0, bytes = 0, inF32 = 0;
        var counts = new LaunchCounts(module);
        foreach (var (kernel, launches) in counts.Of(module.Entries[0]))
        {
            double own = launches * kernel.Flops.Evaluate(sizeOf);
            (flops, inF32) = (flops + own, inF32 + (own / ArithmeticRate.Of(kernel)));
            bytes += launches * kernel.Bytes.Evaluate(sizeOf);
        }

        return (flops, bytes, flops == 0 ? 1 : flops / inF32);
    }
}

/// <summary>What was measured.</summary>
/// <param name="ModelTimes">Without the schedules that were used; null: there are none.</param>
internal sealed record BenchResult(string Entry, int Threads, List<double> Times, List<double>? ModelTimes, double Flops, double Bytes, double PeakOfOneCore, long PlannedBytes)
{
    private double Median => MedianOf(Times);

    private double Minimum => Times.Min();

    public string ToJson()
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("entry", Entry);
            json.WriteNumber("threads", Threads);
            json.WriteNumber("runs", Times.Count);
            json.WriteNumber("median_ms", Median * 1e3);
            json.WriteNumber("min_ms", Minimum * 1e3);
            json.WriteNumber("gflops", Flops / Median / 1e9);
            json.WriteNumber("gbytes_per_s", Bytes / Median / 1e9);
            json.WriteNumber("planned_bytes", PlannedBytes);
            json.WriteNumber("share_of_peak", Flops / Median / (PeakOfOneCore * Threads));
            if (ModelTimes is not null)
            {
                json.WriteNumber("model_median_ms", MedianOf(ModelTimes) * 1e3);
                json.WriteNumber("tuned_to_model", Median / MedianOf(ModelTimes));
            }

            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(memory.ToArray());
    }

    public string ToText(string? schedules) => string.Create(CultureInfo.InvariantCulture, $"""
        {Entry}: median {Median * 1e3:G4} ms, minimum {Minimum * 1e3:G4} ms, {Times.Count} samples, {Threads} thread{(Threads == 1 ? "" : "s")}
        {Flops / Median / 1e9:G4} GFLOP/s ({Flops / Median / (PeakOfOneCore * Threads):P1} of peak), {Bytes / Median / 1e9:G4} GB/s
        {PlannedBytes / 1e6:G4} MB besides the tensors
        """) + (ModelTimes is null ? "" : string.Create(
            CultureInfo.InvariantCulture, $"\nwith {schedules}; as the model makes it, in turn: median {MedianOf(ModelTimes) * 1e3:G4} ms, tuned / model {Median / MedianOf(ModelTimes):F3}"));

    private static double MedianOf(List<double> times) => times.Order().ElementAt(times.Count / 2);
}
