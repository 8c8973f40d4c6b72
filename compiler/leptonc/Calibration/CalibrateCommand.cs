using System.CommandLine;
using System.Globalization;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;
using Lepton.Runtime.OpenCl;

namespace Lepton.CommandLine.Calibration;

/// <summary>Measures the devices of this machine and writes a machine file.</summary>
internal static class CalibrateCommand
{
    // How often each program is measured, each time after all the others.
    private const int Passes = 4;

    // Of the programs, how many may be measured far apart.
    private const double MostApart = 0.3;

    // Of the time, for runs on two devices, each time.
    private const double PlacedShare = 0.01;

    public static Command Make()
    {
        var to = new Option<string>("--out", "-o") { HelpName = "FILE", Description = "The machine file.", DefaultValueFactory = _ => "machine.yaml" };
        var force = new Option<bool>("--force") { Description = "Write it even if it is there already: prices and links in it are lost." };
        var devices = new Option<string>("--devices") { HelpName = "LIST", Description = $"Which devices, with commas between: {string.Join(", ", DeviceChoice.Names)}.", DefaultValueFactory = _ => "cpu" };
        var threads = new Option<int>("--threads", "-t") { HelpName = "COUNT", Description = "How many threads a device may use; 0: one for each processor.", DefaultValueFactory = _ => 1 };
        var seconds = new Option<double>("--seconds", "-s") { HelpName = "NUMBER", Description = "For how long to measure, all devices together; compiling comes on top.", DefaultValueFactory = _ => 20 };
        var command = new Command("calibrate", "Measure the devices of this machine, for placement, and write a machine file.\nExample: leptonc calibrate -o machine.yaml --devices cpu,clr --threads 2")
        {
            to, force, devices, threads, seconds,
        };
        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(to)!;
            if (File.Exists(path) && !parsed.GetValue(force))
            {
                throw new UsageException($"{path} is there already: say --force to write it anew, or another --out");
            }

            var names = parsed.GetValue(devices)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct().ToArray();
            if (names.Length == 0)
            {
                throw new UsageException($"--devices: expected some of {string.Join(", ", DeviceChoice.Names)}, with commas between");
            }

            var count = Source.AtLeastZero("--threads", parsed.GetValue(threads));
            count = count == 0 ? Environment.ProcessorCount : count;
            var budget = Source.AtLeastZero("--seconds", parsed.GetValue(seconds));
            var compile = names.Select(n => Source.OptionsHere(n, null, exact: false, fastMath: false)).ToArray();
            using var cancel = new Cancellation();
            var profiles = new List<DeviceProfile>();
            var (links, copies) = (new List<Link>(), new List<(double Beside, double BytesPerSecond)>());
            var busy = false;
            ProgressBar.Show("measuring", show =>
            {
                var each = CalibrationProgram.All.Append(PlacedTimes.Chain).SelectMany(p => p.Sizes.Select(s => (Program: p, Size: s))).ToArray();
                var (done, all) = (0.0, (double)Passes * names.Length * each.Length);
                foreach (var (name, options) in names.Zip(compile))
                {
                    var runner = new SampleRunner(options, count, asksDevice: !IsHost(options));
                    var samples = Samples(runner, each, budget / all, cancel.Token, program => show(done++ / all, $"{name}: {program.Class.ToString().ToLowerInvariant()}"), out var apart);
                    busy |= apart > MostApart;
                    var beside = IsHost(options) ? 0 : CopyTimes.BesideSeconds(samples);
                    var others = names.Index().Where(n => n.Item != name).Take(1).Select(n => n.Index).ToArray();
                    var run = PlacedTimes.Least(PlacedTimes.Chain, [name, .. others.Select(o => names[o])], [options, .. others.Select(o => compile[o])], count, budget * PlacedShare, cancel.Token).Run;
                    profiles.Add(ProfileFit.Of(samples, samples[^1].BetweenSeconds) with { RunSeconds = run + beside });
                    copies.Add((beside, IsHost(options) ? double.PositiveInfinity : CopyTimes.BytesPerSecond(samples)));
                }

                links.AddRange(Links(names, compile, copies, count, budget * PlacedShare, cancel.Token));
            });
            if (busy)
            {
                Console.Error.WriteLine("warning: the machine was busy with something else: times of the same kernels were far apart; measure again when it is not");
            }

            var machine = new Machine([.. names.Zip(compile, (n, o) => DeviceOf(n, o, count))], [.. profiles], [.. links], MoneyModel.Busy);
            TextFile.Replace(path, MachineText.Print(
                machine,
                string.Create(CultureInfo.InvariantCulture, $"Measured by leptonc calibrate: {Environment.ProcessorCount} processors, {(count == 1 ? "1 thread" : $"{count} threads")} of each device among them."),
                "What the keys mean: compiler/Lepton.Placement/Machines/machines.md. Prices are yours to add (price: 0.05 usd/h)."));
            foreach (var (name, profile) in names.Zip(profiles))
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: {profile.FlopsPerSecond / 1e9:F1} GFLOP/s elementwise, {profile.Classes.Where(c => c.Class == Placement.Costs.KernelClass.Contraction).Max(c => c.OperationsPerSecond) / 1e9:F1} in products, {profile.BytesPerSecond / 1e9:F1} GB/s, {profile.LaunchSeconds * 1e6:F2} us a launch"));
            }

