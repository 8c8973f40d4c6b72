using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Devices;

/// <summary>A piece of a device's memory. Dispose it when no run uses it.</summary>
/// <param name="address">
/// What entries of the device are given for it. In shared memory the address itself; elsewhere a range of the host's addresses by which the device
/// knows its own memory, and which nobody else reads or writes.
/// </param>
/// <param name="bytes">Its size.</param>
public abstract class DeviceMemory(nint address, long bytes) : IDisposable
{
    /// <summary>What entries of the device are given for its first byte.</summary>
    public nint Address { get; } = address;

    /// <summary>Its size in bytes.</summary>
    public long Bytes { get; } = bytes;

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Memory of the host.</summary>
internal sealed class HostMemory : DeviceMemory
{
    private readonly AlignedMemory _memory;

    private unsafe HostMemory(AlignedMemory memory)
        : base((nint)memory.Pointer, memory.Bytes) => _memory = memory;

    /// <exception cref="DeviceFailedException">No memory of that size.</exception>
    internal static HostMemory Of(string device, long bytes)
    {
        if (bytes is < 0 or > TensorShape.MaxBytes)
        {
            throw new DeviceFailedException(device, $"{bytes} bytes of memory are too many") { BytesAsked = bytes };
        }

        try
        {
            return new HostMemory(new AlignedMemory(bytes, zeroed: false));
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceFailedException(device, $"no memory for {bytes} bytes", e) { BytesAsked = bytes };
        }
    }

    public override void Dispose() => _memory.Dispose();
}
