namespace Lepton.Runtime.Devices;

/// <summary>What a piece of a timeline is.</summary>
public enum SpanKind
{
    /// <summary>A segment of the program.</summary>
    Segment,

    /// <summary>A copy of a tensor.</summary>
    Copy,

    /// <summary>A kernel inside a segment.</summary>
    Kernel,
}

/// <summary>Something that a device did in a run.</summary>
/// <param name="Device">The device.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Name">The segment, the tensor that was copied, or the kernel.</param>
/// <param name="Start">Seconds from the start of the run.</param>
/// <param name="End">Seconds from the start of the run.</param>
public sealed record TimelineSpan(string Device, SpanKind Kind, string Name, double Start, double End);

/// <summary>What every device did in a run.</summary>
/// <param name="Seconds">From the start of the run to its end.</param>
/// <param name="Spans">In the order of their starts.</param>
public sealed record PlacedTimeline(double Seconds, IReadOnlyList<TimelineSpan> Spans);
