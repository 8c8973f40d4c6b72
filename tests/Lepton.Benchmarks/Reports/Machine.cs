namespace Lepton.Benchmarks.Reports;

/// <summary>Where and against whom it was measured.</summary>
internal sealed record Machine(string Processor, int Cores, DateTime Started, IReadOnlyList<string> Peers)
{
    public static Machine Here(IReadOnlyList<string> peers)
    {
        const string Info = "/proc/cpuinfo";
        var model = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return new Machine(model?.Split(':', 2)[1].Trim() ?? "unknown", Environment.ProcessorCount, DateTime.UtcNow, peers);
    }
}
