namespace Lepton.Runtime;

/// <summary>How to run an entry. Immutable: make one and use it for every run.</summary>
public sealed record RunOptions
{
    /// <summary>All processors, no parameters, no sizes by name.</summary>
    public static readonly RunOptions Default = new();

    /// <summary>How many threads may work on one run, the calling one among them; 0: one for each processor. Results do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>The values of the entry's parameters; may be null for an entry without any.</summary>
    public ParameterSet? Parameters { get; init; }

    /// <summary>Sizes by name: those that the shapes of the arguments do not determine. Others may be given too and must then agree.</summary>
    public IReadOnlyDictionary<string, long>? Sizes { get; init; }

    /// <summary>Writes down when each kernel ran; null: nobody does, and nothing is spent on it. Such options are for one run at a time.</summary>
    public Profiling.LaunchRecorder? Recorder { get; init; }

    internal int ThreadCount => Math.Clamp(Threads <= 0 ? Environment.ProcessorCount : Threads, 1, Threading.WorkPool.MaxThreads);
}
