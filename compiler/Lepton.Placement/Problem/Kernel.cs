using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>One piece of work that runs on one device without interruption: after fusion, a whole group.</summary>
/// <param name="Seconds">
/// By device, in seconds; +∞ where it cannot run. A kernel of zero seconds takes no stream: inputs that lie on a device, and results that
/// must come back, are such kernels, pinned.
/// </param>
/// <param name="WeightBytes">What lies on its device for the whole run.</param>
/// <param name="Group">Kernels of one group (0, 1, …) stand on one device; <see cref="NoGroup"/> for a kernel on its own.</param>
/// <param name="Pin">The device it must stand on, or <see cref="NoPin"/>.</param>
/// <param name="Forbidden">Devices it must not stand on.</param>
public sealed record Kernel(
    string Name,
    ValueList<double> Seconds,
    double WeightBytes = 0,
    int Group = Kernel.NoGroup,
    int Pin = Kernel.NoPin,
    ValueList<int> Forbidden = default)
{
    public const int NoGroup = -1;

    public const int NoPin = -1;

    /// <summary>This kernel by itself may stand on the device; its group may still be narrower.</summary>
    public bool Allows(int device) =>
        double.IsFinite(Seconds[device]) && (Pin == NoPin || Pin == device) && !Forbidden.Contains(device);
}

/// <summary>What one kernel hands to others.</summary>
/// <param name="Producer">Index of the kernel that makes it.</param>
/// <param name="Consumers">Indices of the kernels that read it, each once; none for a result of the program.</param>
public sealed record Tensor(string Name, int Producer, double Bytes, ValueList<int> Consumers);
