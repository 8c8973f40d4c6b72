using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Memory;

/// <summary>
/// The blocks that native code took in one run, and those of the run before, for use again: fresh memory costs a page fault for each 4096
/// bytes. Two lists through the line in front of each block. Lives in native memory, so that the callback needs no managed object.
/// <code>
///   taken ─▶ [ Next, Bytes | data … ] ─▶ [ Next, Bytes | data … ] ─▶ 0
/// </code>
/// </summary>
internal unsafe struct RunMemory
{
    private const int Header = AlignedMemory.Alignment;

    /// <summary>The bytes of the first request that was refused; 0: none was.</summary>
    internal long Refused;

    private Block* _taken;
    private Block* _spare;
    private int _lock;

    /// <summary>Made once: taking the address of such a function asks the runtime each time.</summary>
    internal static readonly delegate* unmanaged<NativeContext*, long, void*> Callback = &Allocate;

    /// <summary>Whether there is a block, or a request was refused.</summary>
    internal readonly bool IsUsed => _taken is not null || _spare is not null || Refused != 0;

    /// <summary>Frees everything.</summary>
    internal void Clear()
    {
        Free(ref _taken);
        Free(ref _spare);
    }

    /// <summary>Before a run: what the last one took, and nobody holds, is there for this one; what that left unused is freed.</summary>
    internal void Begin()
    {
        Free(ref _spare);
        _spare = _taken;
        _taken = null;
        Refused = 0;
    }

    /// <summary>The size of the block whose data starts there; null: there is none.</summary>
    internal readonly long? BytesOf(void* data)
    {
        for (var block = _taken; block is not null; block = block->Next)
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

        block->Next = _taken;
        _taken = block;
        Buffer.MemoryCopy(data, (byte*)block + Header, bytes, bytes);
        return (byte*)block + Header;
    }

    /// <summary>Takes a block out of the list: its new owner frees it. null: none of these starts there.</summary>
    internal AlignedMemory? Take(void* data)
    {
        fixed (Block** start = &_taken)
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
    private static void* Allocate(NativeContext* context, long bytes) => ((RunContext*)context)->Memory->New(bytes);

    /// <summary>A block, used before or new; null: no memory of that size. From any thread.</summary>
    internal void* New(long bytes)
    {
        var wait = default(SpinWait);
        while (Interlocked.CompareExchange(ref _lock, 1, 0) != 0)
        {
            wait.SpinOnce();
        }

        var block = bytes is < 0 or > TensorShape.MaxBytes ? null : FromSpare(bytes);
        block = block is null && bytes is >= 0 and <= TensorShape.MaxBytes ? Make(bytes) : block;
        if (block is null)
        {
            Refused = Refused == 0 ? bytes : Refused;
        }
        else
        {
            block->Next = _taken;
            _taken = block;
        }

        Volatile.Write(ref _lock, 0);
        return block is null ? null : (byte*)block + Header;
    }

    // Not one that is far larger: another request of this run may be for it.
    private Block* FromSpare(long bytes)
    {
        fixed (Block** start = &_spare)
        {
            for (var link = start; *link is not null; link = &(*link)->Next)
            {
                var block = *link;
                if (block->Bytes >= bytes && block->Bytes / 2 <= bytes)
                {
                    *link = block->Next;
                    return block;
                }
            }
        }

        return null;
    }

    private static void Free(ref Block* first)
    {
        while (first is not null)
        {
            var block = first;
            first = block->Next;
            NativeMemory.AlignedFree(block);
        }
    }

    private static Block* Make(long bytes)
    {
        // Whole lines, so that a wide load at the end stays inside; never empty, so that each has an address of its own.
        bytes = (Math.Max(bytes, 1) + Header - 1) & ~(Header - 1L);
        try
        {
            var block = (Block*)LargePages.Allocate(bytes + Header, AlignedMemory.Alignment);
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
