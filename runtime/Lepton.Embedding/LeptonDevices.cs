using Lepton.Compiler;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;
#if ILGPU
using Lepton.Runtime.Ilgpu;
#endif

namespace Lepton.Embedding;

/// <summary>Opens devices of this machine by the names and kinds that plans and machine files use.</summary>
public static class LeptonDevices
{
    private static readonly string[] Hosts = ["cpu", "clr"];

    /// <summary>Whether a kind of device can be opened by this build; others can only be planned for. Whether this machine has it, opening it shows.</summary>
    public static bool CanOpen(string kind) =>
        Hosts.Contains(kind) || DeviceChoice.OpenClNumber(kind) is not null || (DeviceChoice.HasIlgpu && DeviceChoice.IsIlgpu(kind));

    /// <summary>The number of the OpenCL device that a name and a kind stand for; null: the kind is another.</summary>
    public static int? OpenClNumber(string name, string kind) =>
        kind.Contains(':', StringComparison.Ordinal) ? DeviceChoice.OpenClNumber(kind) : DeviceChoice.OpenClNumber(kind) is { } first ? DeviceChoice.OpenClNumber(name) ?? first : null;

    /// <summary>A device. Dispose it.</summary>
    /// <param name="name">What plans call it.</param>
    /// <param name="kind">
    /// What it is: <c>cpu</c>, <c>clr</c>, <c>opencl</c> or <c>opencl:1</c>, in builds with ILGPU <c>ilgpu:cuda:0</c> and so on. Where <c>opencl</c> stands
    /// alone, the number is that of the name, if that is <c>opencl:1</c> or so, else 0.
    /// </param>
    /// <param name="threads">How many threads work on one kernel; 0: one for each processor. Of cpu and clr.</param>
    /// <param name="cores">The cores that its own thread stays on; null: any. Of cpu and clr.</param>
    /// <exception cref="ArgumentException">There is no such kind of device here, or no such core.</exception>
    /// <exception cref="LeptonException">This machine has no such OpenCL device or ILGPU device; the message says what it has.</exception>
    public static Device Open(string name, string kind, int threads = 0, IReadOnlyList<int>? cores = null)
    {
        if (Hosts.Contains(kind))
        {
            return new HostDevice(name, kind, threads, cores);
        }

        if (OpenClNumber(name, kind) is { } number)
        {
            return new OpenClExecutor(name, OpenClDevice.Get(number));
        }

#if ILGPU
        if (DeviceChoice.IsIlgpu(kind))
        {
            return new IlgpuExecutor(name, IlgpuDevice.Get(kind));
        }
#endif

        throw new ArgumentException(DeviceChoice.IsIlgpu(kind)
            ? $"device {name} is of kind {kind}: {DeviceChoice.NoIlgpu}"
            : $"device {name} is of kind {kind}, which can be planned for but does not run here; {string.Join(", ", DeviceChoice.Names)} do");
    }
}
