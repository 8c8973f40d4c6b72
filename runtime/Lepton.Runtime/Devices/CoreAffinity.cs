using System.Runtime.InteropServices;

namespace Lepton.Runtime.Devices;

/// <summary>Keeps the calling thread on some cores. Linux: <c>sched_setaffinity(2)</c>; other systems have no such call here.</summary>
internal static unsafe partial class CoreAffinity
{
    /// <exception cref="ArgumentException">There is no such core, or the system cannot do it.</exception>
    internal static void Check(IReadOnlyList<int> cores)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new ArgumentException("a device can be kept on cores on Linux only; leave its cores out", nameof(cores));
        }

        if (cores.Count == 0)
        {
            throw new ArgumentException("a device needs one core at least", nameof(cores));
        }

        var allowed = Allowed();
        if (cores.Where(c => !allowed.Contains(c)).ToList() is [var core, ..])
        {
            throw new ArgumentException($"there is no core {core} for this process; there are {string.Join(", ", allowed.ToList())}", nameof(cores));
        }
    }

    /// <summary>The core that the calling thread is on; -1: the system does not say.</summary>
    internal static int Current => OperatingSystem.IsLinux() ? GetCore() : -1;

    /// <summary>The cores that this process may use, as its first thread may: their numbers may have holes in a container. Linux only.</summary>
    internal static CoreSet Allowed()
    {
        var cores = default(CoreSet);
        _ = GetAffinity(Environment.ProcessId, (nuint)sizeof(CoreSet), &cores);
        return cores;
    }

    /// <summary>The calling thread, from now on. A core that was taken from the process in the meantime is no error: then it runs where it may.</summary>
    internal static void Set(CoreSet cores) => _ = SetAffinity(0, (nuint)sizeof(CoreSet), &cores);

    [LibraryImport("libc", EntryPoint = "sched_getcpu")]
    [SuppressGCTransition]
    private static partial int GetCore();

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint bytes, CoreSet* cores);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nuint bytes, CoreSet* cores);
}
