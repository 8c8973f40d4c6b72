namespace Lepton.Runtime.Devices;

/// <summary>Something that was submitted to a <see cref="DeviceQueue"/>: when it is done, and whether it failed.</summary>
public sealed class DeviceEvent
{
    private readonly DeviceQueue _queue;
    private readonly Action _work;
    private readonly Lock _gate = new();
    private List<DeviceEvent>? _next;
    private ManualResetEventSlim? _signal;
    private Exception? _earlier;
    private int _open = 1;
    private volatile bool _isDone;

    internal DeviceEvent(DeviceQueue queue, Action work) => (_queue, _work) = (queue, work);

    /// <summary>Whether it is over: done, failed, or never begun because something before it failed.</summary>
    public bool IsDone => _isDone;

    /// <summary>When the work began, as <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> counts; 0: it did not.</summary>
    public long Start { get; private set; }

    /// <summary>When it ended; 0: not yet, or it did not begin.</summary>
    public long End { get; private set; }

    /// <summary>Why it failed; null: it did not, or is not over.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Waits until it is over, and throws what it failed with.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled: the waiting ends, not the work.</exception>
    public void Wait(CancellationToken cancellation = default)
    {
        WaitQuietly(cancellation);
        if (Error is { } error)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
        }
    }

    internal void WaitQuietly(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            if (!_isDone)
            {
                _signal ??= new ManualResetEventSlim();
            }
        }

        _signal?.Wait(cancellation);
    }

    /// <summary>Becomes ready when all of these are done; then the queue runs it.</summary>
    internal void Begin(ReadOnlySpan<DeviceEvent> after)
    {
        foreach (var earlier in after)
        {
            Interlocked.Increment(ref _open);
            if (!earlier.Add(this))
            {
                Release(earlier.Error);
            }
        }

        Release(null);
    }

    /// <summary>Runs the work; on the queue's thread.</summary>
    internal void Run()
    {
        Start = System.Diagnostics.Stopwatch.GetTimestamp();
        Exception? error = null;
        try
        {
            _work();
        }
        catch (Exception e)
        {
            error = e;
        }

        End = System.Diagnostics.Stopwatch.GetTimestamp();
        Finish(error);
    }

    internal void Finish(Exception? error)
    {
        List<DeviceEvent>? next;
        lock (_gate)
        {
            (Error, next, _next) = (error, _next, null);
            _isDone = true;
            _signal?.Set();
        }

        // A chain of events that fail one by the other may be as long as a program: no recursion.
        var failed = new Queue<(DeviceEvent Event, Exception Error)>();
        Pass(next, error, failed);
        while (failed.TryDequeue(out var one))
        {
            lock (one.Event._gate)
            {
                (one.Event.Error, next, one.Event._next) = (one.Error, one.Event._next, null);
                one.Event._isDone = true;
                one.Event._signal?.Set();
            }

            Pass(next, one.Error, failed);
        }
    }

    private static void Pass(List<DeviceEvent>? next, Exception? error, Queue<(DeviceEvent Event, Exception Error)> failed)
    {
        foreach (var later in next ?? [])
        {
            if (later.Close(error) is { } failure)
            {
                failed.Enqueue((later, failure));
            }
        }
    }

    private bool Add(DeviceEvent later)
    {
        lock (_gate)
        {
            if (_isDone)
            {
                return false;
            }

            (_next ??= []).Add(later);
            return true;
        }
    }

    private void Release(Exception? error)
    {
        if (Close(error) is { } failure)
        {
            Finish(failure);
        }
    }

    // One thing less to wait for. The last one hands the event to its queue, or says what it fails with.
    private Exception? Close(Exception? error)
    {
        if (error is not null)
        {
            Interlocked.CompareExchange(ref _earlier, error, null);
        }

        if (Interlocked.Decrement(ref _open) > 0)
        {
            return null;
        }

        return _earlier ?? _queue.Enqueue(this);
    }
}
