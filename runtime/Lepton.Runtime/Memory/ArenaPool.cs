namespace Lepton.Runtime.Memory;

/// <summary>The arenas of a module: native memory for intermediate results, one per run in flight, reused between runs.</summary>
internal sealed class ArenaPool
{
    private readonly Slots<AlignedMemory> _free = new(64);

    /// <summary>Of all blocks that no run holds.</summary>
    internal long Bytes => _free.Sum(static b => b.Bytes);

    /// <summary>Memory of at least <paramref name="bytes"/> bytes, not cleared. Return it with <see cref="Return"/>.</summary>
    /// <exception cref="OutOfMemoryException">No memory of that size.</exception>
    internal AlignedMemory Rent(long bytes)
    {
        var block = _free.Take();
        if (block is not null && block.Bytes >= bytes)
        {
            return block;
        }

        // Grow by replacing: after a few runs every block in the pool is as large as the largest run needs. Entries of very different
        // sizes may swap blocks for a while, and that ends too.
        block?.Dispose();
        return new AlignedMemory(bytes, zeroed: false);
    }

    internal void Return(AlignedMemory block)
    {
        if (!_free.Put(block))
        {
            block.Dispose();
        }
    }

    /// <summary>Frees every block that no run holds.</summary>
    internal void Clear()
    {
        while (_free.Take() is { } block)
        {
            block.Dispose();
        }
    }
}
