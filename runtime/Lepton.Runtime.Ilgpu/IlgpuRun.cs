using System.Diagnostics;
using ILGPU;
using ILGPU.Runtime;
using Lepton.Runtime.Devices.Steps;
using Lepton.Runtime.Profiling;

namespace Lepton.Runtime.Ilgpu;

/// <summary>A place in memory that kernels see.</summary>
/// <param name="Buffer">The memory.</param>
/// <param name="Offset">Bytes from its start.</param>
internal readonly record struct ViewPlace(DeviceBuffer Buffer, long Offset);

/// <summary>
/// One run of an entry: carries out its steps on one stream, which does one thing after the other. Arguments come to the device with the first step
/// that uses them, parameters stay from run to run, results go at the end.
/// </summary>
internal sealed unsafe class IlgpuRun : StepRun<ViewPlace>, IDisposable
{
    // A launch of more work-items than this, each with memory of its own, is cut.
    private const long MaxScratchBytes = 64L << 20;

    // How many launches can report before the host must look: each has a place of its own, for the first launch that fails is the one that counts.
    private const int Reports = 16;

    // { lock, error, site, element, value, bound }, and what makes it a line.
    private const int ReportWords = 8;

    private const long NoThread = 0;

    private readonly IlgpuEntry _entry;
    private readonly IlgpuDevice _device;
    private readonly AcceleratorStream _stream;
    private readonly ViewPlace?[] _tensors;
    private readonly List<DeviceBuffer> _owned = [];
    private readonly List<(int Tensor, ViewPlace Place)> _given = [];
    private readonly DeviceBuffer _reports;
    private DeviceBuffer? _arena;
    private DeviceBuffer? _prepared;
    private int _launched;

    internal IlgpuRun(IlgpuEntry entry, EntryCall call)
        : base(entry, call)
    {
        (_entry, _device) = (entry, entry.Module.Device);
        _stream = _device.Accelerator.DefaultStream;
        _tensors = new ViewPlace?[entry.Tensors];
        _reports = _device.Grown(Kept.Reports, Reports * ReportWords * sizeof(long));
    }

    protected override ViewPlace Arena => new(_arena!, 0);

    protected override ViewPlace Prepared => new(_prepared!, 0);

    /// <summary>Everything from the first copy to the last. Whatever happens, nothing of the call is in use afterwards.</summary>
    internal void Do()
    {
        try
        {
            Call.Cancellation.ThrowIfCancellationRequested();
            ClearReports();
            PlaceParameters();
            Prepare();
            _arena = _device.Grown(Kept.Arena, PlaceArena(_entry.Arena));
            Steps(_entry.Body);
            Reported();
            Results();
        }
        catch (AcceleratorException e)
        {
            throw _device.Failure(e);
        }
        catch (OverflowException e)
        {
            throw new LeptonRunException($"{Call.Description}: a size does not fit into 64 bits", e);
        }
    }

    public void Dispose()
    {
        try
        {
            // What is under way uses the call's memory.
            _stream.Synchronize();
        }
        catch (AcceleratorException)
        {
            // Nothing is under way then; the run has failed for the same reason.
        }

        _owned.ForEach(static b => b.Dispose());
    }

    protected override ViewPlace Tensor(int number)
    {
        if (_tensors[number] is not { } place)
        {
            var bytes = Call.Bytes(number);
            place = new ViewPlace(Owned(bytes, "a tensor"), 0);
            if (number < _entry.FirstResult)
            {
                place.Buffer.Write(_stream, 0, Call.Address(number), bytes);
            }

            _tensors[number] = place;
        }

        return place;
    }

    protected override ViewPlace Constant(int number) => new(_entry.Module.Constant(number), 0);

    protected override ViewPlace Behind(ViewPlace place, long bytes) => place with { Offset = place.Offset + bytes };

    protected override ViewPlace Allocate(long bytes) => new(Owned(bytes, "a sparse tensor"), 0);

    protected override void Give(int tensor, ViewPlace place) => _given.Add((tensor, place));

    protected override void Copy(ViewPlace from, ViewPlace to, long bytes) =>
        from.Buffer.View.SubView(from.Offset, bytes).CopyTo(_stream, to.Buffer.View.SubView(to.Offset, bytes));

    protected override long Read(ViewPlace place, int bytes)
    {
        Reported();
        long number = 0;
        place.Buffer.Read(_stream, place.Offset, (nint)(&number), bytes);
        return bytes == 4 ? (int)number : number;
    }

