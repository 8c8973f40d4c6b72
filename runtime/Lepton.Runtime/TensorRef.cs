using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>
/// A tensor as an argument of a call: a <see cref="Tensor"/> or <see cref="SparseTensor"/> (converts by itself), or an address that the caller
/// keeps in place.
/// </summary>
public readonly unsafe struct TensorRef
{
    private readonly Tensor? _tensor;
    private readonly SparseTensor? _sparse;
    private readonly void* _pointer;
    private readonly ElementType _element;
    private readonly long[]? _shape;

    /// <summary>A tensor.</summary>
    public TensorRef(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        _tensor = tensor;
    }

    /// <summary>A sparse tensor, for what the program stores alike.</summary>
    public TensorRef(SparseTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        _sparse = tensor;
    }

    /// <summary>Contiguous, row-major memory that stays in place until the run is over.</summary>
    /// <param name="pointer">The first element; aligned to the element's size.</param>
    /// <param name="element">The type of the elements.</param>
    /// <param name="shape">The sizes; kept, not copied.</param>
    public TensorRef(void* pointer, ElementType element, long[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        _pointer = pointer;
        (_element, _shape) = (element, shape);
    }

    /// <summary>A tensor.</summary>
    public static implicit operator TensorRef(Tensor tensor) => new(tensor);

    /// <summary>A sparse tensor.</summary>
    public static implicit operator TensorRef(SparseTensor tensor) => new(tensor);

    internal Tensor? Dense => _tensor;

    internal SparseTensor? Sparse => _sparse;

    /// <summary>Throws when it is not what a placed program takes.</summary>
    /// <exception cref="LeptonArgumentException">Type, shape or format differ.</exception>
    internal void Check(Devices.PlacedTensor wanted, string what)
    {
        var (element, format) = (_tensor?.Element ?? _sparse?.Element ?? _element, _sparse?.Format);
        if (_tensor is null && _sparse is null && _shape is null)
        {
            throw new LeptonArgumentException($"{what} is an empty TensorRef");
        }

        var shape = _tensor is not null ? _tensor.Shape : _sparse is not null ? _sparse.Shape : _shape;
        if (element != wanted.Element || !shape.SequenceEqual(wanted.Shape.Span) || format != wanted.Format)
        {
            throw new LeptonArgumentException($"{what} is {Text(wanted.Element, wanted.Shape.Span, wanted.Format)}, and {Text(element, shape, format)} is given");
        }

        static string Text(ElementType element, ReadOnlySpan<long> shape, TensorFormat? format) =>
            element.Name() + (shape.Length == 0 ? "" : TensorShape.Text(shape)) + (format is null ? "" : $" in {format}");
    }

    /// <summary>Keeps a dense tensor in place until the handle is disposed.</summary>
    internal System.Buffers.MemoryHandle Pin() => _tensor?.Pin() ?? new System.Buffers.MemoryHandle(_pointer);

    internal void Give(Frame frame, int index)
    {
        if (_tensor is not null)
        {
            frame.Set(index, _tensor);
        }
        else if (_sparse is not null)
        {
            frame.Set(index, _sparse);
        }
        else if (_shape is not null)
        {
            if (_pointer is null && TensorShape.Count(_shape) > 0)
            {
                throw new LeptonArgumentException($"entry {frame.Plan.Manifest.Name}: {frame.Plan.Describe(index)} is a null pointer");
            }

            frame.Set(index, _pointer, _element, _shape);
        }
        else
        {
            throw new LeptonArgumentException($"entry {frame.Plan.Manifest.Name}: {frame.Plan.Describe(index)} is an empty TensorRef");
        }
    }
}
