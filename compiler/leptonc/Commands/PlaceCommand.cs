using System.CommandLine;
using Lepton.CommandLine.Placing;
using Lepton.Language.Text;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Plans;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Scheduling;

namespace Lepton.CommandLine.Commands;

/// <summary>Finds a device and a start for each kernel of an entry, with a proof where it can be had, and says why and what else there is.</summary>
internal static class PlaceCommand
{
    // A point of the front need not be proven as hard as the plan.
    private const double SecondsPerPoint = 0.5;

    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.Exact(), Source.FastMath(), Source.Skip());
        var machine = new Option<string>("--machine", "-m") { HelpName = "FILE", Required = true, Description = "The machine file (YAML): devices, links, prices." };
        var costs = new Option<string?>("--costs") { HelpName = "FILE", Description = "Times that profile --learn has measured; the .costs file beside the machine file when it is not named." };
        var minimize = new Option<string?>("--minimize") { HelpName = "GOALS", Description = "As in \"cost + 0.002 usd/ms * time\" or \"cost, time\"; instead of the plan block's goals." };
        var subject = new Option<string[]>("--subject-to") { HelpName = "LIMITS", Description = "As in \"time <= 100 ms\"; besides the plan block's.", DefaultValueFactory = _ => [] };
        var pins = new Option<string[]>("--pin") { HelpName = "NAME=DEVICE", Description = "Keeps a kernel, or what reads or makes a tensor of this name, on a device.", DefaultValueFactory = _ => [] };
        var pareto = new Option<int>("--pareto") { HelpName = "COUNT", Description = "Also the best trades of time against cost, so many at most." };
        var seconds = new Option<double>("--seconds", "-s") { HelpName = "NUMBER", Description = "For how long the solver may work on one goal.", DefaultValueFactory = _ => 10 };
        var json = new Option<bool>("--json") { Description = "Everything as JSON." };
        var html = new Option<string?>("--html") { HelpName = "FILE", Description = "Everything as a page with the timeline and the front." };
        var output = new Option<string?>("--out", "-o") { HelpName = "FILE", Description = "Where the plan goes, as in mlp.plan." };
        var check = new Option<string?>("--check") { HelpName = "FILE", Description = "Only ask whether a plan is stale; exit code 1 when it is." };
        var command = new Command("place", "Place the kernels of an entry on devices, as fast and as cheap as it can be.\nExample: leptonc place mlp.lep --machine lab.yaml --dim B=32 --minimize \"cost, time\" --subject-to \"time <= 2 ms\"")
        {
            file, entry, dims, machine, costs, minimize, subject, pins, pareto, seconds, json, html, output, check, exact, fast, skip,
        };
        command.SetAction(parsed =>
        {
            // The solver starts while the program is compiled.
            using var cancel = new Cancellation();
            var limit = Source.AtLeastZero("--seconds", parsed.GetValue(seconds));
            var missing = "";
            using var solver = parsed.GetValue(check) is null ? CpPlacement.Create(out missing, new SolverOptions { Seconds = limit }, cancel.Token) : null;
            var compilation = Source.Compile(parsed.GetValue(file)!, Source.Options(null, parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)));
            var request = PlaceRequest.Make(compilation, new PlaceArguments(
                parsed.GetValue(machine)!, parsed.GetValue(entry), parsed.GetValue(dims)!, parsed.GetValue(minimize), parsed.GetValue(subject)!, parsed.GetValue(pins)!) { Costs = parsed.GetValue(costs) });
            if (parsed.GetValue(check) is { } plan)
            {
                return Check(request, plan);
            }

            var points = Source.AtLeastZero("--pareto", parsed.GetValue(pareto));
            (request, var report) = PlaceProgress.Show(progress => Place(request, points, solver, progress, cancel.Token));
            var unproven = solver is null ? $"To get a proof: {missing}" : null;
            var notes = solver?.Notes ?? [];
            Console.Write(parsed.GetValue(json) ? PlaceJson.Of(request, report, unproven, notes) : PlaceText.Of(request, report, unproven, notes));
            if (parsed.GetValue(html) is { } page)
            {
                TextFile.Replace(page, PlacePage.Of(request, report, unproven, notes));
                Console.Error.WriteLine(page);
            }

            if (report.Result.Run is not null && parsed.GetValue(output) is { } to)
            {
                PlanOf(request, report).Save(to);
                Console.Error.WriteLine(to);
            }

            return report.Result.Run is null ? Program.Wrong : 0;
        });
        return command;
    }

    private static (PlaceRequest Request, PlacementReport Report) Place(
        PlaceRequest request, int points, CpPlacement? solver, PlaceProgress progress, CancellationToken cancel)
    {
        var plain = new PlacerOptions { Cancel = cancel, Progress = progress.Search };
        var (whole, point) = solver is null ? (plain, plain) : (solver.Options(plain), solver.Options(plain, SecondsPerPoint));
        var report = Make(request);

        // Where a device is much better at contractions and another one at what follows, kernels that fusion would join stay apart. On one device they are
        // fused again, so that such a plan is at least as good as it looks here. Kernels are measured as fusion makes them; others by formula are not held
        // against those.
        if (TimesKey.Of(request.Problem) is null && request.Alone.Value is { } alone && IsBetter(Placer.Place(alone.Problem.Problem, plain), report.Result) && Make(alone) is var apart && IsBetter(apart.Result, report.Result))
        {
            (request, report) = (alone with { Fused = report.Result.Goals[0].Value }, apart);
        }

        return (request, report);

        PlacementReport Make(PlaceRequest asked) => ReportMaker.Make(asked.Problem, points, whole, point, progress.Points);
    }

    // Goal after goal, by more than rounding.
    private static bool IsBetter(PlacementResult one, PlacementResult other)
    {
        if (one.Run is null || other.Run is null)
        {
            return false;
        }

        var change = one.Goals.Zip(other.Goals, (a, b) => (a.Value - b.Value) / Math.Max(b.Value, double.Epsilon));
        return change.FirstOrDefault(c => Math.Abs(c) > Simulator.Tolerance) < 0;
    }

    private static PlanFile PlanOf(PlaceRequest request, PlacementReport report)
    {
        var (program, run) = (report.Program, report.Result.Run!);
        var times = TimesKey.Of(program);
        var groups = program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group)
            .OrderBy(k => run.Starts[k.Index]).ThenBy(k => k.Index)
            .Select(k => new PlannedGroup(k.Item.Name, request.Keys[k.Item.Name], program.Machine.Devices[run.Devices[k.Index]].Name, run.Starts[k.Index]));
        return new PlanFile(
            request.Program, request.Entry, request.Dims, Path.GetFileName(request.MachinePath), request.MachineKey, request.Objective,
            Shown.Status(report.Result), SharedCores.Time(program.Problem, run), run.Score.Money, [.. groups])
        {
            ContractionsAlone = request.Fused is not null,
            Times = times is null ? null : Path.GetFileName(request.TimesPath),
            TimesKey = times,
        };
    }

    private static int Check(PlaceRequest request, string path)
    {
        var report = new DiagnosticReport();
        var source = Source.Read(path);
        var plan = PlanFile.Read(source, report);
        request = plan is { ContractionsAlone: true } ? request.Alone.Value ?? request : request;
        var isFresh = plan is not null
            && PlanCheck.Run(plan, request.Entry, request.Dims, request.Objective, request.Keys, request.Problem.Machine, request.MachineKey, TimesKey.Of(request.Problem), report);
        Source.Print(report);
        Console.WriteLine(isFresh ? $"{path} is up to date" : $"{path} is not up to date");
        return isFresh ? 0 : Program.Wrong;
    }
}
