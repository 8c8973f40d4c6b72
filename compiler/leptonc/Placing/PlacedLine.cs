using System.CommandLine;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Plans;
using Lepton.Placement.Segments;
using Lepton.Runtime.Devices;

namespace Lepton.CommandLine.Placing;

/// <summary>The options of commands that run an entry on several devices: by a plan, or kernel by kernel as the command line says.</summary>
internal sealed class PlacedLine
{
    private readonly Option<string?> _plan = new("--plan") { HelpName = "FILE", Description = "Run where a plan of leptonc place says, as in mlp.plan; entry and sizes are the plan's." };
    private readonly Option<string?> _machine;
    private readonly bool _ownMachine;

    private readonly Option<string[]> _place = new("--place")
    {
        HelpName = "KERNEL=DEVICE",
        Description = "Run a kernel on a device, as in --place contract_2=cpu:1; *=DEVICE for all that are not named. Devices: cpu, clr, opencl, and several of them as cpu:0, cpu:1.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _onFailure = Source.OneOf(
        "what to do, one of",
        ["stop", "replan"],
        new Option<string?>("--on-failure") { HelpName = "stop|replan", Description = "When a device fails: stop (default), or plan what is left for the other devices and go on." });

    /// <param name="command">Gets the options; where it has one for a machine file already, that is the plan's too.</param>
    public PlacedLine(Command command)
    {
        command.Add(_plan);
        var known = command.Options.OfType<Option<string?>>().FirstOrDefault(o => o.Name == "--machine");
        _machine = known ?? new("--machine", "-m") { HelpName = "FILE", Description = "The machine file of the plan. Default: the one that it names, beside it." };
        _ownMachine = known is null;
        if (_ownMachine)
        {
            command.Add(_machine);
        }

        command.Add(_place);
        command.Add(_onFailure);
    }

    /// <summary>What the command line asks for; null: one device.</summary>
    public PlacedRequest? Read(ParseResult parsed)
    {
        var (plan, machine, replans) = (parsed.GetValue(_plan), parsed.GetValue(_machine), parsed.GetValue(_onFailure) == "replan");
        var devices = new Dictionary<string, string>();
        foreach (var one in parsed.GetValue(_place)!.SelectMany(p => p.Split(',')))
        {
            var parts = one.Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
            {
                throw new UsageException($"--place {one}: expected KERNEL=DEVICE, as in --place contract_2=cpu:1");
            }

            devices[parts[0]] = parts[1];
        }

        if (plan is null)
        {
            return devices.Count > 0 ? new PlacedRequest(null, null, null, devices, replans)
                : (machine is not null && _ownMachine) || replans ? throw new UsageException($"--{(replans ? "on-failure" : "machine")} needs --plan FILE (or --place KERNEL=DEVICE)")
                : null;
        }

        if (devices.Count > 0)
        {
            throw new UsageException("--plan and --place both say where kernels run: leave one out");
        }

        var report = new DiagnosticReport();
        var read = PlanFile.Read(Source.Read(plan), report);
        machine ??= read is null ? null : Path.Combine(Path.GetDirectoryName(plan) ?? "", read.Machine);
        var text = read is null ? null : Source.Read(machine!);
        var known = text is null ? null : MachineFile.Read(text, report);
        Source.Print(report);
        if (read is null || known is null)
        {
            throw new UserException("");
        }

        var times = read.Times is null ? LearnedCosts.PathFor(machine!) : Path.Combine(Path.GetDirectoryName(machine!) ?? "", read.Times);
        return new PlacedRequest(read, new CostModel(known, MachineFiles.Costs(times)), PlanFile.KeyOf(text!.Text), devices, replans);
    }
}

/// <summary>Where an entry is to run.</summary>
/// <param name="Plan">Null: as <paramref name="Place"/> says.</param>
/// <param name="Costs">Of the plan's machine.</param>
/// <param name="Place">Devices by kernels; <c>*</c> for the others.</param>
/// <param name="Replans">What to do when a device fails.</param>
internal sealed record PlacedRequest(PlanFile? Plan, CostModel? Costs, string? MachineKey, IReadOnlyDictionary<string, string> Place, bool Replans)
{
    private const string Others = "*";

