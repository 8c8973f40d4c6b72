using System.Diagnostics;
using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Devices;

namespace Lepton.Runtime.Threading;

/// <summary>
/// The one work-sharing pool of the process. Native code hands it the chunks of a kernel; the calling thread works too, and idle workers help.
/// A chunk does not know which thread runs it, and chunks are cut by size alone, so results never depend on the number of threads.
/// </summary>
/// <remarks>
/// A job is a slot of native memory, so a launch allocates nothing. Any number of launches may be under way, nested ones too: whoever launches
/// finishes alone if nobody helps, and waits only for helpers that are inside a chunk, so there is nothing to deadlock on.
/// </remarks>
internal static unsafe class WorkPool
{
    /// <summary>More threads than this are not used.</summary>
    internal const int MaxThreads = 256;

    private const int JobCount = 64;

    /// <summary>Batches for each thread: enough to even out unequal chunks, few enough to keep the counter quiet.</summary>
    private const long BatchesPerThread = 8;

    /// <summary>How long an idle worker looks for work before it sleeps; covers the gap between two launches of one run.</summary>
    private static readonly long SpinTicks = Stopwatch.Frequency / 50_000; // 20 µs

    private static readonly Job* Jobs = MakeJobs();
    private static readonly object[] CallerGates = MakeGates();
    private static readonly CoreSpread Cores = new();
    private static readonly object IdleGate = new();
    private static readonly object GrowGate = new();
    private static volatile int _workers;
    private static int _open;
    private static int _parked;
    private static int _spinners;

    /// <summary>The callback for <see cref="NativeContext.Parallel"/>.</summary>
    internal static delegate* unmanaged<NativeContext*, delegate* unmanaged<NativeContext*, void**, long*, long, long, void>, void**, long*, long, void>
        Callback => &Parallel;

    /// <summary>Makes sure that <paramref name="threads"/> threads, the caller among them, can work. Fewer if the system gives no more.</summary>
    internal static void Reserve(int threads)
    {
        if (_workers < threads - 1)
        {
            Grow(Math.Min(threads, MaxThreads) - 1);
        }
    }

    private static void Grow(int workers)
    {
        lock (GrowGate)
        {
            while (_workers < workers)
            {
                try
                {
                    // A pool thread belongs to no caller: it must not carry one's culture, principal or async-locals along.
                    var creator = CoreAffinity.Current;
                    new Thread(() => WorkerLoop(creator)) { IsBackground = true, Name = "lepton worker" }.UnsafeStart();
                }
                catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
                {
                    return; // the caller still does all the work that nobody takes from it
                }

                _workers++;
            }
        }
    }

    [UnmanagedCallersOnly]
    private static void Parallel(
        NativeContext* context,
        delegate* unmanaged<NativeContext*, void**, long*, long, long, void> kernel,
        void** buffers,
        long* sizes,
        long chunks) => Launch(context, kernel, buffers, sizes, chunks, (nint)context->Host); // where a run says how many threads it may use

    /// <summary>Runs all chunks of a kernel on up to so many threads.</summary>
    internal static void Launch(
        NativeContext* context,
        delegate* unmanaged<NativeContext*, void**, long*, long, long, void> kernel,
        void** buffers,
        long* sizes,
        long chunks,
        long threads)
    {
        var batch = Math.Max(1, chunks / (Math.Max(threads, 1) * BatchesPerThread));
        var helpers = Math.Min(threads, (chunks + batch - 1) / batch) - 1;
        var slot = helpers > 0 ? Claim() : -1;
        if (slot < 0)
        {
            if (chunks > 0)
            {
                kernel(context, buffers, sizes, 0, chunks);
            }

            return;
        }

        var job = Jobs + slot;
        job->Context = context;
        job->Kernel = kernel;
        job->Buffers = buffers;
        job->Sizes = sizes;
        (job->Chunks, job->Batch, job->Next) = (chunks, batch, 0);
        Interlocked.Increment(ref _open);
        Interlocked.Exchange(ref job->State, Job.Claimed | Job.Open | (helpers << Job.LimitShift));
        var interrupted = false;
        if (Volatile.Read(ref _parked) > 0)
        {
            Wake((int)helpers, ref interrupted);
        }

        var core = Cores.Enter();
        Job.Work(job);
        Cores.Leave(core);
        Interlocked.And(ref job->State, ~Job.Open);
        Interlocked.Decrement(ref _open);
        if ((Volatile.Read(ref job->State) & Job.ActiveMask) != 0)
        {
            AwaitHelpers(slot, ref interrupted);
        }

        Volatile.Write(ref job->State, 0);
        if (interrupted)
        {
            Thread.CurrentThread.Interrupt();
        }
    }

