using Lepton.Runtime.Devices.Steps;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// One run of an entry: carries out its steps on one in-order queue, without waiting but where a number decides what comes next.
/// <code>
///   copy arguments ─ launch ─ launch ─ … ─ read the byte behind a loop's round ─ launch ─ … ─ results and reports to the host ─ wait
/// </code>
/// </summary>
internal sealed unsafe partial class EntryRun : StepRun<Location>
{
    private readonly OpenClEntry _entry;
    private readonly OpenClSession _session;
    private readonly OpenClDevice _device;
    private readonly RunSpace _space;
    private readonly ClKernel?[] _kernels;
    private readonly LaunchClock _clock;
    private readonly nint _queue;
    private readonly RunTensors _memory;
    private int _reports;

    internal EntryRun(OpenClEntry entry, EntryCall call)
        : base(entry, call)
    {
        (_entry, _session) = (entry, entry.Module.Session);
        _device = _session.Device;
        _space = _session.Rent();
        _kernels = entry.Module.Rent();
        _queue = _space.Queue(call.Recorder is not null);
        _clock = new LaunchClock(_device, _queue, call.Recorder);
        _memory = new RunTensors(entry, call, _space, _queue);
    }

    protected override Location Arena => new(_memory.Arena, 0, 0);

    protected override Location Prepared => new(_memory.Prepared, 0, 0);

    /// <summary>Everything from the first copy to the last. Whatever happens, nothing of the call is in use afterwards.</summary>
    internal void Do()
    {
        var isUsable = false;
        try
        {
            Call.Cancellation.ThrowIfCancellationRequested();
            _memory.Begin();
            Prepare();
            var bytes = PlaceArena(_entry.Arena);
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
            throw new LeptonRunException($"{Call.Description}: a size does not fit into 64 bits", e);
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

        var (key, bytes) = PlacePrepared();
        _memory.Prepared = ((ClBuffer)Call.Keep(key, bytes, () =>
        {
            var block = _device.Allocate(bytes, "what is prepared");
            try
            {
                using var arena = _device.Allocate(PlaceArena(_entry.PrepareArena), "intermediate results");
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

    protected override Location Tensor(int number) => _memory.Tensor(number);

    protected override Location Constant(int number) => new(_entry.Module.Constant(number), 0, 0);

    protected override Location Behind(Location place, long bytes) => place.From(bytes);

    protected override Location Allocate(long bytes) => _memory.Allocate(bytes);

    protected override void Give(int tensor, Location place) => _memory.Give(tensor, place);

    protected override void Copy(Location from, Location to, long bytes) => _device.Check(
        Cl.EnqueueCopyBuffer(_queue, from.Buffer, to.Buffer, (nuint)from.Offset, (nuint)to.Offset, (nuint)bytes, 0, null, null), "clEnqueueCopyBuffer");

    protected override long Read(Location place, int bytes)
    {
        long number = 0;
        _device.Check(Cl.EnqueueReadBuffer(_queue, place.Buffer, 0, (nuint)place.Offset, (nuint)bytes, &number, 0, null, null), "clEnqueueReadBuffer");
        Reported();
        return bytes == 4 ? (int)number : number;
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
                throw Call.Fail(report.Site, report.Element, report.Value, report.Bound);
            }
        }

        _reports = 0;
    }
}
