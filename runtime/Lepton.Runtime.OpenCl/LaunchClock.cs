using System.Diagnostics;
using Lepton.Runtime.Profiling;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// The launches of a run that are under way. Keeps the host from running far ahead of the device, so that a run can be cancelled and a loop of a
/// million rounds does not fill the driver's memory; and tells a recorder when each kernel ran.
/// <code>
///   submitted  1 … 32 … 64 … 96        before 96 goes on, 64 must be done
///                  wait ▲     ▲ here
/// </code>
/// </summary>
internal sealed unsafe class LaunchClock(OpenClDevice device, nint queue, LaunchRecorder? recorder) : IDisposable
{
    private const int Together = 32;
    private const int MaxKept = 4096;

    // The thread that batches of a device are said to run on: no thread of .NET has it.
    private const long NoThread = 0;

    private readonly List<(ClEvent Event, int Kernel, long Chunks)> _kept = [];
    private ClEvent? _mark;
    private int _count;
    private long _first;
    private long? _shift;

    /// <summary>Whether the next launch needs an event. It is submitted right after this.</summary>
    internal bool WantsEvent()
    {
        _first = recorder is not null && _first == 0 ? Stopwatch.GetTimestamp() : _first;
        return recorder is not null || (_count + 1) % Together == 0;
    }

    /// <summary>A launch was submitted.</summary>
    /// <param name="made">Its event, or 0.</param>
    /// <param name="kernel">Its number in the module.</param>
    /// <param name="chunks">Of how many chunks.</param>
    internal void Launched(nint made, int kernel, long chunks)
    {
        _count++;
        if (made == 0)
        {
            return;
        }

        var happening = new ClEvent(made);
        if (recorder is null)
        {
            Await(happening);
            return;
        }

        _kept.Add((happening, kernel, chunks));
        if (_kept.Count == MaxKept)
        {
            device.Check(Cl.Finish(queue), "clFinish");
            Read();
        }
    }

    /// <summary>Tells the recorder of the launches so far, which are done.</summary>
    internal void Read()
    {
        foreach (var (happening, kernel, chunks) in _kept)
        {
            // The device counts from a start of its own: the first launch was submitted when we saw it.
            _shift ??= _first - Time(happening, ClNumbers.ProfilingCommandQueued);
            var (start, end) = (Time(happening, ClNumbers.ProfilingCommandStart), Time(happening, ClNumbers.ProfilingCommandEnd));
            recorder!.Add(new LaunchRecord(kernel, chunks, start + _shift.Value, end + _shift.Value), NoThread);
            happening.Dispose();
        }

        _kept.Clear();
    }

    public void Dispose()
    {
        _mark?.Dispose();
        _kept.ForEach(static k => k.Event.Dispose());
        _kept.Clear();
    }

    private void Await(ClEvent happening)
    {
        var earlier = _mark;
        _mark = happening;
        _ = Cl.Flush(queue);
        if (earlier is null)
        {
            return;
        }

        using (earlier)
        {
            var id = earlier.Id;
            device.Check(Cl.WaitForEvents(1, &id), "clWaitForEvents");
        }
    }

    // Nanoseconds of the device's clock as ticks of ours.
    private long Time(ClEvent happening, uint what)
    {
        ulong time;
        device.Check(Cl.GetEventProfilingInfo(happening.Id, what, sizeof(ulong), &time, null), "clGetEventProfilingInfo");
        return (long)(time / 1e9 * Stopwatch.Frequency);
    }
}
