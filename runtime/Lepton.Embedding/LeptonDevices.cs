using Lepton.Runtime.Devices;

namespace Lepton.Embedding;

/// <summary>Opens devices of this machine by the names that plans and machine files use.</summary>
public static class LeptonDevices
{
    private static readonly string[] Kinds = ["cpu", "clr"];

    /// <summary>Whether a kind of device can be opened here; others can only be planned for.</summary>
    public static bool CanOpen(string kind) => Kinds.Contains(kind);

    /// <summary>A device. Dispose it.</summary>
    /// <param name="name">What plans call it.</param>
    /// <param name="kind">What it is: <c>cpu</c> or <c>clr</c>.</param>
    /// <param name="threads">How many threads work on one kernel; 0: one for each processor.</param>
    /// <param name="cores">The cores that its own thread stays on; null: any.</param>
    /// <exception cref="ArgumentException">There is no such kind of device here, or no such core.</exception>
    public static Device Open(string name, string kind, int threads = 0, IReadOnlyList<int>? cores = null) => CanOpen(kind)
        ? new HostDevice(name, kind, threads, cores)
        : throw new ArgumentException($"device {name} is of kind {kind}, which can be planned for but does not run here; {string.Join(" and ", Kinds)} do");
}
