using System.Runtime.InteropServices;
using Lepton.Runtime.Devices;

namespace Lepton.Runtime.Threading;

/// <summary>
/// Keeps threads that work at the same time on cores of their own. Linux may wake a worker on the core of the thread that wakes it and leave it there
/// for milliseconds, behind that thread: a kernel then takes as long on two threads as on one, for as long as the process runs.
/// </summary>
/// <remarks>
/// Whoever works is counted at its core. A worker that finds somebody there moves: to any core of the process on which nobody works. It may run on all
/// of those from then on, so the system still evens out what other processes do. Threads of the application are counted but never moved.
/// </remarks>
internal sealed unsafe class CoreSpread
{
    // Bytes of two cache lines, so that counting at one core does not disturb another.
    private const int Apart = 128;

    // Lives as long as the process, as the workers do.
    private readonly byte* _working = Counters();

    /// <summary>The calling thread works from now on, until <see cref="Leave"/> of what this gives.</summary>
    internal int Enter()
    {
        var core = CoreAffinity.Current;
        if ((uint)core < CoreSet.MaxCores)
        {
            Interlocked.Increment(ref At(core));
        }

        return core;
    }

    /// <summary>As <see cref="Enter"/>, of a worker: on a core where nobody else works, if there is one.</summary>
    internal int EnterApart()
    {
        var core = Enter();
        if ((uint)core >= CoreSet.MaxCores || Volatile.Read(ref At(core)) == 1)
        {
            return core;
        }

        Leave(core);
        var free = CoreAffinity.Allowed();
        for (var i = 0; i < CoreSet.MaxCores; i++)
        {
            if (free.Contains(i) && Volatile.Read(ref At(i)) > 0)
            {
                free.Remove(i);
            }
        }

        Move(free);
        return Enter();
    }

    internal void Leave(int core)
    {
        if ((uint)core < CoreSet.MaxCores)
        {
            Interlocked.Decrement(ref At(core));
        }
    }

    /// <summary>A new worker: on any core of the process but that of the thread that asked for it, whose own cores it would have otherwise.</summary>
    internal static void Start(int creator)
    {
        if (OperatingSystem.IsLinux())
        {
            var cores = CoreAffinity.Allowed();
            if (cores.Contains(creator))
            {
                cores.Remove(creator);
            }

            Move(cores);
        }
    }

    private static void Move(CoreSet cores)
    {
        if (cores.Count > 0)
        {
            CoreAffinity.Set(cores);
        }
    }

    private ref int At(int core) => ref *(int*)(_working + (core * Apart));

    private static byte* Counters()
    {
        var bytes = (nuint)(CoreSet.MaxCores * Apart);
        var counters = (byte*)NativeMemory.AlignedAlloc(bytes, Apart);
        NativeMemory.Clear(counters, bytes);
        return counters;
    }
}
