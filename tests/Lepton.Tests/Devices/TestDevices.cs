using System.Runtime.InteropServices;
using Lepton.Runtime;
using Lepton.Runtime.Devices;

namespace Lepton.Tests.Devices;

/// <summary>A device with a memory of its own, which starts with nonsense in it: what nobody copied is not there by chance.</summary>
internal sealed class OwnMemoryDevice(string name, string kind = "clr") : Device(name, kind, threads: 1)
{
    private int _memories;

    public override bool SharesHostMemory => false;

    /// <summary>How many pieces of memory are not given back.</summary>
    public int Memories => _memories;

    public override DeviceMemory Allocate(long bytes)
    {
        var memory = base.Allocate(bytes);
        unsafe
        {
            NativeMemory.Fill((void*)memory.Address, (nuint)memory.Bytes, 0xff);
        }

        Interlocked.Increment(ref _memories);
        return new Counted(this, memory);
    }

    private sealed class Counted(OwnMemoryDevice device, DeviceMemory memory) : DeviceMemory(memory.Address, memory.Bytes)
    {
        public override void Dispose()
        {
            memory.Dispose();
            Interlocked.Decrement(ref device._memories);
        }
    }
}

/// <summary>A device that fails at a call, and at all that come after.</summary>
internal sealed class FailingDevice(string name, int calls, string kind = "clr", bool ownMemory = false) : Device(name, kind, threads: 1)
{
    private int _left = calls;

    public override bool SharesHostMemory => !ownMemory;

    public override void Run(Invocation call, CancellationToken cancellation = default)
    {
        if (Interlocked.Decrement(ref _left) < 0)
        {
            throw new DeviceFailedException(Name, "unplugged");
        }

        base.Run(call, cancellation);
    }
}

/// <summary>A device with a memory of its own, in which nothing has a place.</summary>
internal sealed class FullDevice(string name) : Device(name, "clr", threads: 1)
{
    public override bool SharesHostMemory => false;

    public override DeviceMemory Allocate(long bytes) => throw new DeviceFailedException(Name, $"no memory for {bytes} bytes") { BytesAsked = bytes };
}
