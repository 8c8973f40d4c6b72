namespace Lepton.Placement.Problem;

/// <summary>
/// The way from one device to another one; the way back is a link of its own. Two devices without a link cannot hand over a tensor;
/// within one device nothing is copied and nothing paid.
/// </summary>
/// <param name="From">Index of the device that sends.</param>
/// <param name="To">Index of the device that receives, another one.</param>
/// <param name="LatencySeconds">Seconds before the first byte arrives: launch, distance / signal speed.</param>
/// <param name="BytesPerSecond">Bytes per second; +∞ for memory that both share.</param>
/// <param name="UsdPerGigabyte">Price of 10⁹ bytes.</param>
public sealed record Link(int From, int To, double LatencySeconds, double BytesPerSecond, double UsdPerGigabyte = 0)
{
    /// <summary>Seconds on top of the latency in a run that pushes what a hand-over needs out of the caches.</summary>
    public double ColdSeconds { get; init; }

    /// <summary>How long a copy of so many bytes takes, in seconds.</summary>
    public double Seconds(double bytes) => LatencySeconds + (bytes / BytesPerSecond);

    /// <summary>What a copy of so many bytes costs, in usd.</summary>
    public double Usd(double bytes) => bytes / 1e9 * UsdPerGigabyte;
}
