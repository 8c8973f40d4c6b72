using System.CommandLine;
using Lepton.Abi;
using Lepton.CommandLine.Profiling;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;

namespace Lepton.CommandLine.Commands;

/// <summary>What <c>profile</c> says of the cost model: predicted times beside the measured ones, and learning from them.</summary>
internal sealed class CostOptions
{
    // Where times are kept that belong to no machine file.
    private const string NoMachine = "machine.yaml";

    private readonly Option<string?> _machine = new("--machine", "-m") { HelpName = "FILE", Description = "A machine file: each group's predicted time is printed beside the measured one." };

    private readonly Option<string?> _learn = new("--learn")
    {
        HelpName = "FILE",
        Description = "Keep the measured time of each group, for placement; in FILE, or in the .costs file beside the machine file.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public CostOptions(Command command)
    {
        command.Add(_machine);
        command.Add(_learn);
    }

    /// <summary>Prints and learns, where that was asked for.</summary>
    public void Compare(
        ParseResult parsed, Compilation compilation, string entry, Inputs made, IReadOnlyList<RecordedRun> runs, EntryManifest manifest, int threads)
    {
        var (machineFile, learns) = (parsed.GetValue(_machine), parsed.GetResult(_learn) is not null);
        if (machineFile is null && !learns)
        {
            return;
        }

        var costsFile = parsed.GetValue(_learn) ?? LearnedCosts.PathFor(machineFile ?? NoMachine);
        var kind = compilation.Device.ToString().ToLowerInvariant();
        var machine = machineFile is null ? null : MachineFiles.Read(machineFile);
        var device = machine is null ? 0 : DeviceOf(machine, machineFile!, compilation, threads);
        var name = machine?.Devices[device].Name ?? kind;
        var fused = compilation.Fuse(entry, made.Sizes);
        var module = compilation.Lower([entry], made.Sizes);
        var perRun = runs.Select(r => GroupTimes.Of(module.Entries[0], r.Launches)).ToArray();
        var measured = ProgramProblem.GroupNames(fused)
            .ToDictionary(g => g, g => perRun.Select(r => r.GetValueOrDefault(g)).Order().ElementAt(perRun.Length / 2));
        var known = MachineFiles.Costs(costsFile);
        if (machine is not null)
        {
            var stored = manifest.Dims.Where(TensorFormat.IsStoredName).ToDictionary(d => d, d => made.SizeOf(d, manifest));
            var model = new CostModel(machine, known);
            var rows = fused.Groups.Where(g => measured.ContainsKey(g.Name))
                .Select(g => (g.Name, model.Estimate(fused, g, device, new WorkAssumptions { Stored = stored }), measured[g.Name])).ToArray();
            Console.Write(PredictionTable.Of(name, machineFile!, rows, Profile.Median(runs)));
        }

        if (learns)
        {
            var now = fused.Groups.Where(g => measured.GetValueOrDefault(g.Name) > 0)
                .Aggregate(known, (costs, g) => costs.With(name, GroupKey.Of(fused, g), measured[g.Name], $"{entry} {g.Name}"));
            TextFile.Replace(costsFile, now.Print());
            Console.WriteLine(costsFile);
        }
    }

    // Of the devices of this kind the one with as many threads, else the first; of OpenCL devices the one with the number.
    private static int DeviceOf(Machine machine, string path, Compilation compilation, int threads)
    {
        var kind = compilation.Device switch
        {
            CodeDevice.OpenCl => $"opencl:{compilation.DeviceNumber}",
            CodeDevice.Ilgpu => compilation.DeviceName!,
            var host => host.ToString().ToLowerInvariant(),
        };
        bool Fits(Device device) => compilation.Device == CodeDevice.OpenCl
            ? LeptonDevices.OpenClNumber(device.Name, device.Kind) == compilation.DeviceNumber
            : device.Kind == kind || device.Kind.StartsWith(kind + ":", StringComparison.Ordinal);
        var same = machine.Devices.Index().Where(d => Fits(d.Item)).ToArray();
        var (index, device) = same.Where(d => Math.Max(1, d.Item.Threads) == threads).Concat(same).FirstOrDefault((-1, new Device("")));
        return index < 0 ? throw new UserException($"{path} has no device of kind {kind}: measure one with leptonc calibrate --devices {kind}")
            : device.Threads > 0 && device.Threads != threads ? throw new UserException(
                $"{path} speaks of {device.Name} with {device.Threads} threads: say --threads {device.Threads}, or calibrate with --threads {threads}")
            : index;
    }
}
