using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;
using Lepton.Runtime.Threading;

namespace Lepton.Runtime;

/// <summary>The part of a frame that calls native code.</summary>
internal sealed unsafe partial class Frame
{
    /// <summary>Calls the native entry. Everything is bound and checked.</summary>
    internal void Execute(Module module, RunOptions options, CancellationToken cancellation)
    {
        var threads = options.ThreadCount;
        cancellation.ThrowIfCancellationRequested();
        var code = Plan.Code(_dims);
        if (code.Program is { } program)
        {
            Execute(module, program, code.FirstDim, options, cancellation);
            return;
        }

        var dims = NativeDims + code.FirstDim;
        var bytes = ((delegate* unmanaged<long*, long>)code.Arena)(dims);
        if (bytes is < 0 or > TensorShape.MaxBytes)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name} needs {bytes} bytes for intermediate results with {DimsText()}: too many");
        }

        var facts = stackalloc long[2];
        var prepared = ((delegate* unmanaged<long*, long*, long>)code.Prepared)(dims, facts);
        if (prepared is < 0 or > TensorShape.MaxBytes)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name} needs {prepared} bytes for what it prepares with {DimsText()}: too many");
        }

        var arena = bytes > 0 ? Rent(module.Arenas, bytes) : null;
        PreparedBlock? block = null;
        var isDone = false;
        if (Taken->IsUsed)
        {
            ForgetResults();
            Taken->Begin();
        }

        Volatile.Write(ref *CancelFlag, 0);
        CancellationTokenRegistration registration = default;
        try
        {
            if (cancellation.CanBeCanceled)
            {
                registration = cancellation.UnsafeRegister(static frame => Volatile.Write(ref *((Frame)frame!).CancelFlag, 1), this);
            }

            var run = default(RunContext);
            ref var context = ref run.Native;
            context.Cancel = CancelFlag;
            context.Host = (void*)(nint)threads;
            context.Allocate = RunMemory.Callback;
            run.Memory = Taken;
            if (threads > 1)
            {
                WorkPool.Reserve(threads);
                context.Parallel = WorkPool.Callback;
            }

            if (prepared > 0)
            {
                block = (_parameterSource ?? module.NoParameters).Enter(
                    module, facts[0], prepared, (Frame: this, code.Prepare, Context: (nint)(&run), Dims: (nint)dims, Prepared: prepared, Arena: facts[1], Cancellation: cancellation),
                    static s => s.Frame.Prepare(s.Prepared, s.Prepare, (NativeContext*)s.Context, (long*)s.Dims, s.Arena, s.Cancellation),
                    cancellation);
                context.Prepared = block.Pointer;
            }

            options.Recorder?.Attach(&run.Native, threads);
            Call(code.Run, &run.Native, dims, arena is null ? Nothing : arena.Pointer, cancellation);
            if (Plan.SparseResults.Length > 0)
            {
                KeepResults();
            }

            isDone = true;
        }
        catch (OutOfMemoryException e)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name}: no memory for {prepared} prepared bytes with {DimsText()}", e);
        }
        finally
        {
            registration.Dispose(); // waits for a callback under way, so the flag is ours alone again
            block?.Exit();
            if (!isDone)
            {
                ForgetResults();
            }

            if (arena is not null)
            {
                module.Arenas.Return(arena);
            }
        }
    }

    // Rare: its arena is not kept.
    private AlignedMemory Prepare(long bytes, nint function, NativeContext* context, long* dims, long arenaBytes, CancellationToken cancellation)
    {
        var block = new AlignedMemory(bytes, zeroed: false);
        try
        {
            using var arena = new AlignedMemory(arenaBytes, zeroed: false);
            context->Prepared = block.Pointer;
            Call(function, context, dims, arena.Pointer, cancellation);
            return block;
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    private void Call(nint function, NativeContext* context, long* dims, byte* arena, CancellationToken cancellation)
    {
        var status = (NativeStatus)((delegate* unmanaged<NativeContext*, void**, long*, byte*, int>)function)(context, Pointers, dims, arena);
        switch (status)
        {
            case NativeStatus.Done:
                return;
            case NativeStatus.Cancelled:
                throw new OperationCanceledException(cancellation);
            default:
                throw RunFailures.Describe(this, status, *context, Taken->Refused);
        }
    }

    private AlignedMemory Rent(ArenaPool arenas, long bytes)
    {
        try
        {
            return arenas.Rent(bytes);
        }
        catch (OutOfMemoryException e)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name}: no memory for {bytes} bytes of intermediate results with {DimsText()}", e);
        }
    }
}
