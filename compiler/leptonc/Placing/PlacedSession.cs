using Lepton.Embedding;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Runtime;
using Lepton.Runtime.Devices;

namespace Lepton.CommandLine.Placing;

/// <summary>An entry on its devices, while a command runs it.</summary>
internal sealed class PlacedSession(PlacedRequest request, PlacedEngine engine, Replanner replanner, IReadOnlyList<Runtime.Devices.Device> devices) : IDisposable
{
    public PlacedEngine Engine => engine;

    public PlacedRequest Request => request;

    /// <summary>How to run it.</summary>
    public PlacedOptions Options(ParameterSet parameters) => new() { Parameters = parameters, OnFailure = request.Replans ? replanner.Answer : null };

    /// <summary>Runs on the caller's memory; messages of devices that fail say what the machine file says.</summary>
    /// <inheritdoc cref="PlacedEngine.Run"/>
    public void Run(ReadOnlySpan<TensorRef> inputs, ReadOnlySpan<TensorRef> outputs, PlacedOptions options)
    {
        try
        {
            engine.Run(inputs, outputs, options);
        }
        catch (DeviceFailedException e)
        {
            throw new UserException(request.Told(e));
        }
    }

    /// <summary>As above, and makes the results. Dispose them.</summary>
    public EntryResults Evaluate(ReadOnlySpan<TensorRef> inputs, PlacedOptions options, CancellationToken cancellation = default)
    {
        try
        {
            return engine.Evaluate(inputs, options, cancellation);
        }
        catch (DeviceFailedException e)
        {
            throw new UserException(request.Told(e));
        }
    }

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
}
