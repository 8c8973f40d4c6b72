using System.Runtime.InteropServices;

namespace Lepton.Runtime.Memory;

/// <summary>Native memory aligned to 64 bytes (a cache line, and the widest vector register), counted, so that no user of it sees it freed.</summary>
internal sealed unsafe class AlignedMemory : SafeHandle
{
    internal const int Alignment = 64;

    // Set once a raw span was handed out: the collector cannot see whether that is still in use, so only Dispose may free then.
    private volatile bool _exposed;
    private volatile bool _disposed;

    // How far the address lies behind the start of what was allocated.
    private readonly int _offset;

    internal AlignedMemory(long bytes, bool zeroed)
        : base(0, ownsHandle: true)
    {
        // Never of size 0, so that an empty tensor has an address too; whole lines, so that a wide load at the end stays inside.
        Bytes = checked((Math.Max(bytes, 1) + Alignment - 1) & ~(Alignment - 1L));
        handle = (nint)LargePages.Allocate(Bytes, Alignment);
        if (zeroed)
        {
            NativeMemory.Clear((void*)handle, (nuint)Bytes);
        }
    }

    /// <summary>Takes over memory that <see cref="LargePages.Allocate"/> gave, from an offset on.</summary>
    internal AlignedMemory(byte* start, int offset, long bytes)
        : base(0, ownsHandle: true)
    {
        (_offset, Bytes, handle) = (offset, bytes, (nint)(start + offset));
    }

    /// <summary>The size in bytes, a multiple of 64.</summary>
    internal long Bytes { get; }

    public override bool IsInvalid => handle == 0;

    /// <summary>The address, for use while a reference is held.</summary>
    internal byte* Pointer => (byte*)handle;

    /// <summary>The address, for a span whose life the collector cannot follow.</summary>
    internal byte* Expose()
    {
        ObjectDisposedException.ThrowIf(_disposed || IsClosed, typeof(Tensors.OwnedTensor));
        _exposed = true;
        return (byte*)handle;
    }

    /// <summary>Counts a user in, who ends with <see cref="SafeHandle.DangerousRelease"/>. None comes in after Dispose, even while others still are.</summary>
    internal byte* AddUser()
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(Tensors.OwnedTensor));
        var added = false;
        DangerousAddRef(ref added);
        return (byte*)handle;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _disposed = true;
        }

        base.Dispose(disposing);
    }

    protected override bool ReleaseHandle()
    {
        if (_disposed || !_exposed)
        {
            NativeMemory.AlignedFree((byte*)handle - _offset);
        }

        return true;
    }
}
