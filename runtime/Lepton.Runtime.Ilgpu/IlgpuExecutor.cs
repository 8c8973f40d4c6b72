using Lepton.Runtime.Devices;

namespace Lepton.Runtime.Ilgpu;

/// <summary>
/// A device of ILGPU as one of several that a program is placed on. Segments find their tensors in the host's memory: each brings what it reads, and takes back
/// what it makes. Parameters stay on the device.
/// </summary>
/// <param name="name">What plans and messages call it.</param>
/// <param name="device">Which it is.</param>
public sealed class IlgpuExecutor(string name, IlgpuDevice device) : Device(name, device.Name, threads: 1)
{
    /// <inheritdoc/>
    public override void Run(Invocation call, CancellationToken cancellation = default)
    {
        try
        {
            call.Run(cancellation);
        }
        catch (LeptonRunException e) when (e.Device is not null)
        {
            throw new DeviceFailedException(Name, e.Message, e);
        }
    }
}
