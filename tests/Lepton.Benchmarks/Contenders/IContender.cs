namespace Lepton.Benchmarks.Contenders;

/// <summary>One who computes a workload: everything is loaded and bound, only running is left.</summary>
internal interface IContender : IDisposable
{
    string Name { get; }

    /// <summary>Runs for about so many seconds, at least once; the median of seconds per run.</summary>
    double Time(double seconds);

    /// <summary>What the last run computed, row-major.</summary>
    float[] Output();
}
