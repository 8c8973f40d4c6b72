using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Memory;

/// <summary>
/// The blocks that native code took in one run: a list through the line in front of each. Lives in native memory, so that the callback needs
/// no managed object.
/// <code>
///   First ─▶ [ Next, Bytes | data … ] ─▶ [ Next, Bytes | data … ] ─▶ 0
/// </code>
/// </summary>
internal unsafe struct RunMemory
{
    private const int Header = AlignedMemory.Alignment;

    /// <summary>The bytes of the first request that was refused; 0: none was.</summary>
    internal long Refused;

    private Block* _first;

    internal static delegate* unmanaged<NativeContext*, long, void*> Callback => &Allocate;

    /// <summary>Frees everything and forgets what was refused.</summary>
    internal void Clear()
    {
        for (var block = _first; block is not null;)
        {
            var next = block->Next;
            NativeMemory.AlignedFree(block);
            block = next;
        }

        _first = null;
        Refused = 0;
    }

    /// <summary>Frees the blocks whose data is not among these.</summary>
    internal void FreeOthers(ReadOnlySpan<nint> kept)
    {
        fixed (Block** start = &_first)
        {
            for (var link = start; *link is not null;)
            {
                var block = *link;
                if (kept.Contains((nint)block + Header))
                {
                    link = &block->Next;
                }
                else
                {
                    *link = block->Next;
                    NativeMemory.AlignedFree(block);
                }
            }
        }
    }

    /// <summary>The size of the block whose data starts there; null: there is none.</summary>
    internal readonly long? BytesOf(void* data)
    {
        for (var block = _first; block is not null; block = block->Next)
        {
            if ((byte*)block + Header == data)
            {
                return block->Bytes;
            }
        }

        return null;
    }

    /// <summary>A new block with a copy of some bytes; null: no memory of that size.</summary>
    internal void* Copy(void* data, long bytes)
    {
        var block = Make(bytes);
        if (block is null)
        {
            return null;
        }

        block->Next = _first;
        _first = block;
        Buffer.MemoryCopy(data, (byte*)block + Header, bytes, bytes);
        return (byte*)block + Header;
    }

    /// <summary>Takes a block out of the list: its new owner frees it. null: none of these starts there.</summary>
    internal AlignedMemory? Take(void* data)
    {
        fixed (Block** start = &_first)
        {
            for (var link = start; *link is not null; link = &(*link)->Next)
            {
                var block = *link;
                if ((byte*)block + Header == data)
                {
                    *link = block->Next;
                    return new AlignedMemory((byte*)block, Header, block->Bytes);
                }
            }
        }

        return null;
    }

    [UnmanagedCallersOnly]
    private static void* Allocate(NativeContext* context, long bytes)
    {
        var memory = ((RunContext*)context)->Memory;
        var block = bytes is < 0 or > TensorShape.MaxBytes ? null : Make(bytes);
        if (block is null)
        {
            Interlocked.CompareExchange(ref memory->Refused, bytes, 0);
            return null;
        }

        nint first;
        do
        {
            first = Volatile.Read(ref *(nint*)&memory->_first);
            block->Next = (Block*)first;
        }
        while (Interlocked.CompareExchange(ref *(nint*)&memory->_first, (nint)block, first) != first);

        return (byte*)block + Header;
    }

    private static Block* Make(long bytes)
    {
        // Whole lines, so that a wide load at the end stays inside; never empty, so that each has an address of its own.
        bytes = (Math.Max(bytes, 1) + Header - 1) & ~(Header - 1L);
        try
        {
            var block = (Block*)NativeMemory.AlignedAlloc((nuint)(bytes + Header), AlignedMemory.Alignment);
            block->Bytes = bytes;
            return block;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    private struct Block
    {
        internal Block* Next;
        internal long Bytes;
    }
}

/// <summary>The context of a run with what its callback needs behind it.</summary>
internal unsafe struct RunContext
{
    internal NativeContext Native;
    internal RunMemory* Memory;
}
