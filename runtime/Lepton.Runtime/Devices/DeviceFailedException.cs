namespace Lepton.Runtime.Devices;

/// <summary>A device cannot go on: it is lost, out of resources, or refuses a call. The message names it, and what it was to do.</summary>
public sealed class DeviceFailedException : LeptonException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="device">The device's name.</param>
    /// <param name="reason">What went wrong, without the device's name.</param>
    /// <param name="inner">Where it comes from.</param>
    public DeviceFailedException(string device, string reason, Exception? inner = null)
        : this(device, null, reason, inner)
    {
    }

    private DeviceFailedException(string device, string? segment, string reason, Exception? inner)
        : base($"device {device} failed{(segment is null ? "" : $" in {segment}")}: {reason}", inner)
    {
        (Device, Segment, Reason) = (device, segment, reason);
        BytesAsked = (inner as DeviceFailedException)?.BytesAsked ?? (inner as LeptonRunException)?.BytesAsked;
    }

    /// <summary>The device's name.</summary>
    public string Device { get; }

    /// <summary>What it was to do: a segment, a copy, an allocation; null: not known where it was thrown.</summary>
    public string? Segment { get; }

    /// <summary>What went wrong.</summary>
    public string Reason { get; }

    /// <summary>The bytes that it was asked for and has no memory for; null: it failed otherwise.</summary>
    public long? BytesAsked { get; init; }

    /// <summary>The same with what the device was to do.</summary>
    /// <param name="segment">As in <c>segment mlp_0</c>, <c>the copy of h</c>.</param>
    public DeviceFailedException In(string segment) => new(Device, segment, Reason, this);
}