    /// <summary>The entry asked for: the plan's, where there is one.</summary>
    public string? Entry(string? wanted) => Plan is null || (wanted is not null && wanted != Plan.Entry)
        ? Plan is null ? wanted : throw new UsageException($"--entry {wanted}: the plan is for {Plan.Entry}")
        : Plan.Entry;

    /// <summary>Sizes given on the command line and by the plan, which must agree.</summary>
    public Dictionary<string, long> Dims(Dictionary<string, long> given)
    {
        var sizes = new Dictionary<string, long>(given);
        foreach (var (name, size) in Plan?.Dims ?? [])
        {
            if (!sizes.TryAdd(name, size) && sizes[name] != size)
            {
                throw new UsageException($"--dim {name}={sizes[name]}: the plan is for {name}={size}");
            }
        }

        return sizes;
    }

    /// <summary>The program on its devices, compiled. Dispose it.</summary>
    /// <param name="path">The program.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="sizes">All its sizes.</param>
    /// <param name="options">How to compile for a kind of device.</param>
    /// <param name="threads">Threads of a device that nothing is said of.</param>
    public PlacedSession Open(string path, string entry, IReadOnlyDictionary<string, long> sizes, Func<string, CompileOptions> options, int threads)
    {
        var devices = new List<Device>();
        try
        {
            devices.AddRange(Devices(threads));
            var source = Source.Read(path);
            var engine = PlacedEngine.Of(kind => Compilation.Of(source, options(kind)), entry, sizes, devices, Assignment);
            return new PlacedSession(this, engine, devices);
        }
        catch (Exception e)
        {
            devices.ForEach(d => d.Dispose());
            throw e is ArgumentException ? new UsageException(e.Message) : e;
        }
    }

    private IEnumerable<Device> Devices(int threads)
    {
        if (Plan is null)
        {
            return Place.Values.Append(Place.ContainsKey(Others) ? null : "cpu").OfType<string>().Distinct().Select(n => LeptonDevices.Open(n, DeviceChoice.IsIlgpu(n) ? n : n.Split(':')[0], threads));
        }

        var used = Plan.Groups.Select(g => g.Device).ToHashSet();
        return Costs!.Machine.Devices.Where(d => used.Contains(d.Name) || (Replans && LeptonDevices.CanOpen(d.Kind)))
            .Select(d => LeptonDevices.Open(d.Name, d.Kind, d.Threads > 0 ? d.Threads : d.Cores.Count > 0 ? d.Cores.Count : 1, d.Cores.Count > 0 ? [.. d.Cores] : null));
    }

    private IReadOnlyList<PlacedGroup> Assignment(FusedGraph fused)
    {
        if (Plan is null)
        {
            // explain puts the entry before a kernel's name.
            var (known, entry) = (SegmentCut.Needed(fused), fused.Graph.Name + "_");
            string Name(string kernel) => !known.Contains(kernel) && kernel.StartsWith(entry, StringComparison.Ordinal) && known.Contains(kernel[entry.Length..]) ? kernel[entry.Length..] : kernel;
            return PlacedEngine.Assign(fused, Place.Where(p => p.Key != Others).ToDictionary(p => Name(p.Key), p => p.Value), Place.GetValueOrDefault(Others, "cpu"));
        }

        var report = new DiagnosticReport();
        var (keys, placed) = (GroupKeys.Of(fused), ProgramProblem.GroupNames(fused));
        var times = TimesKey.Of(ProgramProblem.Of(fused, Costs!, PlacedSession.Time));
        PlanCheck.Run(Plan, Plan.Entry, Plan.Dims, Plan.Objective, placed.ToDictionary(g => g, g => keys[g]), Costs!.Machine, MachineKey!, times, report);
        Source.Print(report);
        if (report.HasErrors)
        {
            throw new UserException("");
        }

        return [.. Plan.Groups.Select(g => new PlacedGroup(g.Name, g.Device))];
    }
}
