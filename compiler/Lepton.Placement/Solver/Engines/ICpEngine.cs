namespace Lepton.Placement.Solver.Engines;

/// <summary>What became of a request to an engine.</summary>
public enum EngineOutcome
{
    /// <summary>It answered with the bytes of a CpSolverResponse.</summary>
    Answered,

    /// <summary>The caller cancelled, and what was found is lost.</summary>
    Cancelled,

    /// <summary>It kept working long after its own limit, and was stopped.</summary>
    TimedOut,

    /// <summary>It ended, aborted or was killed in the middle.</summary>
    Died,

    /// <summary>It is not on this machine, or does not start.</summary>
    Missing,
}

/// <param name="Response">The bytes of a CpSolverResponse where it answered, otherwise empty.</param>
/// <param name="Message">Why it did not, in one sentence for the user; empty where it did.</param>
public sealed record EngineAnswer(EngineOutcome Outcome, byte[] Response, string Message);

/// <summary>One CP-SAT solver: bytes of a CpModelProto in, bytes of a CpSolverResponse out. It solves one model at a time.</summary>
public interface ICpEngine : IDisposable
{
    /// <summary>For reports.</summary>
    string Name { get; }

    /// <summary>Begins to start what takes time to, without waiting, so that the first solve finds it ready. A failure is that solve's.</summary>
    void Start();

    /// <summary>
    /// Solves. The engine keeps to <see cref="CpParameters.MaxSeconds"/> by itself; after a grace it is stopped. Never throws for what happens to the
    /// engine: that is an outcome.
    /// </summary>
    /// <param name="log">Called with the lines that it prints, from another thread, when <see cref="CpParameters.Log"/> is set.</param>
    EngineAnswer Solve(byte[] model, CpParameters parameters, Action<string>? log, CancellationToken cancel);
}
