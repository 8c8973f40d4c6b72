using System.Globalization;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;

namespace Lepton.Embedding;

/// <summary>Opens devices of this machine by the names that plans and machine files use.</summary>
public static class LeptonDevices
{
    private const string OpenCl = "opencl";
    private static readonly string[] Kinds = ["cpu", "clr", OpenCl];

    /// <summary>Whether a kind of device can be opened here; others can only be planned for.</summary>
    public static bool CanOpen(string kind) => Kinds.Contains(kind);

    /// <summary>A device. Dispose it.</summary>
    /// <param name="name">What plans call it. An OpenCL device has its number at the end, as in <c>opencl:1</c>; without one it is the first.</param>
    /// <param name="kind">What it is: <c>cpu</c>, <c>clr</c> or <c>opencl</c>.</param>
    /// <param name="threads">How many threads work on one kernel; 0: one for each processor. Of cpu and clr.</param>
    /// <param name="cores">The cores that its own thread stays on; null: any. Of cpu and clr.</param>
    /// <exception cref="ArgumentException">There is no such kind of device here, or no such core.</exception>
    /// <exception cref="OpenClMissingException">There is no such OpenCL device.</exception>
    public static Device Open(string name, string kind, int threads = 0, IReadOnlyList<int>? cores = null)
    {
        if (!CanOpen(kind))
        {
            throw new ArgumentException($"device {name} is of kind {kind}, which can be planned for but does not run here; {string.Join(", ", Kinds)} do");
        }

        if (kind != OpenCl)
        {
            return new HostDevice(name, kind, threads, cores);
        }

        var colon = name.LastIndexOf(':');
        var number = colon >= 0 && int.TryParse(name.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : 0;
        return new OpenClExecutor(name, OpenClDevice.Get(number));
    }
}
