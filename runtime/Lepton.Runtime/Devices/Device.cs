namespace Lepton.Runtime.Devices;

/// <summary>
/// What runs compiled code: memory, copies to and from it, calls of entries, and two queues that keep their order by events.
/// <code>
///   Work     ── segment ── segment ───────── segment ──▶      one thread, one call at a time
///   Copies   ────── copy in ── copy out ── copy in ─────▶     another, beside it
/// </code>
/// A kind of device says what its memory is and how an entry is called; everything else is here. The base is a device that works in the memory
/// of the host. All members are thread-safe; <see cref="Copies"/> and <see cref="Work"/> call the others at the same time.
/// </summary>
/// <remarks>
/// A device that fails (lost, out of resources) throws <see cref="DeviceFailedException"/>. A program that fails on its data throws
/// <see cref="LeptonRunException"/>, as everywhere: that is not the device's fault.
/// </remarks>
public abstract class Device : IDisposable
{
    private int _isDisposed;

    /// <summary>A device.</summary>
    /// <param name="name">What plans and messages call it: <c>cpu</c>, <c>opencl:0</c>.</param>
    /// <param name="kind">What code for it is made by: <c>cpu</c>, <c>clr</c>, <c>opencl</c>.</param>
    /// <param name="threads">How many threads of the process's pool work on one call, its own among them; 0: one for each processor.</param>
    protected Device(string name, string kind, int threads = 0)
    {
        (Name, Kind, Threads) = (name, kind, threads);
        Work = new DeviceQueue($"lepton {name}", OnThreadStart);
        Copies = new DeviceQueue($"lepton {name} copies", OnThreadStart);
    }

    /// <summary>What plans and messages call it.</summary>
    public string Name { get; }

    /// <summary>What code for it is made by.</summary>
    public string Kind { get; }

    /// <summary>How many threads of the process's pool work on one call; 0: one for each processor.</summary>
    public int Threads { get; }

    /// <summary>Where entries run.</summary>
    public DeviceQueue Work { get; }

    /// <summary>Where copies run.</summary>
    public DeviceQueue Copies { get; }

    /// <summary>Whether its code reads and writes the memory of the host in place, so that nothing is copied.</summary>
    public virtual bool SharesHostMemory => true;

    /// <summary>Memory that entries of this device can be given, not cleared, aligned to 64 bytes. Dispose it.</summary>
    /// <exception cref="DeviceFailedException">No memory of that size.</exception>
    public virtual DeviceMemory Allocate(long bytes) => HostMemory.Of(Name, bytes);

    /// <summary>Copies from the host; done when it returns. Only called where memory is not shared.</summary>
    /// <param name="from">Address in the host's memory.</param>
    /// <param name="to">Memory of this device.</param>
    /// <param name="offset">Where in it, in bytes.</param>
    /// <param name="bytes">How many.</param>
    /// <exception cref="DeviceFailedException">The device is lost.</exception>
    public virtual unsafe void CopyIn(nint from, DeviceMemory to, long offset, long bytes) =>
        Buffer.MemoryCopy((void*)from, (byte*)to.Address + offset, to.Bytes - offset, bytes);

    /// <summary>Copies to the host; done when it returns. Only called where memory is not shared.</summary>
    /// <param name="from">Memory of this device.</param>
    /// <param name="offset">Where in it, in bytes.</param>
    /// <param name="to">Address in the host's memory.</param>
    /// <param name="bytes">How many.</param>
    /// <exception cref="DeviceFailedException">The device is lost.</exception>
    public virtual unsafe void CopyOut(DeviceMemory from, long offset, nint to, long bytes) =>
        Buffer.MemoryCopy((byte*)from.Address + offset, (void*)to, bytes, bytes);

    /// <summary>
    /// Runs an entry that was compiled for this kind of device; done when it returns. Its dense tensors lie in memory of this device
    /// (<see cref="DeviceMemory.Address"/> plus an offset), sparse ones and parameters in that of the host.
    /// </summary>
    /// <exception cref="DeviceFailedException">The device is lost.</exception>
    /// <exception cref="LeptonRunException">The program failed on its data.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    public virtual void Run(Invocation call, CancellationToken cancellation = default) => call.Run(cancellation);

    /// <summary>Lets work under way finish; what has not begun fails. Memory of the device must have been disposed before.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            Work.Dispose();
            Copies.Dispose();
            Release();
            GC.SuppressFinalize(this);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Called by each of its threads before anything else; must not throw.</summary>
    protected virtual void OnThreadStart()
    {
    }

    /// <summary>Gives back what the device holds; its queues are empty.</summary>
    protected virtual void Release()
    {
    }
}
