using System.Buffers;
using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>What one run in flight needs, made once and reused: the tensor list, sizes and shapes in native memory, and the pins.</summary>
/// <remarks>Used by one thread at a time.</remarks>
internal sealed unsafe partial class Frame : IDisposable
{
    private readonly AlignedMemory _memory;
    private readonly MemoryHandle[] _pins;
    private readonly long[] _bytes;
    private readonly bool[] _set;
    private readonly long[] _shapes;
    private readonly long[] _dims;
    private readonly long[] _stack;
    private readonly int[] _dimSources;
    private readonly TensorRef[] _parameters;
    private ParameterValues? _parameterSource;
    private IReadOnlyDictionary<string, long>? _boundSizes;
    private bool _bound;

    internal Frame(EntryPlan plan)
    {
        Plan = plan;
        var pointers = plan.PointerStart[^1];
        var dims = plan.Manifest.Dims.Count;

        // [ cancel flag, alone on its line | what the run takes | tensor pointers | dims | one line for empty tensors and empty arenas ]
        _memory = new AlignedMemory(192 + (8L * (pointers + dims)) + 64, zeroed: true);
        CancelFlag = (int*)_memory.Pointer;
        Taken = (RunMemory*)(_memory.Pointer + 64);
        Pointers = (void**)(_memory.Pointer + 128);
        NativeDims = (long*)(_memory.Pointer + 128 + (8L * pointers));
        Nothing = _memory.Pointer + _memory.Bytes - 64;
        _pins = new MemoryHandle[pointers];
        _bytes = new long[pointers];
        _set = new bool[plan.Tensors.Length];
        _shapes = new long[plan.ShapeStart[^1]];
        _dims = new long[dims];
        _dimSources = new int[dims];
        _stack = new long[Math.Max(plan.StackDepth, 1)];
        _parameters = new TensorRef[plan.FirstResult - plan.FirstParameter];
    }

    internal EntryPlan Plan { get; }

    internal Span<long> Dims => _dims;

    internal Span<int> DimSources => _dimSources;

    internal Span<long> Stack => _stack;

    private int* CancelFlag { get; }

    private RunMemory* Taken { get; }

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
        Check(index, tensor.Element, tensor.Shape, isSparse: false);
        var pin = tensor.Pin();
        var at = Plan.PointerStart[index];
        _pins[at].Dispose();
        _pins[at] = pin;
        Store(index, pin.Pointer, tensor.Shape, tensor.ByteLength);
    }

    /// <summary>Takes memory that the caller keeps in place until after the run.</summary>
    internal void Set(int index, void* pointer, ElementType element, ReadOnlySpan<long> shape)
    {
        Check(index, element, shape, isSparse: false);
        var at = Plan.PointerStart[index];
        _pins[at].Dispose();
        _pins[at] = default;
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
            _parameters[i].Give(this, first + i);
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

    /// <summary>Checks the outputs' shapes, and that none lies over another tensor: native code assumes that. Sparse ones are made by the run.</summary>
    internal void CheckResults()
    {
        for (var i = Plan.FirstResult; i < Plan.Tensors.Length; i++)
        {
            if (Plan.Tensors[i].Format is not null)
            {
                continue;
            }

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

            CheckApart(i);
        }
    }

    private void CheckApart(int result)
    {
        var r = Plan.PointerStart[result];
        for (var tensor = 0; tensor < result; tensor++)
        {
            for (var p = Plan.PointerStart[tensor]; p < Plan.PointerStart[tensor + 1]; p++)
            {
                byte* a = (byte*)Pointers[r], b = (byte*)Pointers[p];
                if (_bytes[r] > 0 && _bytes[p] > 0 && a < b + _bytes[p] && b < a + _bytes[r])
                {
                    throw new LeptonArgumentException(
                        $"entry {Plan.Manifest.Name}: {Plan.Describe(result)} lies over {Plan.Describe(tensor)} in memory; give it memory of its own");
                }
            }
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

        if (Taken->IsUsed)
        {
            ForgetResults();
            Taken->Clear();
        }

        Array.ForEach(_converted ?? [], c => c?.Dispose());
        _converted = null;
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

    private void Check(int index, ElementType element, ReadOnlySpan<long> shape, bool isSparse)
    {
        var wanted = Plan.Tensors[index];
        if (index >= Plan.FirstResult && wanted.Format is not null)
        {
            throw new LeptonArgumentException(
                $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is sparse, and the run makes it; use Evaluate, or TakeOutput of an invocation");
        }

        if (isSparse != wanted.Format is not null)
        {
            throw WrongStorage(index, isSparse);
        }

        if (element != wanted.Element)
        {
            throw new LeptonArgumentException(
                $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is {wanted.Element.Name()}, and the tensor given is {element.Name()}{(element == wanted.Given ? "; ParameterSet.StoreFor(entry) rounds it" : "")}");
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

        // An empty tensor may have no address at all; native code gets one that it will not read.
        var at = Plan.PointerStart[index];
        Pointers[at] = bytes == 0 ? Nothing : pointer;
        _bytes[at] = bytes;
        SetShape(index, shape);
    }

    private void SetShape(int index, ReadOnlySpan<long> shape)
    {
        var target = ShapeOf(index);
        if (!shape.SequenceEqual(target))
        {
            shape.CopyTo(target);
            _bound = false;
        }

        _set[index] = true;
    }
}
