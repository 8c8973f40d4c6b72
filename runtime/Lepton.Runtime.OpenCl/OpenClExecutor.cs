using Lepton.Runtime.Devices;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// An OpenCL device as one of several that a program is placed on. Where it shares the host's memory it works there; else its memory is its own, and what
/// segments hand to each other stays in it.
/// </summary>
public sealed unsafe class OpenClExecutor : Device
{
    private readonly Lazy<ClQueue> _copies;

    /// <summary>A device.</summary>
    /// <param name="name">What plans and messages call it.</param>
    /// <param name="device">Which it is.</param>
    public OpenClExecutor(string name, OpenClDevice device)
        : this(name, new OpenClSession(device))
    {
    }

    internal OpenClExecutor(string name, OpenClSession session)
        : base(name, session.Device.Name, threads: 1)
    {
        Session = session;
        _copies = new(() => session.Device.NewQueue(withTimes: false));
    }

    /// <summary>What its runs share; code for it is built with this.</summary>
    public OpenClSession Session { get; }

    /// <inheritdoc/>
    public override bool SharesHostMemory => Session.IsInPlace;

    /// <inheritdoc/>
    public override DeviceMemory Allocate(long bytes)
    {
        if (SharesHostMemory)
        {
            return base.Allocate(bytes);
        }

        try
        {
            return new OwnMemory(Session, bytes);
        }
        catch (LeptonRunException e)
        {
            throw new DeviceFailedException(Name, e.Message, e);
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceFailedException(Name, $"no addresses for {bytes} bytes", e) { BytesAsked = bytes };
        }
    }

    /// <inheritdoc/>
    public override void CopyIn(nint from, DeviceMemory to, long offset, long bytes)
    {
        if (to is not OwnMemory own)
        {
            base.CopyIn(from, to, offset, bytes);
        }
        else if (bytes > 0)
        {
            Check(Cl.EnqueueWriteBuffer(_copies.Value.Id, own.Buffer.Id, 1, (nuint)offset, (nuint)bytes, (void*)from, 0, null, null), "clEnqueueWriteBuffer");
        }
    }

    /// <inheritdoc/>
    public override void CopyOut(DeviceMemory from, long offset, nint to, long bytes)
    {
        if (from is not OwnMemory own)
        {
            base.CopyOut(from, offset, to, bytes);
        }
        else if (bytes > 0)
        {
            Check(Cl.EnqueueReadBuffer(_copies.Value.Id, own.Buffer.Id, 1, (nuint)offset, (nuint)bytes, (void*)to, 0, null, null), "clEnqueueReadBuffer");
        }
    }

    /// <inheritdoc/>
    public override void Run(Invocation call, CancellationToken cancellation = default)
    {
        try
        {
            call.Run(cancellation);
        }
        catch (LeptonRunException e) when (e.Device is not null)
        {
            throw new DeviceFailedException(Name, e.Message, e);
        }
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        if (_copies.IsValueCreated)
        {
            _copies.Value.Dispose();
        }

        Session.Dispose();
    }

    private void Check(int error, string function)
    {
        if (error != 0)
        {
            throw new DeviceFailedException(Name, $"{ClErrors.Name(error)} from {function}");
        }
    }

    // The addresses are taken and never used: no page of them is ever touched.
    private sealed class OwnMemory : DeviceMemory
    {
        private readonly OpenClSession _session;
        private readonly AlignedMemory _addresses;

        internal OwnMemory(OpenClSession session, long bytes)
            : this(session, session.Device.Allocate(bytes, "tensors"))
        {
        }

        private OwnMemory(OpenClSession session, ClBuffer buffer)
            : this(session, buffer, Addresses(buffer))
        {
        }

        private OwnMemory(OpenClSession session, ClBuffer buffer, AlignedMemory addresses)
            : base((nint)addresses.Pointer, addresses.Bytes)
        {
            (_session, Buffer, _addresses) = (session, buffer, addresses);
            session.Resident.Add((nint)addresses.Pointer, buffer);
        }

        internal ClBuffer Buffer { get; }

        public override void Dispose()
        {
            if (!Buffer.IsClosed)
            {
                _session.Resident.Remove(Address);
                Buffer.Dispose();
                _addresses.Dispose();
            }
        }

        private static AlignedMemory Addresses(ClBuffer buffer)
        {
            try
            {
                return new AlignedMemory(buffer.Bytes, zeroed: false);
            }
            catch (OutOfMemoryException)
            {
                buffer.Dispose();
                throw;
            }
        }
    }
}