            Console.WriteLine(path);
            return 0;
        });
        return command;
    }

    // Each program, compiled once, several times far apart: what else the machine does comes and goes, and only ever slows down.
    private static IReadOnlyList<CalibrationSample> Samples(
        SampleRunner runner, IReadOnlyList<(CalibrationProgram Program, long Size)> each, double seconds, CancellationToken cancel, Action<CalibrationProgram> show, out double apart)
    {
        var compiled = new List<CompiledSample>();
        try
        {
            var passes = Enumerable.Range(0, Passes).Select(pass => each.Select((one, i) =>
            {
                cancel.ThrowIfCancellationRequested();
                show(one.Program);
                if (pass == 0)
                {
                    compiled.Add(runner.Compile(one.Program, one.Size));
                }

                return compiled[i].Measure(seconds, cancel);
            }).ToArray()).ToArray();
            return CalibrationSample.Best(passes, out apart);
        }
        finally
        {
            compiled.ForEach(c => c.Dispose());
        }
    }

    // Both ways between all of them: another queue takes over, a device is given its kernels, and each copies as it does.
    private static IEnumerable<Link> Links(
        string[] names, CompileOptions[] compile, IReadOnlyList<(double Beside, double BytesPerSecond)> copies, int threads, double seconds, CancellationToken cancel)
    {
        for (var a = 0; a < names.Length; a++)
        {
            for (var b = a + 1; b < names.Length; b++)
            {
                var rate = 1 / ((1 / copies[a].BytesPerSecond) + (1 / copies[b].BytesPerSecond));
                var (near, far) = (Over(PlacedTimes.Chain, a, b, rate), Over(CalibrationProgram.ColdChain, a, b, rate));
                var link = new Link(a, b, near + ((copies[a].Beside + copies[b].Beside) / 2), rate) { ColdSeconds = Math.Max(0, far - near) };
                yield return link;
                yield return link with { From = b, To = a };
            }
        }

        double Over(CalibrationProgram chain, int a, int b, double rate)
        {
            var found = PlacedTimes.Least(chain, [names[a], names[b]], [compile[a], compile[b]], threads, seconds, cancel);
            return Math.Max(0, found.Over - (found.Bytes / rate));
        }
    }

    // What the runtime says of it, which is not measured.
    private static Device DeviceOf(string name, CompileOptions options, int threads)
    {
        if (IsHost(options))
        {
            return new Device(name, name, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) { Threads = threads };
        }

        if (options.Device != CodeDevice.OpenCl)
        {
            return new Device(name, name, double.PositiveInfinity); // ILGPU's: it does not say
        }

        var device = OpenClDevice.Get(options.DeviceNumber);
        return new Device(name, name, device.MemoryBytes)
        {
            Lacks = device.HasDoubles ? [] : ["f64"],
            Cores = device.IsCpu ? [.. Enumerable.Range(0, device.ComputeUnits)] : [],
        };
    }

    private static bool IsHost(CompileOptions options) => options.Device is CodeDevice.Cpu or CodeDevice.Clr;
}
