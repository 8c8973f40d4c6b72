using System.Buffers;
using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;
using Lepton.Runtime.Threading;

namespace Lepton.Runtime;

/// <summary>What one run in flight needs, made once and reused: the tensor list, sizes and shapes in native memory, and the pins.</summary>
/// <remarks>Used by one thread at a time.</remarks>
internal sealed unsafe class Frame : IDisposable
{
    private readonly AlignedMemory _memory;
    private readonly MemoryHandle[] _pins;
    private readonly long[] _bytes;
    private readonly bool[] _set;
    private readonly long[] _shapes;
    private readonly long[] _dims;
    private readonly long[] _stack;
    private readonly int[] _dimSources;
    private readonly Tensor?[] _parameters;
    private ParameterValues? _parameterSource;
    private IReadOnlyDictionary<string, long>? _boundSizes;
    private bool _bound;

    internal Frame(EntryPlan plan)
    {
        Plan = plan;
        var tensors = plan.Tensors.Length;
        var dims = plan.Manifest.Dims.Count;

        // [ cancel flag, alone on its line | tensor pointers | dims | one line for empty tensors and empty arenas ]
        _memory = new AlignedMemory(128 + (8L * (tensors + dims)) + 64, zeroed: true);
        CancelFlag = (int*)_memory.Pointer;
        Pointers = (void**)(_memory.Pointer + 64);
        NativeDims = (long*)(_memory.Pointer + 64 + (8L * tensors));
        Nothing = _memory.Pointer + _memory.Bytes - 64;
        _pins = new MemoryHandle[tensors];
        _bytes = new long[tensors];
        _set = new bool[tensors];
        _shapes = new long[plan.ShapeStart[^1]];
        _dims = new long[dims];
        _dimSources = new int[dims];
        _stack = new long[Math.Max(plan.StackDepth, 1)];
        _parameters = new Tensor?[plan.FirstResult - plan.FirstParameter];
    }

    internal EntryPlan Plan { get; }

    internal Span<long> Dims => _dims;

    internal Span<int> DimSources => _dimSources;

    internal Span<long> Stack => _stack;

    private int* CancelFlag { get; }

    private void** Pointers { get; }

    private long* NativeDims { get; }

    private byte* Nothing { get; }

    public void Dispose()
    {
        Clear();
        _memory.Dispose();
    }

    /// <summary>The size of an axis as the caller gave it.</summary>
    internal long Size(int tensor, int axis) => _shapes[Plan.ShapeStart[tensor] + axis];

    internal Span<long> ShapeOf(int tensor) => _shapes.AsSpan(Plan.ShapeStart[tensor]..Plan.ShapeStart[tensor + 1]);

    /// <summary>Takes a tensor of the caller and keeps it pinned until <see cref="Clear"/> or the next one.</summary>
    internal void Set(int index, Tensor tensor)
    {
        Check(index, tensor.Element, tensor.Shape);
        var pin = tensor.Pin();
        _pins[index].Dispose();
        _pins[index] = pin;
        Store(index, pin.Pointer, tensor.Shape, tensor.ByteLength);
    }

    /// <summary>Takes memory that the caller keeps in place until after the run.</summary>
    internal void Set(int index, void* pointer, ElementType element, ReadOnlySpan<long> shape)
    {
        Check(index, element, shape);
        _pins[index].Dispose();
        _pins[index] = default;
        Store(index, pointer, shape, TensorShape.ByteLength(element, shape));
    }

    /// <summary>Takes all parameters of the entry from the set.</summary>
    internal void SetParameters(ParameterSet? set)
    {
        var first = Plan.FirstParameter;
        if (_parameters.Length == 0)
        {
            return;
        }

        // The set hands out an immutable snapshot: looking names up again is needed only when that changed.
        var snapshot = set?.Snapshot;
        if (snapshot is null || !ReferenceEquals(snapshot, _parameterSource))
        {
            _parameterSource = null;
            for (var i = 0; i < _parameters.Length; i++)
            {
                var name = Plan.Tensors[first + i].Name;
                _parameters[i] = snapshot is not null && snapshot.Tensors.TryGetValue(name, out var tensor)
                    ? tensor
                    : throw new LeptonArgumentException(
                        $"entry {Plan.Manifest.Name}: parameter {name} has no value; set it in RunOptions.Parameters, or initialise it");
            }

            _parameterSource = snapshot;
        }
        else if (_set[first])
        {
            return; // still pinned from the last run of this binding
        }

        for (var i = 0; i < _parameters.Length; i++)
        {
            Set(first + i, _parameters[i]!);
        }
    }