    protected override void Launch(Step.Launch step, long chunks)
    {
        if (step.Kernel.CanFail && _launched == Reports)
        {
            Reported();
        }

        var report = step.Kernel.CanFail ? _launched++ : 0;
        var kernel = _entry.Module.Kernel(step.Number);
        var (scratch, together) = (step.Kernel.ScratchBytes, Math.Min(chunks, int.MaxValue));
        together = scratch > 0 ? Math.Clamp(MaxScratchBytes / scratch, 1, together) : together;
        var arguments = new List<object>();
        foreach (var (place, view) in step.Buffers.Zip(kernel.Views))
        {
            var at = At(place);
            arguments.Add(view(at.Buffer.View.SubView(at.Offset, at.Buffer.View.Length - at.Offset)));
        }

        foreach (var slot in step.Sizes)
        {
            arguments.Add(Sizes[slot]);
        }

        arguments.Add(_device.Grown(Kept.Scratch, together * scratch).View);
        arguments.Add(_reports.View.SubView(report * ReportWords * sizeof(long), ReportWords * sizeof(long)).Cast<long>());
        for (var first = 0L; first < chunks; first += together)
        {
            var count = Math.Min(together, chunks - first);
            var start = Call.Recorder is null ? 0 : Stopwatch.GetTimestamp();
            kernel.Kernel.Launch(_stream, new Index1D((int)count), [.. arguments, first]);
            if (Call.Recorder is { } recorder)
            {
                _stream.Synchronize();
                recorder.Add(new LaunchRecord(step.Number, count, start, Stopwatch.GetTimestamp()), NoThread);
            }
        }
    }

    // Parameters lie in a block of them all, which stays as long as their values do.
    private void PlaceParameters()
    {
        static long Rounded(long bytes) => (bytes + 63) & ~63L;

        var starts = new long[_entry.FirstResult - _entry.FirstParameter];
        var bytes = 0L;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = bytes;
            bytes += Rounded(Call.Bytes(_entry.FirstParameter + i));
        }

        if (starts.Length == 0)
        {
            return;
        }

        var block = (DeviceBuffer)Call.Keep(_entry.ParameterKey, bytes, () =>
        {
            var made = _device.Allocate(bytes, "parameters");
            for (var i = 0; i < starts.Length; i++)
            {
                made.Write(_stream, starts[i], Call.Address(_entry.FirstParameter + i), Call.Bytes(_entry.FirstParameter + i));
            }

            return made;
        });
        for (var i = 0; i < starts.Length; i++)
        {
            _tensors[_entry.FirstParameter + i] = new ViewPlace(block, starts[i]);
        }
    }

    // Once for the values of the parameters: another run may have done it.
    private void Prepare()
    {
        if (_entry.Prepared.Length == 0)
        {
            return;
        }

        var (key, bytes) = PlacePrepared();
        _prepared = (DeviceBuffer)Call.Keep(key, bytes, () =>
        {
            var made = _device.Allocate(bytes, "what is prepared");
            try
            {
                (_prepared, _arena) = (made, _device.Grown(Kept.Arena, PlaceArena(_entry.PrepareArena)));
                Steps(_entry.Prepare);
                Reported();
                return made;
            }
            catch
            {
                made.Dispose();
                throw;
            }
        });
    }

    private void Results()
    {
        for (var i = _entry.FirstResult; i < _tensors.Length; i++)
        {
            if (_tensors[i] is { } place)
            {
                place.Buffer.Read(_stream, place.Offset, Call.Address(i), Call.Bytes(i));
            }
        }

        foreach (var (tensor, place) in _given)
        {
            var bytes = Call.GivenBytes(tensor);
            var address = Call.Allocate(bytes);
            place.Buffer.Read(_stream, place.Offset, address, bytes);
            Call.Give(tensor, address);
        }

        _stream.Synchronize();
    }

    // Waits for all that was submitted. The first launch that failed is the one whose report counts, as if the run had ended there.
    private void Reported()
    {
        _stream.Synchronize();
        if (_launched == 0)
        {
            return;
        }

        var words = new long[Reports * ReportWords];
        fixed (long* start = words)
        {
            _reports.Read(_stream, 0, (nint)start, words.Length * sizeof(long));
        }

        for (var i = 0; i < _launched * ReportWords; i += ReportWords)
        {
            if (words[i + 1] != 0)
            {
                throw Call.Fail(words[i + 2], words[i + 3], words[i + 4], words[i + 5]);
            }
        }

        _launched = 0;
    }

    private void ClearReports() => _reports.View.MemSetToZero(_stream);

    private DeviceBuffer Owned(long bytes, string what)
    {
        var buffer = _device.Allocate(bytes, what);
        _owned.Add(buffer);
        return buffer;
    }
}
