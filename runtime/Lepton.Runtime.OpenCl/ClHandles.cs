using System.Runtime.InteropServices;

namespace Lepton.Runtime.OpenCl;

/// <summary>Something of OpenCL that is released once. What it was made of must live as long: drivers count that too.</summary>
internal abstract class ClHandle : SafeHandle
{
    private static int _alive;

    protected ClHandle(nint made)
        : base(0, ownsHandle: true)
    {
        SetHandle(made);
        Interlocked.Increment(ref _alive);
    }

    /// <summary>How many there are that nobody has released.</summary>
    internal static int Alive => Volatile.Read(ref _alive);

    public sealed override bool IsInvalid => handle == 0;

    internal nint Id => handle;

    /// <summary>The function of OpenCL that releases it.</summary>
    protected abstract int Release(nint id);

    protected sealed override bool ReleaseHandle()
    {
        Interlocked.Decrement(ref _alive);
        return Release(handle) == 0;
    }
}

internal sealed class ClContext(nint made) : ClHandle(made)
{
    protected override int Release(nint id) => Cl.ReleaseContext(id);
}

/// <summary>An in-order queue.</summary>
internal sealed class ClQueue(nint made) : ClHandle(made)
{
    protected override int Release(nint id) => Cl.ReleaseCommandQueue(id);
}

internal sealed class ClProgram(nint made) : ClHandle(made)
{
    protected override int Release(nint id) => Cl.ReleaseProgram(id);
}

/// <summary>A kernel with its arguments: for one thread at a time.</summary>
internal sealed class ClKernel(nint made) : ClHandle(made)
{
    protected override int Release(nint id) => Cl.ReleaseKernel(id);
}

/// <summary>Memory that kernels see: the device's own, or the process's in place.</summary>
internal sealed class ClBuffer(nint made, long bytes) : ClHandle(made)
{
    internal long Bytes => bytes;

    protected override int Release(nint id) => Cl.ReleaseMemObject(id);
}

internal sealed class ClEvent(nint made) : ClHandle(made)
{
    protected override int Release(nint id) => Cl.ReleaseEvent(id);
}
