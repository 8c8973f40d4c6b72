using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>
/// A view of contiguous, row-major memory with an element type and a shape. The memory belongs to whoever made it (an array, a <see cref="Memory{T}"/>,
/// native memory, a tensor of System.Numerics.Tensors); nothing is copied. <see cref="OwnedTensor"/> owns its memory.
/// </summary>
/// <remarks>Immutable but for its elements. Runs read inputs and write outputs in place; do not share an output between concurrent runs.</remarks>
public abstract class Tensor
{
    private readonly long[] _shape;

    private protected Tensor(ElementType element, ReadOnlySpan<long> shape)
    {
        ByteLength = TensorShape.ByteLength(element, shape);
        Length = ByteLength / element.ByteSize();
        (Element, _shape) = (element, shape.ToArray());
    }

    /// <summary>The type of the elements.</summary>
    public ElementType Element { get; }

    /// <summary>The sizes of the axes, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>The number of axes.</summary>
    public int Rank => _shape.Length;

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>The number of bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The first byte, for spans: valid while the memory is.</summary>
    private protected abstract ref byte Start { get; }

    /// <summary>A tensor of one axis over an array, used in place.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is no element type.</exception>
    public static Tensor From<T>(T[] data)
        where T : unmanaged => new MemoryTensor<T>(data, [data.Length]);

    /// <summary>A tensor over an array, used in place, which must have exactly as many elements as the shape.</summary>
    /// <param name="data">The elements, row-major.</param>
    /// <param name="shape">The sizes; <c>[]</c> makes a scalar of an array of one element.</param>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is no element type, or the shape does not fit.</exception>
    public static Tensor From<T>(T[] data, params ReadOnlySpan<long> shape)
        where T : unmanaged => new MemoryTensor<T>(data, shape);

    /// <summary>A tensor over a memory, which must have exactly as many elements as the shape.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is no element type, or the shape does not fit.</exception>
    public static Tensor From<T>(Memory<T> data, ReadOnlySpan<long> shape)
        where T : unmanaged => new MemoryTensor<T>(data, shape);

    /// <summary>A scalar: shape <c>[]</c>.</summary>
    public static Tensor Scalar<T>(T value)
        where T : unmanaged => From(new Memory<T>([value]), []);

    /// <summary>A tensor over a dense <see cref="System.Numerics.Tensors.Tensor{T}"/>, used in place.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is no element type, or the tensor is a strided view.</exception>
    public static Tensor From<T>(System.Numerics.Tensors.Tensor<T> data)
        where T : unmanaged => new NumericsTensor<T>(data);

    /// <summary>A tensor over native memory that the caller keeps alive and in place as long as the tensor is used.</summary>
    /// <param name="pointer">The first element; aligned to the element's size.</param>
    /// <param name="element">The type of the elements.</param>
    /// <param name="shape">The sizes.</param>
    /// <exception cref="ArgumentException">A null or misaligned pointer, or a shape that cannot be.</exception>
    public static unsafe Tensor FromPointer(void* pointer, ElementType element, params ReadOnlySpan<long> shape) =>
        new PointerTensor((byte*)pointer, element, shape);

    /// <summary>New native memory of zeros, aligned to 64 bytes. Dispose it.</summary>
    /// <exception cref="ArgumentException">A shape that cannot be.</exception>
    /// <exception cref="OutOfMemoryException">No memory of that size.</exception>
    public static OwnedTensor Allocate(ElementType element, params ReadOnlySpan<long> shape) => new(element, shape, zeroed: true);

    /// <summary>The element type that <typeparamref name="T"/> stores.</summary>
    /// <exception cref="ArgumentException">None does.</exception>
    public static ElementType ElementOf<T>()
        where T : unmanaged =>
        typeof(T) == typeof(float) ? ElementType.F32
        : typeof(T) == typeof(double) ? ElementType.F64
        : typeof(T) == typeof(Half) ? ElementType.F16
        : typeof(T) == typeof(BFloat16) ? ElementType.BF16
        : typeof(T) == typeof(long) ? ElementType.I64
        : typeof(T) == typeof(int) ? ElementType.I32
        : typeof(T) == typeof(short) ? ElementType.I16
        : typeof(T) == typeof(sbyte) ? ElementType.I8
        : typeof(T) == typeof(byte) ? ElementType.U8
        : typeof(T) == typeof(bool) ? ElementType.Bool
        : throw new ArgumentException($"{typeof(T)} is not an element type: use float, double, Half, BFloat16, long, int, short, sbyte, byte or bool");

    /// <summary>The elements. Of an <see cref="OwnedTensor"/>: valid until it is disposed.</summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> is not the element type, or there are more elements than a span holds.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (ElementOf<T>() != Element)
        {
            throw new InvalidOperationException($"the elements are {Element.Name()}, not {ElementOf<T>().Name()}");
        }

        return Length <= int.MaxValue
            ? MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref Start), (int)Length)
            : throw new InvalidOperationException($"{Length} elements do not fit into a span; use Pin");
    }

    /// <summary>The raw bytes, in the machine's order.</summary>
    /// <exception cref="InvalidOperationException">There are more bytes than a span holds.</exception>
    public Span<byte> AsBytes() => ByteLength <= int.MaxValue
        ? MemoryMarshal.CreateSpan(ref Start, (int)ByteLength)
        : throw new InvalidOperationException($"{ByteLength} bytes do not fit into a span; use Pin");

    /// <summary>Keeps the memory in place and alive until the handle is disposed.</summary>
    public abstract MemoryHandle Pin();

    /// <summary>Type and shape: <c>f32[2, 3]</c>.</summary>
    public override string ToString() => Element.Name() + (Rank == 0 ? "" : TensorShape.Text(Shape));
}
