using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Over an array or another memory of the caller.</summary>
internal sealed class MemoryTensor<T> : Tensor
    where T : unmanaged
{
    private readonly Memory<T> _data;

    internal MemoryTensor(Memory<T> data, ReadOnlySpan<long> shape)
        : base(ElementOf<T>(), shape)
    {
        _data = data.Length == Length
            ? data
            : throw new ArgumentException($"shape {TensorShape.Text(shape)} has {Length} elements, and the memory has {data.Length}");
    }

    private protected override ref byte Start => ref Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(_data.Span));

    public override MemoryHandle Pin() => _data.Pin();
}

/// <summary>Over native memory of the caller.</summary>
internal sealed unsafe class PointerTensor : Tensor
{
    private readonly byte* _data;

    internal PointerTensor(byte* data, ElementType element, ReadOnlySpan<long> shape)
        : base(element, shape)
    {
        if (data is null && Length > 0)
        {
            throw new ArgumentException("the pointer is null");
        }

        if (((nuint)data & (nuint)(element.ByteSize() - 1)) != 0)
        {
            throw new ArgumentException($"the pointer is not aligned to the {element.ByteSize()} bytes of {element.Name()}");
        }

        _data = data;
    }

    private protected override ref byte Start => ref *_data;

    public override MemoryHandle Pin() => new(_data);
}

/// <summary>Over a dense tensor of System.Numerics.Tensors.</summary>
internal sealed class NumericsTensor<T> : Tensor
    where T : unmanaged
{
    private readonly System.Numerics.Tensors.Tensor<T> _data;

    internal NumericsTensor(System.Numerics.Tensors.Tensor<T> data)
        : base(ElementOf<T>(), Widen(data.Lengths))
    {
        _data = data.IsDense && data.FlattenedLength == Length
            ? data
            : throw new ArgumentException("the tensor is a strided view; make it contiguous with ToDenseTensor()");
    }

    private protected override ref byte Start => ref Unsafe.As<T, byte>(ref _data.GetPinnableReference());

    public override MemoryHandle Pin() => _data.GetPinnedHandle();

    private static long[] Widen(ReadOnlySpan<nint> lengths)
    {
        var shape = new long[lengths.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            shape[i] = lengths[i];
        }

        return shape;
    }
}
