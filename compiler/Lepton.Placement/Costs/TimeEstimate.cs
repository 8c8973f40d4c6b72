namespace Lepton.Placement.Costs;

/// <summary>Where a predicted time comes from, the most trusted first.</summary>
public enum TimeSource
{
    /// <summary>It is 0 or +∞ by its meaning: an argument, a result, a device that cannot run the kernel.</summary>
    Given,

    /// <summary>The same kernel was measured on the same device (<c>leptonc profile --learn</c>).</summary>
    Learned,

    /// <summary>The formula, with numbers of the profile for this class of kernels.</summary>
    Calibrated,

    /// <summary>The formula, with the profile's numbers for any kernel.</summary>
    Profile,

    /// <summary>The formula with the numbers of an ordinary processor core: the machine file says nothing of the device.</summary>
    Assumed,
}

/// <summary>How long a kernel takes on a device, and why one thinks so.</summary>
/// <param name="Seconds">+∞ where it cannot run.</param>
/// <param name="Reason">In a few words, for the user: what bounds it, or why it cannot run.</param>
public sealed record TimeEstimate(double Seconds, TimeSource Source, string Reason);
