using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Compiler;
using Lepton.CommandLine.Commands;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Plans;
using Lepton.Placement.Problem;

namespace Lepton.CommandLine.Placing;

/// <summary>What a program's plan block and the command line together ask for. The command line goes before.</summary>
/// <param name="Dims">Of the entry, in its order.</param>
/// <param name="MachinePath">As it was given.</param>
/// <param name="MachineKey">Of the machine file's text.</param>
/// <param name="TimesPath">The file of measured times, which need not be there.</param>
/// <param name="Objective">As a plan block says it.</param>
/// <param name="Goals">Empty: time.</param>
/// <param name="Keys">The key of each kernel that is placed, by name.</param>
internal sealed record PlaceRequest(
    string Program,
    string Entry,
    ValueList<(string Name, long Size)> Dims,
    string MachinePath,
    string MachineKey,
    string TimesPath,
    string Objective,
    ValueList<PlanGoal> Goals,
    IReadOnlyDictionary<string, string> Keys,
    ProgramProblem Problem)
{
    /// <summary>The same with contractions as kernels of their own, made when it is asked for; null: they are anyway, or the two cannot be compared.</summary>
    public Lazy<PlaceRequest?> Alone { get; init; } = new((PlaceRequest?)null);

    /// <summary>Of a request whose contractions are kernels of their own: what the best plan is worth where they are not.</summary>
    public double? Fused { get; init; }

    /// <summary>The problem, or messages and an exception that ends the command.</summary>
    public static PlaceRequest Make(Compilation compilation, PlaceArguments arguments)
    {
        var plans = compilation.Program!.Plans;
        var name = Source.ChooseEntry(compilation, arguments.Entry ?? (plans.Count == 1 ? plans[0].Entry : null));
        var plan = plans.FirstOrDefault(p => p.Entry == name);
        var report = new DiagnosticReport();
        var minimize = arguments.Minimize is { } wanted ? Parser.ParseGoals(new SourceText("--minimize", wanted), report) : null;
        var subjects = arguments.SubjectTo.Select(t => Parser.ParseLimits(new SourceText("--subject-to", t), report)).OfType<SubjectSyntax>().ToList();
        ValueList<PlanGoal> goals = arguments.Minimize is null ? plan?.Goals ?? []
            : [.. (minimize?.Goals ?? []).Select(g => GoalBinder.Goal(g, report)).OfType<PlanGoal>()];
        ValueList<PlanLimit> limits = [.. plan?.Limits ?? [], .. subjects.SelectMany(s => s.Limits).Select(l => GoalBinder.Limit(l, report)).OfType<PlanLimit>()];
        var pins = arguments.Pins.Select(Pin).ToList();
        pins.AddRange(plan?.Pins.Where(p => pins.All(o => o.Name != p.Name)) ?? []);
        if (minimize?.Sizes.Concat(subjects.SelectMany(s => s.Sizes)).FirstOrDefault() is { } size)
        {
            throw new UsageException($"on the command line sizes stand in --dim {size.Name}={size.Size}");
        }

        Stop(report);
        var text = Source.Read(arguments.Machine);
        var machine = MachineFile.Read(text, report);
        Stop(report);
        var times = arguments.Costs ?? LearnedCosts.PathFor(arguments.Machine);
        var costs = new CostModel(machine!, MachineFiles.Costs(times));
        var dims = SizesOf(compilation, name, plan, arguments.Dims);
        var sizes = dims.ToDictionary(d => d.Name, d => d.Size);
        var fused = compilation.Fuse(name, sizes);
        var pinned = PinNames.Resolve(fused, machine!, pins, report);
        Stop(report);
        var request = Request(fused, pinned);
        return request with { Alone = new(WithoutFusion) };

        // Relative goals are divided by the best that each problem has, and a kernel that is pinned is one of the fused program.
        PlaceRequest? WithoutFusion()
        {
            var alone = compilation.Fuse(name, sizes, contractionsAlone: true);
            return machine!.Devices.Count < 2 || alone.Groups.Count == fused.Groups.Count || request.Problem.Problem.Objective.Goals.Any(g => g.Meaning == GoalMeaning.Relative)
                || fused.Groups.Any(g => pins.Exists(p => p.Name == g.Name)) ? null : Request(alone, PinNames.Resolve(alone, machine, pins, report));
        }

        PlaceRequest Request(FusedGraph placed, IReadOnlyDictionary<string, string> on)
        {
            var problem = ProgramProblem.Of(placed, costs, Objectives.Of(goals, limits), new ProgramOptions { Pins = on });
            var keys = GroupKeys.Of(placed);
            return new PlaceRequest(
                Path.GetFileName(compilation.Source.Path),
                name,
                dims,
                arguments.Machine,
                PlanFile.KeyOf(text.Text),
                times,
                Objectives.Text(goals, limits),
                goals,
                ProgramProblem.GroupNames(placed).ToDictionary(g => g, g => keys[g]),
                problem);
        }
    }

    // NAME=DEVICE; a device's name may have a `=` in it, a kernel's may not.
    private static PlanPin Pin(string text)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0 || at == text.Length - 1)
        {
            throw new UsageException($"--pin {text}: expected NAME=DEVICE, as in --pin embedding=gpu0");
        }

        var source = new SourceText("--pin", text);
        return new PlanPin(text[..at], text[(at + 1)..], new SourceSpan(source, 0, at), new SourceSpan(source, at + 1, text.Length - at - 1));
    }

    private static ValueList<(string Name, long Size)> SizesOf(Compilation compilation, string entry, TypedPlan? plan, IEnumerable<string> given)
    {
        var sizes = Source.ParseDims(given, compilation, [entry]);
        foreach (var (dim, size) in plan?.Dims ?? [])
        {
            sizes.TryAdd(dim, size);
        }

        // How much sparse tensors store is no size of the program: it is assumed.
        var dims = compilation.Graph(entry).Dims.Where(d => !d.Contains('.', StringComparison.Ordinal)).ToList();
        return dims.Find(d => !sizes.ContainsKey(d)) is { } open
            ? throw new UsageException($"size {open} of {entry} is not known: say how large it is, as in --dim {open}=8, or in the plan, `when {open} = 8`")
            : [.. dims.Select(d => (d, sizes[d]))];
    }

    private static void Stop(DiagnosticReport report)
    {
        if (report.HasErrors)
        {
            Source.Print(report);
            throw new UserException("");
        }
    }
}

/// <summary>What the command line says.</summary>
internal sealed record PlaceArguments(
    string Machine,
    string? Entry,
    IReadOnlyList<string> Dims,
    string? Minimize,
    IReadOnlyList<string> SubjectTo,
    IReadOnlyList<string> Pins)
{
    /// <summary>The file of measured times; null: the one beside the machine file, if it is there.</summary>
    public string? Costs { get; init; }
}
