using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Lepton.Runtime.Ilgpu;

/// <summary>Memory of a device.</summary>
internal sealed unsafe class DeviceBuffer : SafeHandle
{
    private static int _alive;

    private readonly MemoryBuffer1D<byte, Stride1D.Dense> _buffer;

    internal DeviceBuffer(MemoryBuffer1D<byte, Stride1D.Dense> buffer, long bytes)
        : base(0, ownsHandle: true)
    {
        (_buffer, Bytes) = (buffer, bytes);
        SetHandle(1);
        Interlocked.Increment(ref _alive);
    }

    /// <summary>How many there are that nobody has released.</summary>
    internal static int Alive => Volatile.Read(ref _alive);

    public override bool IsInvalid => handle == 0;

    /// <summary>How many bytes of it are asked for.</summary>
    internal long Bytes { get; }

    /// <summary>All of it, and the bytes behind it.</summary>
    internal ArrayView<byte> View => _buffer.View.BaseView;

    internal void Write(AcceleratorStream stream, long offset, nint from, long bytes)
    {
        if (bytes > 0)
        {
            View.SubView(offset, bytes).CopyFromCPU(stream, ref *(byte*)from, bytes);
        }
    }

    internal void Read(AcceleratorStream stream, long offset, nint to, long bytes)
    {
        if (bytes > 0)
        {
            View.SubView(offset, bytes).CopyToCPU(stream, ref *(byte*)to, bytes);
        }
    }

    protected override bool ReleaseHandle()
    {
        Interlocked.Decrement(ref _alive);
        _buffer.Dispose();
        return true;
    }
}
