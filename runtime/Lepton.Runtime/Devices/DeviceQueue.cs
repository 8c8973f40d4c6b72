namespace Lepton.Runtime.Devices;

/// <summary>
/// A thread that runs what is submitted, one at a time, in the order in which it becomes ready: nothing in it waits for anything else, so no
/// order of submissions can lock it up. The thread starts with the first submission and ends after a while without any.
/// </summary>
public sealed class DeviceQueue : IDisposable
{
    private const int IdleMilliseconds = 10_000;

    private readonly object _gate = new();
    private readonly Queue<DeviceEvent> _ready = new();
    private readonly Action _onThreadStart;
    private Thread? _thread;
    private bool _isClosed;

    internal DeviceQueue(string name, Action onThreadStart) => (Name, _onThreadStart) = (name, onThreadStart);

    /// <summary>The name of its thread.</summary>
    public string Name { get; }

    /// <summary>Runs work on the queue's thread once all the given events are done; if one of them fails, this fails with the same, and does not run.</summary>
    /// <param name="work">What to do. What it throws is the event's error.</param>
    /// <param name="after">Events of this queue or of others.</param>
    public DeviceEvent Submit(Action work, params ReadOnlySpan<DeviceEvent> after)
    {
        var submitted = new DeviceEvent(this, work);
        submitted.Begin(after);
        return submitted;
    }

    /// <summary>Work under way finishes, what has not begun fails with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        DeviceEvent[] left;
        Thread? thread;
        lock (_gate)
        {
            _isClosed = true;
            left = [.. _ready];
            _ready.Clear();
            thread = _thread;
            Monitor.PulseAll(_gate);
        }

        Array.ForEach(left, e => e.Finish(new ObjectDisposedException(Name, $"{Name} is disposed")));
        if (thread is not null && thread != Thread.CurrentThread)
        {
            thread.Join();
        }
    }

    /// <summary>Null, or why it cannot run: this is called by threads of other queues, which must not pay for it.</summary>
    internal Exception? Enqueue(DeviceEvent ready)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return new ObjectDisposedException(Name, $"{Name} is disposed");
            }

            _ready.Enqueue(ready);
            if (_thread is not null)
            {
                Monitor.Pulse(_gate);
                return null;
            }

            _thread = new Thread(Loop) { IsBackground = true, Name = Name };
            try
            {
                _thread.UnsafeStart();
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                _thread = null;
                _ready.Clear();
                return new LeptonRunException($"no thread for {Name}: {e.Message}", e);
            }

            return null;
        }
    }

    private void Loop()
    {
        _onThreadStart();
        while (Take() is { } ready)
        {
            ready.Run();
        }
    }

    // Null: the thread ends.
    private DeviceEvent? Take()
    {
        lock (_gate)
        {
            while (_ready.Count == 0)
            {
                if (_isClosed || (!Monitor.Wait(_gate, IdleMilliseconds) && _ready.Count == 0))
                {
                    _thread = null;
                    return null;
                }
            }

            return _ready.Dequeue();
        }
    }
}
