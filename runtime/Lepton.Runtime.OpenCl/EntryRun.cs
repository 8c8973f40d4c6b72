using Lepton.Abi.Devices;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// One run of an entry: carries out its steps on one in-order queue, without waiting but where a number decides what comes next.
/// <code>
///   copy arguments ─ launch ─ launch ─ … ─ read the byte behind a loop's round ─ launch ─ … ─ results and reports to the host ─ wait
/// </code>
/// </summary>
internal sealed unsafe partial class EntryRun
{
    private readonly EntrySteps _entry;
    private readonly EntryCall _call;
    private readonly OpenClSession _session;
    private readonly OpenClDevice _device;
    private readonly RunSpace _space;
    private readonly ClKernel?[] _kernels;
    private readonly LaunchClock _clock;
    private readonly nint _queue;
    private readonly long[] _sizes;
    private readonly long[] _stack;
    private readonly RunTensors _memory;
    private long[] _arena = [];
    private long[] _prepared = [];
    private int _reports;

    internal EntryRun(EntrySteps entry, EntryCall call)
    {
        (_entry, _call, _session) = (entry, call, entry.Module.Session);
        _device = _session.Device;
        _space = _session.Rent();
        _kernels = entry.Module.Rent();
        _queue = _space.Queue(call.Recorder is not null);
        _clock = new LaunchClock(_device, _queue, call.Recorder);
        _memory = new RunTensors(entry, call, _space, _queue);
        _sizes = new long[Math.Max(1, entry.Slots)];
        _stack = new long[entry.StackDepth];
        call.Dims.CopyTo(_sizes);
    }

    /// <summary>Everything from the first copy to the last. Whatever happens, nothing of the call is in use afterwards.</summary>
    internal void Do()
    {
        var isUsable = false;
        try
        {
            _call.Cancellation.ThrowIfCancellationRequested();
            _memory.Begin();
            Prepare();
            _arena = Starts(_entry.Arena, out var bytes);
            Check(bytes, "intermediate results");
            _memory.Arena = bytes > 0 ? _space.Arena(bytes).Id : _space.Nothing;
            Steps(_entry.Body);
            _memory.End();
            Reported();
            isUsable = true;
        }
        catch (OperationCanceledException)
        {
            isUsable = true;
            throw;
        }
        catch (LeptonRunException e)
        {
            isUsable = e.Device is null;
            throw;
        }
        catch (OverflowException e)
        {
            isUsable = true;
            throw new LeptonRunException($"{_call.Description}: a size does not fit into 64 bits", e);
        }
        finally
        {
            // What is under way uses the call's memory. A queue that cannot finish has nothing under way.
            var isFinished = Cl.Finish(_queue) == 0;
            _clock.Dispose();
            _memory.Dispose();
            _entry.Module.Return(_kernels);
            _session.Return(_space, isUsable && isFinished);
        }
    }

    // Once for the values of the parameters: another run may have done it.
    private void Prepare()
    {
        if (_entry.Prepared.Length == 0)
        {
            return;
        }

        _prepared = Starts(_entry.Prepared, out var bytes);
        Check(bytes, "what it prepares");
        var key = _entry.Entry.PreparedHash;
        foreach (var slot in _entry.PreparedSlots)
        {
            key = unchecked((key ^ _sizes[slot]) * (long)0x9E3779B97F4A7C15);
            key ^= key >>> 29;
        }

        _memory.Prepared = ((ClBuffer)_call.Keep(key, bytes, () =>
        {
            var block = _device.Allocate(bytes, "what is prepared");
            try
            {
                _arena = Starts(_entry.PrepareArena, out var needed);
                Check(needed, "intermediate results");
                using var arena = _device.Allocate(needed, "intermediate results");
                (_memory.Arena, _memory.Prepared) = (arena.Id, block.Id);
                Steps(_entry.Prepare);
                Reported();
                return block;
            }
            catch
            {
                _ = Cl.Finish(_queue);
                block.Dispose();
                throw;
            }
        })).Id;
    }

