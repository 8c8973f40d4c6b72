using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Semantics;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Plans;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;

namespace Lepton.CommandLine.Placing;

/// <summary>Where an entry is to run.</summary>
/// <param name="Plan">Null: as <paramref name="Place"/> says.</param>
/// <param name="Costs">Of the plan's machine.</param>
/// <param name="Place">Devices by kernels; <c>*</c> for the others.</param>
/// <param name="Replans">What to do when a device fails.</param>
internal sealed record PlacedRequest(PlanFile? Plan, CostModel? Costs, string? MachineKey, IReadOnlyDictionary<string, string> Place, bool Replans)
{
    private const string Others = "*";

    /// <summary>What the plan wants; empty: time.</summary>
    public ValueList<PlanGoal> Goals { get; init; } = [];

    /// <inheritdoc cref="Goals"/>
    public ValueList<PlanLimit> Limits { get; init; } = [];

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
        var (devices, missing) = (new List<Device>(), new List<DeviceFailedException>());
        ValueList<PlanPin> pins = [];
        Replanner? replanner = null;
        try
        {
            Open(threads, devices, missing);
            var source = Source.Read(path);
            var engine = PlacedEngine.Of(Compile, entry, sizes, devices, Assigned, Replans ? f => replanner!.Answer(f) : null);
            return new PlacedSession(this, engine, replanner!, devices);

            Compilation Compile(string kind)
            {
                var compilation = Compilation.Of(source, options(kind) with { ContractionsAlone = Plan?.ContractionsAlone ?? false });
                pins = compilation.Program?.Plans.FirstOrDefault(p => p.Entry == entry)?.Pins ?? [];
                return compilation;
            }
        }
        catch (Exception e)
        {
            devices.ForEach(d => d.Dispose());
            throw e switch
            {
                ArgumentException => new UsageException(e.Message),
                DeviceFailedException failed => new UserException(Told(failed)),
                _ => e,
            };
        }

        IReadOnlyList<PlacedGroup> Assigned(FusedGraph fused)
        {
            replanner = new Replanner(this, fused, pins);
            var assignment = Assignment(fused);
            var lost = missing.Find(m => assignment.Any(a => a.Device == m.Device));
            return lost is null ? assignment
                : replanner.Answer(new PlacedFailure(lost.Device, lost, [], SegmentCut.Needed(fused), [.. devices.Select(d => d.Name)])) ?? throw lost;
        }
    }

    /// <summary>Why a device failed; where it has no memory, with what the machine file says of that.</summary>
    public string Told(DeviceFailedException e) => e.Message + (e.BytesAsked is null ? "" : Costs?.Machine.Devices.FirstOrDefault(d => d.Name == e.Device)?.MemoryBytes switch
    {
        null => "",
        double.PositiveInfinity => $"; the machine file does not say how much memory {e.Device} has: say it there, as in memory: 8 GiB, and leptonc place keeps its plans within it",
        var bytes => $"; the machine file says memory: {Shown.Bytes(bytes.Value)}, which the plan is within: say there how much {e.Device} really has, and place anew",
    });

    // With replanning, a device that is not there is one that has failed.
    private void Open(int threads, List<Device> devices, List<DeviceFailedException> missing)
    {
        foreach (var (name, kind, count, cores) in Devices(threads))
        {
            try
            {
                devices.Add(LeptonDevices.Open(name, kind, count, cores));
            }
            catch (LeptonException e) when (Replans)
            {
                missing.Add(new DeviceFailedException(name, e.Message, e));
            }
        }

        if (devices.Count == 0 && missing is [var first, ..])
        {
            throw first;
        }
    }

    private IEnumerable<(string Name, string Kind, int Threads, IReadOnlyList<int>? Cores)> Devices(int threads)
    {
        if (Plan is null)
        {
            return Place.Values.Append(Place.ContainsKey(Others) ? null : "cpu").OfType<string>().Distinct()
                .Select(n => (n, DeviceChoice.IsIlgpu(n) ? n : n.Split(':')[0], threads, (IReadOnlyList<int>?)null));
        }

        var used = Plan.Groups.Select(g => g.Device).ToHashSet();
        return Costs!.Machine.Devices.Where(d => used.Contains(d.Name) || (Replans && LeptonDevices.CanOpen(d.Kind)))
            .Select(d => (d.Name, d.Kind, d.Threads > 0 ? d.Threads : d.Cores.Count > 0 ? d.Cores.Count : 1, (IReadOnlyList<int>?)(d.Cores.Count > 0 ? [.. d.Cores] : null)));
    }

    /// <summary>The plan as a module of machine code.</summary>
    /// <param name="compilation">How to compile.</param>
    /// <param name="sizes">All sizes of the entry.</param>
    public CompiledModule Build(Compilation compilation, IReadOnlyDictionary<string, long> sizes)
    {
        var used = Plan!.Groups.Select(g => g.Device).ToHashSet();
        var devices = Devices(0).Where(d => used.Contains(d.Name)).ToList();
        var fused = compilation.Fuse(Plan.Entry, sizes, Plan.ContractionsAlone);
        var assignment = Assignment(fused);
        if (devices.Find(d => d.Kind != "cpu") is { Name: { } other, Kind: var kind })
        {
            throw new UserException(
                $"device {other} of the plan is of kind {kind}, and a built module holds machine code alone, for devices of kind cpu: place the entry without it, or let leptonc run --plan compile it where it runs");
        }

        return PlacedCode.Compile(
            compilation, Path.GetFileNameWithoutExtension(compilation.Source.Path), fused, assignment, [.. devices.Select(d => new DeviceManifest(d.Name, d.Kind, d.Threads, [.. d.Cores ?? []]))]);
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