    private static int Claim()
    {
        for (var i = 0; i < JobCount; i++)
        {
            ref var state = ref Jobs[i].State;
            if (Volatile.Read(ref state) == 0 && Interlocked.CompareExchange(ref state, Job.Claimed, 0) == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static void AwaitHelpers(int slot, ref bool interrupted)
    {
        var job = Jobs + slot;
        var until = Stopwatch.GetTimestamp() + SpinTicks;
        while ((Volatile.Read(ref job->State) & Job.ActiveMask) != 0)
        {
            if (Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(10);
                continue;
            }

            // An exception must not cross native frames: an interrupt of this thread is kept until after the launch.
            try
            {
                lock (CallerGates[slot])
                {
                    Interlocked.Or(ref job->State, Job.Parked);
                    while ((Volatile.Read(ref job->State) & Job.ActiveMask) != 0)
                    {
                        Monitor.Wait(CallerGates[slot]);
                    }
                }
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
            }
        }
    }

    private static void Wake(int count, ref bool interrupted)
    {
        try
        {
            lock (IdleGate)
            {
                for (var i = Math.Min(count, _parked); i > 0; i--)
                {
                    Monitor.Pulse(IdleGate);
                }
            }
        }
        catch (ThreadInterruptedException)
        {
            interrupted = true; // nobody woken: the caller does the work alone
        }
    }

    private static void WorkerLoop(int creator)
    {
        CoreSpread.Start(creator);
        while (true)
        {
            if (!Help() && !SpinForWork())
            {
                Park();
            }
        }
    }

    /// <summary>Helps every job that can be joined; false when there was none.</summary>
    private static bool Help()
    {
        var helped = false;
        for (var i = 0; i < JobCount && Volatile.Read(ref _open) > 0; i++)
        {
            var job = Jobs + i;
            if (Job.TryJoin(job))
            {
                var core = Cores.EnterApart();
                Job.Work(job);
                Cores.Leave(core);
                Leave(i);
                helped = true;
            }
        }

        return helped;
    }

    private static void Leave(int slot)
    {
        var state = Interlocked.Decrement(ref Jobs[slot].State);
        if ((state & Job.ActiveMask) == 0 && (state & Job.Parked) != 0)
        {
            // The slot may be another job's by now; then this wakes somebody for nothing, who looks and sleeps again.
            lock (CallerGates[slot])
            {
                Monitor.PulseAll(CallerGates[slot]);
            }
        }
    }

    private static bool SpinForWork()
    {
        // One processor is the caller's; more spinners than the others would take time from one that works.
        var found = false;
        if (Interlocked.Increment(ref _spinners) < Environment.ProcessorCount)
        {
            var until = Stopwatch.GetTimestamp() + SpinTicks;
            while (!(found = AnyJoinable()) && Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(10);
            }
        }

        Interlocked.Decrement(ref _spinners);
        return found;
    }

    private static void Park()
    {
        lock (IdleGate)
        {
            // Sleepers are counted before the last look, and launches are published before the count is read: one of the two sees the other.
            Interlocked.Increment(ref _parked);
            if (!AnyJoinable())
            {
                Monitor.Wait(IdleGate);
            }

            Interlocked.Decrement(ref _parked);
        }
    }

    private static bool AnyJoinable()
    {
        for (var i = 0; i < JobCount && Volatile.Read(ref _open) > 0; i++)
        {
            if (Job.IsJoinable(Jobs + i, Volatile.Read(ref Jobs[i].State)))
            {
                return true;
            }
        }

        return false;
    }

    private static Job* MakeJobs()
    {
        // Lives as long as the process, as its workers do.
        var bytes = (nuint)(JobCount * sizeof(Job));
        var jobs = (Job*)NativeMemory.AlignedAlloc(bytes, 128);
        NativeMemory.Clear(jobs, bytes);
        return jobs;
    }

    private static object[] MakeGates()
    {
        var gates = new object[JobCount];
        for (var i = 0; i < JobCount; i++)
        {
            gates[i] = new object();
        }

        return gates;
    }
}
