using Lepton.Embedding;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Segments;
using Lepton.Runtime;

namespace Lepton.CommandLine.Placing;

/// <summary>An entry on its devices, while a command runs it.</summary>
internal sealed class PlacedSession(PlacedRequest request, PlacedEngine engine, IReadOnlyList<Runtime.Devices.Device> devices) : IDisposable
{
    public PlacedEngine Engine => engine;

    public PlacedRequest Request => request;

    /// <summary>How to run it.</summary>
    public PlacedOptions Options(ParameterSet parameters) => new() { Parameters = parameters, OnFailure = request.Replans ? Replan : null };

    /// <summary>One line on devices, segments, copies, and memory between segments.</summary>
    public string Summary()
    {
        var (program, copies) = (engine.Program, engine.Program.Copies);
        var by = program.Segments.GroupBy(s => s.Device.Name).Select(g => $"{g.Key} {Counted(g.Count(), "segment")}");
        var memory = program.PlannedMemory.Where(m => m.Peak > 0).Select(m => FormattableString.Invariant($"{m.Memory} {m.Peak / 1e6:G4} MB ({m.Sum / 1e6:G4} without reuse)"));
        return $"{string.Join(", ", by)}; {(copies.Count == 1 ? "1 copy" : $"{copies.Count} copies")}{(copies.Count == 0 ? "" : FormattableString.Invariant($" of {copies.Bytes / 1e6:G4} MB"))}"
            + (memory.Any() ? $"; between segments: {string.Join(", ", memory)}" : "");
    }

    /// <summary>What the plan expects of each kernel: its device, and seconds from the start of the run; empty without a plan.</summary>
    public IReadOnlyList<(string Device, string Kernel, double Start, double End)> Planned()
    {
        if (request.Plan is not { } plan)
        {
            return [];
        }

        var problem = ProgramProblem.Of(engine.Fused, request.Costs!, Time);
        return [.. plan.Groups.Select(g => (g.Device, g.Name, g.Start, g.Start + problem.Kernels[problem.IndexOf(g.Name)].Times[IndexOf(g.Device)].Seconds))];
    }

    public void Dispose()
    {
        engine.Dispose();
        foreach (var device in devices)
        {
            device.Dispose();
        }
    }

    /// <summary>As fast as it can be.</summary>
    public static Objective Time => new([Goal.Of(Metric.Time)]);

    private static string Counted(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private int IndexOf(string device) => request.Costs!.Machine.Devices.Index().First(d => d.Item.Name == device).Index;

    // As fast as it can be without the devices that are gone; what has run already does not count.
    private IReadOnlyList<PlacedGroup>? Replan(PlacedFailure failure)
    {
        if (failure.Devices.Count == 0)
        {
            return null;
        }

        Console.Error.WriteLine($"{failure.Error.Message}; going on without it: {Counted(failure.Needed.Count, "kernel")} on {string.Join(", ", failure.Devices)}");
        if (request.Costs is not { Machine: var machine })
        {
            return [.. failure.Needed.Select(g => new PlacedGroup(g, failure.Devices[0]))];
        }

        IReadOnlyList<string> gone = [.. machine.Devices.Select(d => d.Name).Except(failure.Devices)];
        var program = ProgramProblem.Of(engine.Fused, request.Costs, Time, new ProgramOptions { Forbidden = ProgramProblem.GroupNames(engine.Fused).ToDictionary(g => g, _ => gone) });
        return Placer.Place(program.Problem).Run is { } run
            ? program.DevicesOf(run.Plan) is var on ? [.. failure.Needed.Select(g => new PlacedGroup(g, on[g]))] : null
            : [.. failure.Needed.Select(g => new PlacedGroup(g, failure.Devices[0]))];
    }
}
