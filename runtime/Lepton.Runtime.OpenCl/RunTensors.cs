namespace Lepton.Runtime.OpenCl;

/// <summary>A place in memory that kernels see.</summary>
/// <param name="Buffer">The memory object.</param>
/// <param name="Offset">Bytes from its start.</param>
/// <param name="Host">The address of the same byte in the process; 0: the object is the device's own.</param>
internal readonly record struct Location(nint Buffer, long Offset, nint Host)
{
    internal Location From(long bytes) => new(Buffer, Offset + bytes, Host == 0 ? 0 : Host + (nint)bytes);
}

/// <summary>
/// Where the tensors of a run lie for its kernels. In place: a memory object over each of them. Else a copy on the device: arguments come with the first step
/// that uses them, parameters stay from run to run, results go at the end.
/// </summary>
internal sealed unsafe class RunTensors(OpenClEntry entry, EntryCall call, RunSpace space, nint queue) : IDisposable
{
    private readonly OpenClSession _session = entry.Module.Session;
    private readonly OpenClDevice _device = entry.Module.Session.Device;
    private readonly Location[] _tensors = new Location[entry.Tensors];
    private readonly List<ClBuffer> _owned = [];
    private readonly List<ClBuffer> _late = [];
    private readonly List<(int Tensor, Location Place)> _given = [];
    private readonly HashSet<int> _resident = [];

    /// <summary>The object with the buffers of intermediate results.</summary>
    internal nint Arena { get; set; }

    /// <summary>The object with what is prepared.</summary>
    internal nint Prepared { get; set; }

    /// <summary>Brings parameters to the device, unless an earlier run did.</summary>
    internal void Begin()
    {
        var bytes = 0L;
        for (var i = entry.FirstParameter; i < entry.FirstResult; i++)
        {
            bytes += Rounded(call.Bytes(i));
        }

        if (_session.IsInPlace || bytes == 0)
        {
            return;
        }

        var block = ((ClBuffer)call.Keep(entry.ParameterKey, bytes, () => Upload(bytes))).Id;
        var offset = 0L;
        for (var i = entry.FirstParameter; i < entry.FirstResult; i++)
        {
            _tensors[i] = new Location(block, offset, 0);
            offset += Rounded(call.Bytes(i));
        }
    }

    /// <summary>A native tensor.</summary>
    internal Location Tensor(int number)
    {
        ref var known = ref _tensors[number];
        if (known.Buffer == 0)
        {
            known = Resident(number) ?? Place(call.Address(number), call.Bytes(number), isRead: number < entry.FirstResult);
        }

        return known;
    }

    /// <summary>New memory for an array of a sparse tensor.</summary>
    internal Location Allocate(long bytes)
    {
        if (!_session.IsInPlace)
        {
            return new Location(Owned(_device.Allocate(bytes, "a sparse tensor")), 0, 0);
        }

        // Results are made of such memory, so it is the host's; on whole lines, and never empty.
        var address = call.Allocate(bytes);
        var buffer = _device.Over(address, Rounded(Math.Max(bytes, 1)), isCopied: false, "a sparse tensor");
        _late.Add(buffer);
        return new Location(Owned(buffer), 0, address);
    }

    /// <summary>The array of a sparse result is at a place. How long it is, is known at the end.</summary>
    internal void Give(int tensor, Location place) => _given.Add((tensor, place));

    /// <summary>Submits what brings results to the host.</summary>
    internal void End()
    {
        for (var i = entry.FirstResult; i < _tensors.Length; i++)
        {
            if (_tensors[i].Buffer != 0 && call.Bytes(i) > 0 && !_resident.Contains(i))
            {
                ToHost(_tensors[i], call.Address(i), call.Bytes(i));
            }
        }

        foreach (var buffer in _given.Count > 0 ? _late : [])
        {
            Synchronise(buffer.Id, 0, buffer.Bytes);
        }

        foreach (var (tensor, place) in _given)
        {
            if (place.Host != 0)
            {
                call.Give(tensor, place.Host);
                continue;
            }

            var bytes = call.GivenBytes(tensor);
            var address = call.Allocate(bytes);
            if (bytes > 0)
            {
                ToHost(place, address, bytes);
            }

            call.Give(tensor, address);
        }
    }

    public void Dispose()
    {
        _owned.ForEach(static b => b.Dispose());
        _owned.Clear();
    }

    private static long Rounded(long bytes) => (bytes + 63) & ~63L;

    // On the device already, and there to stay.
    private Location? Resident(int number)
    {
        var found = _session.IsInPlace || call.Bytes(number) == 0 ? null : _session.Resident.Find(call.Address(number));
        if (found is not null)
        {
            _resident.Add(number);
        }

        return found;
    }

    private Location Place(nint address, long bytes, bool isRead)
    {
        if (bytes == 0)
        {
            return new Location(space.Nothing, 0, 0);
        }

        if (_session.IsInPlace)
        {
            return new Location(Owned(_device.Over(address, bytes, isCopied: false, "a tensor")), 0, address);
        }

        var copy = Owned(_device.Allocate(bytes, "a tensor"));
        if (isRead)
        {
            Write(copy, 0, address, bytes, isBlocking: false);
        }

        return new Location(copy, 0, 0);
    }

    private ClBuffer Upload(long bytes)
    {
        var block = _device.Allocate(bytes, "parameters");
        try
        {
            var offset = 0L;
            for (var i = entry.FirstParameter; i < entry.FirstResult; i++)
            {
                if (call.Bytes(i) > 0)
                {
                    Write(block.Id, offset, call.Address(i), call.Bytes(i), isBlocking: true);
                }

                offset += Rounded(call.Bytes(i));
            }

            return block;
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    private void Write(nint buffer, long offset, nint from, long bytes, bool isBlocking) => _device.Check(
        Cl.EnqueueWriteBuffer(queue, buffer, isBlocking ? 1u : 0u, (nuint)offset, (nuint)bytes, (void*)from, 0, null, null), "clEnqueueWriteBuffer");

    private void ToHost(Location place, nint address, long bytes)
    {
        if (place.Host == address)
        {
            Synchronise(place.Buffer, place.Offset, bytes);
            return;
        }

        _device.Check(
            Cl.EnqueueReadBuffer(queue, place.Buffer, 0, (nuint)place.Offset, (nuint)bytes, (void*)address, 0, null, null), "clEnqueueReadBuffer");
    }

    // Memory in place holds what kernels wrote once it has been mapped.
    private void Synchronise(nint buffer, long offset, long bytes)
    {
        int error;
        var mapped = Cl.EnqueueMapBuffer(queue, buffer, 0, ClNumbers.MapRead, (nuint)offset, (nuint)bytes, 0, null, null, &error);
        _device.Check(error, "clEnqueueMapBuffer");
        _device.Check(Cl.EnqueueUnmapMemObject(queue, buffer, mapped, 0, null, null), "clEnqueueUnmapMemObject");
    }

    private nint Owned(ClBuffer buffer)
    {
        _owned.Add(buffer);
        return buffer.Id;
    }
}