    /// <summary>Solves the sizes; does nothing when no shape changed since the last time.</summary>
    internal void Bind(IReadOnlyDictionary<string, long>? named)
    {
        for (var i = 0; i < Plan.FirstResult; i++)
        {
            if (!_set[i])
            {
                throw new LeptonArgumentException($"entry {Plan.Manifest.Name}: {Plan.Describe(i)} is not set");
            }
        }

        if (_bound && named is null && _boundSizes is null)
        {
            return;
        }

        _bound = false;
        SizeBinder.Bind(this, named);
        _dims.CopyTo(new Span<long>(NativeDims, _dims.Length));
        (_bound, _boundSizes) = (true, named);
    }

    /// <summary>The size of a result's axis; after <see cref="Bind"/>.</summary>
    internal long ResultSize(int result, int axis) => SizeBinder.Evaluate(this, Plan.ResultShapes[result][axis]);

    /// <summary>Checks the outputs' shapes, and that none lies over another tensor: native code assumes that.</summary>
    internal void CheckResults()
    {
        for (var i = Plan.FirstResult; i < Plan.Tensors.Length; i++)
        {
            if (!_set[i])
            {
                throw new LeptonArgumentException($"entry {Plan.Manifest.Name}: {Plan.Describe(i)} is not set");
            }

            for (var axis = 0; axis < Plan.Tensors[i].Shape.Count; axis++)
            {
                var wanted = ResultSize(i - Plan.FirstResult, axis);
                if (Size(i, axis) != wanted)
                {
                    var size = Plan.Tensors[i].Shape[axis];
                    var why = size.IsConstant ? "" : $", which is {size} with {DimsText()}";
                    throw new LeptonArgumentException($"{DescribeShape(i)}: expected {wanted} on axis {axis}{why}; got {Size(i, axis)}");
                }
            }

            for (var j = 0; j < i; j++)
            {
                byte* a = (byte*)Pointers[i], b = (byte*)Pointers[j];
                if (_bytes[i] > 0 && _bytes[j] > 0 && a < b + _bytes[j] && b < a + _bytes[i])
                {
                    throw new LeptonArgumentException(
                        $"entry {Plan.Manifest.Name}: {Plan.Describe(i)} lies over {Plan.Describe(j)} in memory; give it memory of its own");
                }
            }
        }
    }

