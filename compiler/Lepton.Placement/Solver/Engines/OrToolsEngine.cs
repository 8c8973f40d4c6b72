#if OFFICIAL_PACKAGES
using Google.OrTools.Sat;
using Google.Protobuf;

namespace Lepton.Placement.Solver.Engines;

/// <summary>CP-SAT of the package Google.OrTools, inside this process and on all of its cores.</summary>
public sealed class OrToolsEngine : ICpEngine
{
    public string Name => "CP-SAT of Google.OrTools";

    public void Start()
    {
        // It is inside this process: the first solve loads a library.
    }

    public EngineAnswer Solve(byte[] model, CpParameters parameters, Action<string>? log, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested)
        {
            return new EngineAnswer(EngineOutcome.Cancelled, [], "cancelled");
        }

        try
        {
            using var solver = new SolveWrapper();
            solver.SetStringParameters((parameters with { Workers = Math.Max(parameters.Workers, Environment.ProcessorCount) }).ToText());
            using var stop = cancel.Register(solver.StopSearch);
            var response = solver.Solve(Google.OrTools.Sat.CpModelProto.Parser.ParseFrom(model));
            return new EngineAnswer(EngineOutcome.Answered, response.ToByteArray(), "");
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            return new EngineAnswer(EngineOutcome.Missing, [], $"the native library of Google.OrTools cannot be loaded: {e.Message}");
        }
    }

    public void Dispose()
    {
    }
}
#endif
