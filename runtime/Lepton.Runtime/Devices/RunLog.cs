using System.Diagnostics;
using Lepton.Runtime.Profiling;

namespace Lepton.Runtime.Devices;

/// <summary>Collects what happened in a run, and in those that went on for it.</summary>
internal sealed class RunLog
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<TimelineSpan> _spans = [];

    public void Add(PlacedStep step, string name, DeviceEvent done) =>
        _spans.Add(new TimelineSpan(step.Device.Name, step.IsCopy ? SpanKind.Copy : SpanKind.Segment, name, Seconds(done.Start), Seconds(done.End)));

    public void Add(PlacedSegment segment, LaunchRecorder recorder)
    {
        foreach (var launch in recorder.Launches)
        {
            if (launch.Kernel >= 0 && launch.Kernel < segment.Kernels.Count)
            {
                _spans.Add(new TimelineSpan(segment.Device.Name, SpanKind.Kernel, segment.Kernels[(int)launch.Kernel], Seconds(launch.Start), Seconds(launch.End)));
            }
        }
    }

    public PlacedTimeline ToTimeline() => new(Seconds(Stopwatch.GetTimestamp()), [.. _spans.OrderBy(s => s.Start).ThenBy(s => s.Kind)]);

    private double Seconds(long ticks) => (ticks - _start) / (double)Stopwatch.Frequency;
}