    private void Steps(Step[] steps)
    {
        foreach (var step in steps)
        {
            switch (step)
            {
                case Step.Launch s:
                    Launch(s);
                    break;
                case Step.Copy s:
                    Copy(s);
                    break;
                case Step.Loop s:
                    Loop(s);
                    break;
                case Step.SetPointer s:
                    _memory.Pointers[s.Pointer] = At(s.Place);
                    break;
                case Step.Swap s:
                    (_memory.Pointers[s.First], _memory.Pointers[s.Second]) = (_memory.Pointers[s.Second], _memory.Pointers[s.First]);
                    break;
                case Step.Allocate s:
                    _memory.Allocate(s.Pointer, Value(s.Bytes));
                    break;
                case Step.ReadSize s:
                    ReadSize(s);
                    break;
                case Step.Give s:
                    _memory.Give(s.Tensor, s.Pointer);
                    break;
            }
        }
    }

    private void Copy(Step.Copy step)
    {
        var bytes = Value(step.Bytes);
        if (bytes > 0)
        {
            var (from, to) = (At(step.From), At(step.To));
            _device.Check(Cl.EnqueueCopyBuffer(_queue, from.Buffer, to.Buffer, (nuint)from.Offset, (nuint)to.Offset, (nuint)bytes, 0, null, null), "clEnqueueCopyBuffer");
        }
    }

    private void Loop(Step.Loop step)
    {
        var count = Value(step.Count);
        for (var i = 0L; i < count; i++)
        {
            _sizes[step.Counter] = i;
            Steps(step.Body);
            if (step.Until is { } until)
            {
                byte isDone;
                Read(At(until), &isDone, 1);
                if (isDone != 0)
                {
                    return;
                }
            }
        }
    }

    private void ReadSize(Step.ReadSize step)
    {
        long number;
        Read(At(step.Place), &number, step.Bytes);
        _sizes[step.Slot] = step.Bytes == 8 ? number : *(int*)&number;
        if (step.Dim >= 0)
        {
            _call.SetDim(step.Dim, _sizes[step.Slot]);
        }
    }

    // What decides is not read from a run that has failed.
    private void Read(Location place, void* target, int bytes)
    {
        _device.Check(Cl.EnqueueReadBuffer(_queue, place.Buffer, 0, (nuint)place.Offset, (nuint)bytes, target, 0, null, null), "clEnqueueReadBuffer");
        Reported();
    }

    // Waits for all that was submitted. The first launch that failed is the one whose report counts, as if the run had ended there.
    private void Reported()
    {
        if (_reports > 0)
        {
            _space.Ask(_queue, _reports);
        }

        _device.Check(Cl.Finish(_queue), "clFinish");
        _clock.Read();
        for (var i = 0; i < _reports; i++)
        {
            if (_space[i].Error != 0)
            {
                var report = _space[i];
                _space.ClearReports();
                throw _call.Fail(report.Site, report.Element, report.Value, report.Bound);
            }
        }

        _reports = 0;
    }

    private Location At(SizedPlace place)
    {
        var offset = Value(place.Offset);
        return place.Kind switch
        {
            PlaceKind.Tensor => _memory.Tensor(place.Number).From(offset),
            PlaceKind.Constant => new Location(_entry.Module.Constant(place.Number), offset, 0),
            PlaceKind.Arena => new Location(_memory.Arena, _arena[place.Number] + offset, 0),
            PlaceKind.Prepared => new Location(_memory.Prepared, _prepared[place.Number] + offset, 0),
            _ => _memory.Pointers[place.Number].From(offset),
        };
    }

    private long Value(SizeProgram size) => size.Evaluate(_sizes, _stack);

    // Each buffer on a line of its own: [ 0 | b0 rounded up | … ].
    private long[] Starts(SizeProgram[] buffers, out long total)
    {
        var starts = new long[buffers.Length];
        total = 0;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = total;
            total = checked(total + ((Value(buffers[i]) + 63) & ~63L));
        }

        return starts;
    }

    private void Check(long bytes, string what)
    {
        if (bytes is < 0 or > TensorShape.MaxBytes)
        {
            throw new LeptonRunException($"{_call.Description} needs {bytes} bytes for {what}: too many");
        }
    }
}
