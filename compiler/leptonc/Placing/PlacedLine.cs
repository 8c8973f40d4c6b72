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
    private readonly Option<string?> _plan = new("--plan") { HelpName = "FILE" };
    private readonly Option<string?> _machine;
    private readonly bool _ownMachine;
    private readonly bool _runs;

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
    /// <param name="runs">Whether it runs what it places; else it takes a plan alone.</param>
    public PlacedLine(Command command, bool runs = true)
    {
        _runs = runs;
        _plan.Description = $"{(runs ? "Run" : "Build")} for the devices that a plan of leptonc place says, as in mlp.plan; entry and sizes are the plan's.";
        command.Add(_plan);
        var known = command.Options.OfType<Option<string?>>().FirstOrDefault(o => o.Name == "--machine");
        _machine = known ?? new("--machine", "-m") { HelpName = "FILE", Description = "The machine file of the plan. Default: the one that it names, beside it." };
        _ownMachine = known is null;
        if (_ownMachine)
        {
            command.Add(_machine);
        }

        if (runs)
        {
            command.Add(_place);
            command.Add(_onFailure);
        }
    }

    /// <summary>What the command line asks for; null: one device.</summary>
    public PlacedRequest? Read(ParseResult parsed)
    {
        var (plan, machine, replans) = (parsed.GetValue(_plan), parsed.GetValue(_machine), parsed.GetValue(_onFailure) == "replan");
        var devices = new Dictionary<string, string>();
        foreach (var one in (parsed.GetValue(_place) ?? []).SelectMany(p => p.Split(',')))
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
                : (machine is not null && _ownMachine) || replans ? throw new UsageException($"--{(replans ? "on-failure" : "machine")} needs --plan FILE{(_runs ? " (or --place KERNEL=DEVICE)" : "")}")
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
        var wanted = read is null ? null : Objectives.Read(read, report);
        Source.Print(report);
        if (wanted is null || known is null)
        {
            throw new UserException("");
        }

        var times = read!.Times is null ? LearnedCosts.PathFor(machine!) : Path.Combine(Path.GetDirectoryName(machine!) ?? "", read.Times);
        return new PlacedRequest(read, new CostModel(known, MachineFiles.Costs(times)), PlanFile.KeyOf(text!.Text), devices, replans)
        {
            Goals = wanted.Value.Goals, Limits = wanted.Value.Limits,
        };
    }
}
