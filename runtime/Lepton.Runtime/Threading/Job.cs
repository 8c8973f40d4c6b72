using System.Runtime.InteropServices;
using Lepton.Abi;

namespace Lepton.Runtime.Threading;

/// <summary>One parallel launch while it runs. What is written by different threads at once lies on different cache lines.</summary>
/// <remarks>
/// <see cref="State"/> is the whole protocol:
/// <code>
///   0 ──claim──▶ Claimed ──publish──▶ Open | limit | active=0 ──close──▶ (no Open), active counts down ──▶ 0
/// </code>
/// A helper joins by compare-and-swap on the very word that says open and limit, and reads the other fields only after that. So a slot that was
/// closed and reused in between is no danger: the helper has joined the new job then.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal unsafe struct Job
{
    internal const long ActiveMask = 0xffff;
    internal const int LimitShift = 16;
    internal const long Open = 1L << 32;
    internal const long Claimed = 1L << 33;

    /// <summary>The caller sleeps until active is 0.</summary>
    internal const long Parked = 1L << 34;

    [FieldOffset(0)]
    internal NativeContext* Context;

    [FieldOffset(8)]
    internal delegate* unmanaged<NativeContext*, void**, long*, long, long, void> Kernel;

    [FieldOffset(16)]
    internal void** Buffers;

    [FieldOffset(24)]
    internal long* Sizes;

    [FieldOffset(32)]
    internal long Chunks;

    [FieldOffset(40)]
    internal long Batch;

    /// <summary>The first chunk that nobody has taken.</summary>
    [FieldOffset(128)]
    internal long Next;

    [FieldOffset(192)]
    internal long State;

    /// <summary>Takes batches until none is left.</summary>
    internal static void Work(Job* job)
    {
        var (chunks, batch) = (job->Chunks, job->Batch);
        while (Volatile.Read(ref job->Next) < chunks)
        {
            var first = Interlocked.Add(ref job->Next, batch) - batch;
            if (first >= chunks)
            {
                return;
            }

            job->Kernel(job->Context, job->Buffers, job->Sizes, first, Math.Min(first + batch, chunks));
        }
    }

    /// <summary>Joins as a helper; false when the job is closed, has enough helpers, or no chunks left.</summary>
    internal static bool TryJoin(Job* job)
    {
        var state = Volatile.Read(ref job->State);
        while (IsJoinable(job, state))
        {
            var seen = Interlocked.CompareExchange(ref job->State, state + 1, state);
            if (seen == state)
            {
                return true;
            }

            state = seen;
        }

        return false;
    }

    internal static bool IsJoinable(Job* job, long state) =>
        (state & Open) != 0
        && (state & ActiveMask) < ((state >> LimitShift) & ActiveMask)
        && Volatile.Read(ref job->Next) < Volatile.Read(ref job->Chunks);
}
