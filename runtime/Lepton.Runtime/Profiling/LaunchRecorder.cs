using System.Diagnostics;
using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Threading;

namespace Lepton.Runtime.Profiling;

/// <summary>One launch of a kernel. Times are those of <see cref="Stopwatch.GetTimestamp"/>.</summary>
/// <param name="Kernel">Its number in the compiled module.</param>
/// <param name="Chunks">Into how many chunks its work was cut.</param>
/// <param name="Start">When the host program handed it over.</param>
/// <param name="End">When the last thread was done with it.</param>
public readonly record struct LaunchRecord(long Kernel, long Chunks, long Start, long End);

/// <summary>Some chunks of a launch that one thread did without a break.</summary>
/// <param name="Launch">Number of the launch, from 0 in the order of the run.</param>
/// <param name="Thread">The managed id of the thread.</param>
/// <param name="First">The first chunk.</param>
/// <param name="Limit">One past the last chunk.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
public readonly record struct BatchRecord(long Launch, long Thread, long First, long Limit, long Start, long End);

/// <summary>
/// Writes down when each kernel of a run started and ended, and on which threads. Give it to runs by <see cref="RunOptions.Recorder"/>, one run
/// at a time. It sees every launch of code that was compiled for profiling (CompileOptions.Profile); other code does not tell kernels apart.
/// </summary>
/// <remarks>
/// A run with a recorder has another callback in its <see cref="NativeContext"/>; a run without one does not know of it. Memory is taken when
/// the recorder is made: what does not fit is counted and not kept.
/// </remarks>
public sealed unsafe class LaunchRecorder : IDisposable
{
    private readonly AlignedMemory _memory;
    private readonly State* _state;

    /// <summary>A recorder.</summary>
    /// <param name="launches">How many launches it can keep; four times as many batches.</param>
    public LaunchRecorder(int launches = 1 << 16)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(launches);
        var batches = 4L * launches;
        var first = (sizeof(State) + 63L) & ~63L;
        _memory = new AlignedMemory(first + (launches * (long)sizeof(LaunchRecord)) + (batches * sizeof(BatchRecord)), zeroed: false);
        _state = (State*)_memory.Pointer;
        *_state = default;
        _state->Launches = (LaunchRecord*)(_memory.Pointer + first);
        _state->Batches = (BatchRecord*)(_state->Launches + launches);
        (_state->MaxLaunches, _state->MaxBatches) = (launches, batches);
    }

    /// <summary>How many launches and batches did not fit.</summary>
    public long Lost => Math.Max(0, _state->LaunchCount - _state->MaxLaunches) + Math.Max(0, _state->BatchCount - _state->MaxBatches);

    /// <summary>The launches since <see cref="Clear"/>, in order; valid until then.</summary>
    public ReadOnlySpan<LaunchRecord> Launches => new(_state->Launches, (int)Math.Min(_state->LaunchCount, _state->MaxLaunches));

    /// <summary>Their batches, in the order in which they ended; valid until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<BatchRecord> Batches => new(_state->Batches, (int)Math.Min(_state->BatchCount, _state->MaxBatches));

    /// <summary>Forgets everything.</summary>
    public void Clear() => (_state->LaunchCount, _state->BatchCount) = (0, 0);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Makes a run's launches come here. Code for profiling writes the kernel's number where errors name their site.</summary>
    internal void Attach(NativeContext* context, int threads)
    {
        _state->Threads = threads;
        context->Parallel = &Launch;
        context->Host = _state;
        context->Site = -1;
    }

    /// <summary>Writes down a launch that a device reported, as one batch of its own.</summary>
    /// <param name="launch">When and what.</param>
    /// <param name="thread">The number that its batch has in place of a thread's.</param>
    internal void Add(in LaunchRecord launch, long thread)
    {
        var number = _state->LaunchCount++;
        if (number < _state->MaxLaunches)
        {
            _state->Launches[number] = launch;
        }

        var batch = _state->BatchCount++;
        if (batch < _state->MaxBatches)
        {
            _state->Batches[batch] = new BatchRecord(number, thread, 0, launch.Chunks, launch.Start, launch.End);
        }
    }

    [UnmanagedCallersOnly]
    private static void Launch(
        NativeContext* context,
        delegate* unmanaged<NativeContext*, void**, long*, long, long, void> kernel,
        void** buffers,
        long* sizes,
        long chunks)
    {
        var state = (State*)context->Host;
        var (number, launch, start) = (context->Site, state->LaunchCount, Stopwatch.GetTimestamp());
        state->Kernel = kernel;
        WorkPool.Launch(context, &Batch, buffers, sizes, chunks, state->Threads);
        if (launch < state->MaxLaunches)
        {
            state->Launches[launch] = new LaunchRecord(number, chunks, start, Stopwatch.GetTimestamp());
        }

        state->LaunchCount = launch + 1;
    }

    [UnmanagedCallersOnly]
    private static void Batch(NativeContext* context, void** buffers, long* sizes, long first, long limit)
    {
        var state = (State*)context->Host;
        var start = Stopwatch.GetTimestamp();
        state->Kernel(context, buffers, sizes, first, limit);
        var end = Stopwatch.GetTimestamp();
        var batch = Interlocked.Increment(ref state->BatchCount) - 1;
        if (batch < state->MaxBatches)
        {
            state->Batches[batch] = new BatchRecord(state->LaunchCount, Environment.CurrentManagedThreadId, first, limit, start, end);
        }
    }

    // What native code's callbacks see: the kernels of one run come one after the other, its batches from several threads.
    private struct State
    {
        internal delegate* unmanaged<NativeContext*, void**, long*, long, long, void> Kernel;
        internal long Threads;
        internal LaunchRecord* Launches;
        internal BatchRecord* Batches;
        internal long MaxLaunches;
        internal long MaxBatches;
        internal long LaunchCount;
        internal long BatchCount;
    }
}
