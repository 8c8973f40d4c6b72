using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Semantics;
using Lepton.Language.Text;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Plans;
using Lepton.Placement.Problem;
using Lepton.Placement.Segments;

namespace Lepton.CommandLine.Placing;

/// <summary>
/// Says where a run goes on when a device has failed: for what the plan wants, on the devices that are left, of the kernels that are left. Limits hold for what
/// is left, and are let go, with a line that says so, where no plan keeps them.
/// </summary>
/// <param name="request">What the plan wants, and its machine.</param>
/// <param name="fused">The program.</param>
/// <param name="pins">Of the program's plan block; those that the plan keeps, and whose device is left, are kept.</param>
internal sealed class Replanner(PlacedRequest request, FusedGraph fused, ValueList<PlanPin> pins)
{
    /// <summary>Where each kernel goes that must run still, with lines that say so; null: nothing is left.</summary>
    public IReadOnlyList<PlacedGroup>? Answer(PlacedFailure failure)
    {
        if (failure.Devices.Count == 0)
        {
            return null;
        }

        Console.Error.WriteLine(request.Told(failure.Error));
        if (request.Costs is null)
        {
            return Everything(failure);
        }

        var wanted = Objectives.Of(request.Goals, request.Limits);
        var (on, run) = Place(failure, wanted);
        if (on is null && request.Limits.Count > 0)
        {
            Console.Error.WriteLine($"no plan was found for what is left that keeps {string.Join(", ", request.Limits.Select(l => l.Text))}: going on without {(request.Limits.Count == 1 ? "this limit" : "these limits")}");
            (on, run) = Place(failure, wanted with { Limits = [] });
        }

        if (on is null)
        {
            return Everything(failure);
        }

        var devices = failure.Needed.GroupBy(k => on[k]).Select(d => $"{string.Join(", ", d)} on {d.Key}");
        Console.Error.WriteLine($"going on without {failure.Device}, {Objectives.Text(request.Goals, [])}: {string.Join("; ", devices)}; planned {Shown.Time(run!.Score.Time)}, {Shown.Usd(run.Score.Money)}");
        return [.. failure.Needed.Select(k => new PlacedGroup(k, on[k]))];
    }

    // Where nothing is known of the devices.
    private static IReadOnlyList<PlacedGroup> Everything(PlacedFailure failure)
    {
        Console.Error.WriteLine($"going on without {failure.Device}: {string.Join(", ", failure.Needed)} on {failure.Devices[0]}");
        return [.. failure.Needed.Select(k => new PlacedGroup(k, failure.Devices[0]))];
    }

    private (IReadOnlyDictionary<string, string>? On, Placement.Simulation.Execution? Run) Place(PlacedFailure failure, Objective wanted)
    {
        IReadOnlyList<string> gone = [.. request.Costs!.Machine.Devices.Select(d => d.Name).Except(failure.Devices)];
        var needed = failure.Needed.ToHashSet();
        var program = ProgramProblem.Of(fused, request.Costs, wanted, new ProgramOptions
        {
            Pins = PinNames.Resolve(fused, request.Costs.Machine, pins, new DiagnosticReport())
                .Where(p => needed.Contains(p.Key) && !gone.Contains(p.Value) && request.Plan!.Groups.Any(g => g.Name == p.Key && g.Device == p.Value)).ToDictionary(),
            Forbidden = needed.ToDictionary(k => k, _ => gone),
            Finished = ProgramProblem.GroupNames(fused).Where(k => !needed.Contains(k)).ToHashSet(),
        });
        var run = Placer.Place(program.Problem).Run;
        return (run is null ? null : program.DevicesOf(run.Plan), run);
    }
}
