using System.Runtime.InteropServices;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime.OpenCl;

/// <summary>What one run in flight has of the device: a queue, memory, and the places where kernels report failed checks. Used by one thread at a time.</summary>
internal sealed unsafe class RunSpace : IDisposable
{
    /// <summary>How many launches can report before the host must look: each has a place of its own, for the first launch that fails is the one that counts.</summary>
    internal const int Reports = 16;

    private readonly OpenClDevice _device;
    private readonly ClBuffer _reports;
    private readonly ClBuffer[] _places = new ClBuffer[Reports];
    private readonly AlignedMemory _copy;
    private readonly ClQueue _queue;
    private ClQueue? _timed;
    private ClBuffer? _arena;
    private ClBuffer? _scratch;

    internal RunSpace(OpenClDevice device)
    {
        _device = device;
        _queue = device.NewQueue(withTimes: false);
        try
        {
            _copy = new AlignedMemory((long)device.BaseAlignment * Reports, zeroed: true);
            _reports = device.Allocate(_copy.Bytes, "reports");
            var region = stackalloc nuint[2];
            for (var i = 0; i < Reports; i++)
            {
                (region[0], region[1]) = ((nuint)(i * device.BaseAlignment), (nuint)sizeof(Report));
                int error;
                var place = Cl.CreateSubBuffer(_reports.Id, ClNumbers.MemReadWrite, ClNumbers.BufferCreateTypeRegion, region, &error);
                device.Check(error, "clCreateSubBuffer");
                _places[i] = new ClBuffer(place, sizeof(Report));
            }

            ClearReports(_queue);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Memory of the device that it keeps.</summary>
    internal long Bytes => (_arena?.Bytes ?? 0) + (_scratch?.Bytes ?? 0);

    /// <summary>A buffer for what is empty.</summary>
    internal nint Nothing => _reports.Id;

    internal nint Queue(bool withTimes) => withTimes ? (_timed ??= _device.NewQueue(withTimes: true)).Id : _queue.Id;

    internal nint Place(int report) => _places[report].Id;

    /// <summary>Memory for intermediate results, at least so much; what was in it is gone.</summary>
    internal ClBuffer Arena(long bytes) => Grown(ref _arena, bytes, "intermediate results");

    /// <summary>Memory for the work-items of one launch. The launches before it may still use the old one, which the driver keeps as long.</summary>
    internal ClBuffer Scratch(long bytes) => Grown(ref _scratch, bytes, "what work-items keep");

    /// <summary>Asks for the first reports; they are there when the queue is finished.</summary>
    internal void Ask(nint queue, int count) => _device.Check(
        Cl.EnqueueReadBuffer(queue, _reports.Id, 0, 0, (nuint)(count * _device.BaseAlignment), _copy.Pointer, 0, null, null), "clEnqueueReadBuffer");

    /// <summary>A report that was asked for.</summary>
    internal ref readonly Report this[int report] => ref *(Report*)(_copy.Pointer + (report * _device.BaseAlignment));

    /// <summary>After a report that was not empty.</summary>
    internal void ClearReports(ClQueue? queue = null)
    {
        new Span<byte>(_copy.Pointer, (int)_copy.Bytes).Clear();
        _device.Check(Cl.EnqueueWriteBuffer((queue ?? _queue).Id, _reports.Id, 1, 0, (nuint)_copy.Bytes, _copy.Pointer, 0, null, null), "clEnqueueWriteBuffer");
    }

    public void Dispose()
    {
        _arena?.Dispose();
        _scratch?.Dispose();
        Array.ForEach(_places, static p => p?.Dispose());
        _reports?.Dispose();
        _timed?.Dispose();
        _queue.Dispose();
        _copy?.Dispose();
    }

    private ClBuffer Grown(ref ClBuffer? buffer, long bytes, string what)
    {
        if (buffer is null || buffer.Bytes < bytes)
        {
            buffer?.Dispose();
            buffer = null; // it stays so when there is no memory
            buffer = _device.Allocate(bytes, what);
        }

        return buffer;
    }

    /// <summary>The <c>struct lep_error</c> of kernels; its fields are those of <see cref="Abi.NativeContext"/>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly struct Report
    {
        internal readonly int Lock;
        internal readonly int Error;
        internal readonly long Site;
        internal readonly long Element;
        internal readonly long Value;
        internal readonly long Bound;
    }
}
