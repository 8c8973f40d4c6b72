using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Profiling;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>Runs an entry where no native functions do: hands its work to a device.</summary>
public interface IEntryProgram
{
    /// <summary>One run, from start to end; called from any thread, by several at once.</summary>
    /// <exception cref="LeptonRunException">By <see cref="EntryCall.Fail"/>, or because the device failed.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    void Run(EntryCall call);
}

/// <summary>Keeps memory for the next runs of a module, outside of the process's own.</summary>
public interface IKeepsMemory
{
    /// <summary>How much just now, in bytes.</summary>
    long ReservedBytes { get; }

    /// <summary>Gives it back.</summary>
    void Trim();
}

/// <summary>A call of an entry, bound and checked, as an <see cref="IEntryProgram"/> sees it. Valid until the program returns.</summary>
public sealed unsafe class EntryCall
{
    private readonly Frame _frame;
    private readonly Module _module;
    private readonly int _firstDim;
    private readonly List<PreparedBlock> _kept = [];

    internal EntryCall(Frame frame, Module module, int firstDim, RunOptions options, CancellationToken cancellation)
    {
        (_frame, _module, _firstDim) = (frame, module, firstDim);
        (Recorder, Cancellation) = (options.Recorder, cancellation);
    }

    /// <summary>The entry's name and its sizes, for messages: <c>entry f with N = 3</c>.</summary>
    public string Description => $"entry {_frame.Plan.Manifest.Name} with {_frame.DimsText()}";

    /// <summary>The entry's sizes but for those that the code assumes.</summary>
    public ReadOnlySpan<long> Dims => _frame.NativeSizes[_firstDim..];

    /// <summary>Stops the run between two launches.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Hears of the launches; null: nobody does.</summary>
    public LaunchRecorder? Recorder { get; }

    /// <summary>The memory of native tensor number <paramref name="tensor"/>; it stays in place until the program returns. 0: a sparse result's, which the run makes.</summary>
    public nint Address(int tensor) => _frame.Address(tensor);

    /// <summary>Its size.</summary>
    public long Bytes(int tensor) => _frame.Bytes(tensor);

    /// <summary>Sets a size that counts what a sparse result stores.</summary>
    /// <param name="dim">Its number in <see cref="Dims"/>.</param>
    /// <param name="value">The count.</param>
    public void SetDim(int dim, long value) => _frame.NativeSizes[_firstDim + dim] = value;

    /// <summary>Memory of the process, aligned to 64 bytes, not cleared. What no result is made of is freed after the run.</summary>
    /// <exception cref="LeptonRunException">There is none of that size.</exception>
    public nint Allocate(long bytes) => _frame.Allocate(bytes);

    /// <summary>Makes memory the array of a sparse result. Any memory is copied that <see cref="Allocate"/> did not give, or that is given twice.</summary>
    public void Give(int tensor, nint address) => _frame.SetAddress(tensor, address);

    /// <summary>The bytes of a sparse result's array, once its sizes are set.</summary>
    public long GivenBytes(int tensor) => _frame.GivenBytes(tensor);

    /// <summary>
    /// Memory that belongs to the values of the parameters: made once for them, kept as long as they are, and at least until the program returns.
    /// <paramref name="make"/> must not keep anything itself.
    /// </summary>
    /// <param name="key">Says, with the size, what is in it.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="make">Makes it.</param>
    public SafeHandle Keep(long key, long bytes, Func<SafeHandle> make)
    {
        var block = _frame.Parameters(_module).Enter(_module, key, bytes, make, static make => make(), Cancellation);
        _kept.Add(block);
        return block.Memory;
    }

    /// <summary>The exception for a failed access.</summary>
    /// <param name="site">Which one, by its number in the manifest.</param>
    /// <param name="element">The row-major number of the element whose computation failed.</param>
    /// <param name="value">The index.</param>
    /// <param name="bound">What it had to be below.</param>
    public LeptonRunException Fail(long site, long element, long value, long bound) => RunFailures.Describe(
        _frame, NativeStatus.Failed, new NativeContext { Error = (int)NativeError.IndexOutOfRange, Site = site, Element = element, Value = value, Bound = bound }, 0);

    internal void End() => _kept.ForEach(static b => b.Exit());
}

/// <summary>The part of a frame that lets a program run the entry.</summary>
internal sealed unsafe partial class Frame
{
    internal Span<long> NativeSizes => new(NativeDims, _dims.Length);

    internal nint Address(int tensor) => (nint)Pointers[tensor];

    internal void SetAddress(int tensor, nint address) => Pointers[tensor] = (void*)address;

    internal long Bytes(int tensor) => _bytes[tensor];

    internal ParameterValues Parameters(Module module) => _parameterSource ?? module.NoParameters;

    internal nint Allocate(long bytes)
    {
        var block = (nint)Taken->New(bytes);
        return block != 0 ? block : throw new LeptonRunException($"entry {Plan.Manifest.Name}: no memory for {bytes} bytes of a sparse tensor with {DimsText()}");
    }

    internal long GivenBytes(int tensor)
    {
        TakeCounts();
        foreach (var result in Plan.SparseResults)
        {
            if (tensor - result.FirstPointer is var array && array >= 0 && array < result.Lengths.Length)
            {
                var bytes = (Int128)SizeBinder.Evaluate(this, result.Lengths[array]) * result.Arrays[array].Element.ByteSize();
                return bytes >= 0 && bytes <= TensorShape.MaxBytes
                    ? (long)bytes
                    : throw new LeptonRunException($"entry {Plan.Manifest.Name}: {result.Arrays[array].Name} would have {bytes} bytes");
            }
        }

        throw new ArgumentOutOfRangeException(nameof(tensor));
    }

    private void Execute(Module module, IEntryProgram program, int firstDim, RunOptions options, CancellationToken cancellation)
    {
        if (Taken->IsUsed)
        {
            ForgetResults();
            Taken->Begin();
        }

        var call = new EntryCall(this, module, firstDim, options, cancellation);
        var isDone = false;
        try
        {
            program.Run(call);
            if (Plan.SparseResults.Length > 0)
            {
                KeepResults();
            }

            isDone = true;
        }
        finally
        {
            call.End();
            if (!isDone)
            {
                ForgetResults();
            }
        }
    }
}