    /// <summary>Calls the native entry. Everything is bound and checked.</summary>
    internal void Execute(Module module, RunOptions options, CancellationToken cancellation)
    {
        var threads = options.ThreadCount;
        cancellation.ThrowIfCancellationRequested();
        var code = Plan.Code(_dims);
        var bytes = ((delegate* unmanaged<long*, long>)code.Arena)(NativeDims);
        if (bytes is < 0 or > TensorShape.MaxBytes)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name} needs {bytes} bytes for intermediate results with {DimsText()}: too many");
        }

        var facts = stackalloc long[2];
        var prepared = ((delegate* unmanaged<long*, long*, long>)code.Prepared)(NativeDims, facts);
        if (prepared is < 0 or > TensorShape.MaxBytes)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name} needs {prepared} bytes for what it prepares with {DimsText()}: too many");
        }

        var arena = bytes > 0 ? Rent(module.Arenas, bytes) : null;
        PreparedBlock? block = null;
        Volatile.Write(ref *CancelFlag, 0);
        CancellationTokenRegistration registration = default;
        try
        {
            if (cancellation.CanBeCanceled)
            {
                registration = cancellation.UnsafeRegister(static frame => Volatile.Write(ref *((Frame)frame!).CancelFlag, 1), this);
            }

            var context = default(NativeContext);
            context.Cancel = CancelFlag;
            context.Host = (void*)(nint)threads;
            if (threads > 1)
            {
                WorkPool.Reserve(threads);
                context.Parallel = WorkPool.Callback;
            }

            if (prepared > 0)
            {
                block = (_parameterSource ?? module.NoParameters).Enter(
                    module, facts[0], prepared, (Frame: this, code.Prepare, Context: (nint)(&context), Bytes: facts[1], Cancellation: cancellation),
                    static (made, s) => s.Frame.Prepare(made, s.Prepare, (NativeContext*)s.Context, s.Bytes, s.Cancellation),
                    cancellation);
                context.Prepared = block.Pointer;
            }

            options.Recorder?.Attach(&context, threads);
            Call(code.Run, &context, arena is null ? Nothing : arena.Pointer, cancellation);
        }
        catch (OutOfMemoryException e)
        {
            throw new LeptonRunException($"entry {Plan.Manifest.Name}: no memory for {prepared} prepared bytes with {DimsText()}", e);
        }
        finally
        {
            registration.Dispose(); // waits for a callback under way, so the flag is ours alone again
            block?.Exit();
            if (arena is not null)
            {
                module.Arenas.Return(arena);
            }
        }
    }

    // Rare: its arena is not kept.
    private void Prepare(PreparedBlock block, nint function, NativeContext* context, long arenaBytes, CancellationToken cancellation)
    {
        using var arena = new AlignedMemory(arenaBytes, zeroed: false);
        context->Prepared = block.Pointer;
        Call(function, context, arena.Pointer, cancellation);
    }

    private void Call(nint function, NativeContext* context, byte* arena, CancellationToken cancellation)
    {
        var status = (NativeStatus)((delegate* unmanaged<NativeContext*, void**, long*, byte*, int>)function)(context, Pointers, NativeDims, arena);
        switch (status)
        {
            case NativeStatus.Done:
                return;
            case NativeStatus.Cancelled:
                throw new OperationCanceledException(cancellation);
            default:
                throw RunFailures.Describe(this, status, *context);
        }
    }

    /// <summary>Lets go of the caller's tensors.</summary>
    internal void Clear()
    {
        for (var i = 0; i < _pins.Length; i++)
        {
            _pins[i].Dispose();
            _pins[i] = default;
        }

        Array.Clear(_set);
        Array.Clear(_parameters);
        _parameterSource = null;
    }

    /// <summary><c>argument x has shape [2, 3]</c>.</summary>
    internal string DescribeShape(int tensor) =>
        $"entry {Plan.Manifest.Name}: {Plan.Describe(tensor)} has shape {TensorShape.Text(ShapeOf(tensor))}";

    /// <summary><c>B = 32, N = 7</c>: the sizes known so far.</summary>
    internal string DimsText()
    {
        var parts = new List<string>();
        for (var d = 0; d < _dims.Length; d++)
        {
            if (_dimSources[d] != SizeBinder.Unknown)
            {
                parts.Add($"{Plan.Manifest.Dims[d]} = {_dims[d]}");
            }
        }

        return parts.Count == 0 ? "no sizes" : string.Join(", ", parts);
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

    private void Check(int index, ElementType element, ReadOnlySpan<long> shape)
    {
        var wanted = Plan.Tensors[index];
        if (element != wanted.Element)
        {
            throw new LeptonArgumentException(
                $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is {wanted.Element.Name()}, and the tensor given is {element.Name()}");
        }

        if (shape.Length != wanted.Shape.Count)
        {
            throw new LeptonArgumentException(
                $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} has {wanted.Shape.Count} axes [{string.Join(", ", wanted.Shape)}], "
                + $"and the tensor given has {shape.Length}: {TensorShape.Text(shape)}");
        }
    }

    private void Store(int index, void* pointer, ReadOnlySpan<long> shape, long bytes)
    {
        if (((nuint)pointer & (nuint)(Plan.Tensors[index].Element.ByteSize() - 1)) != 0)
        {
            throw new LeptonArgumentException($"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is not aligned to its element size");
        }

        var target = ShapeOf(index);
        if (!shape.SequenceEqual(target))
        {
            shape.CopyTo(target);
            _bound = false;
        }

        // An empty tensor may have no address at all; native code gets one that it will not read.
        Pointers[index] = bytes == 0 ? Nothing : pointer;
        _bytes[index] = bytes;
        _set[index] = true;
    }
}
