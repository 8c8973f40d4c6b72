using System.Buffers;
using Lepton.Abi;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime.Tensors;

/// <summary>
/// A tensor that owns native memory aligned to 64 bytes. Dispose it: a run in flight that uses it finishes first, later uses throw
/// <see cref="ObjectDisposedException"/>; spans taken before are dead from then on.
/// </summary>
public sealed unsafe class OwnedTensor : Tensor, IDisposable, IPinnable
{
    private readonly AlignedMemory _memory;

    internal OwnedTensor(ElementType element, ReadOnlySpan<long> shape, bool zeroed)
        : base(element, shape)
    {
        _memory = new AlignedMemory(ByteLength, zeroed);
    }

    /// <summary>Owns memory that is at least as large as the shape says.</summary>
    internal OwnedTensor(AlignedMemory memory, ElementType element, ReadOnlySpan<long> shape)
        : base(element, shape)
    {
        _memory = memory;
    }

    private protected override ref byte Start => ref *_memory.Expose();

    /// <inheritdoc/>
    public override MemoryHandle Pin() => new(_memory.AddUser(), default, this);

    /// <summary>As <see cref="Pin()"/>, at an element.</summary>
    MemoryHandle IPinnable.Pin(int elementIndex)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)elementIndex, (ulong)Length);
        return new MemoryHandle(_memory.AddUser() + ((long)elementIndex * Element.ByteSize()), default, this);
    }

    /// <inheritdoc/>
    void IPinnable.Unpin() => _memory.DangerousRelease();

    /// <summary>Gives the memory back, once no run uses it.</summary>
    public void Dispose() => _memory.Dispose();
}
