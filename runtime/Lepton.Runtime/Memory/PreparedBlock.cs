namespace Lepton.Runtime.Memory;

/// <summary>What an entry prepared from one set of parameters: memory that runs read.</summary>
/// <param name="module">Whose code made it.</param>
/// <param name="key">Says what is in it; see <see cref="Abi.NativeContext"/>.</param>
/// <param name="bytes">Its size.</param>
internal sealed class PreparedBlock(Module module, long key, long bytes) : IDisposable
{
    private readonly AlignedMemory _memory = new(bytes, zeroed: false);

    internal long Bytes => _memory.IsClosed ? 0 : _memory.Bytes;

    internal unsafe byte* Pointer => _memory.Pointer;

    internal bool Fits(Module other, long otherKey, long otherBytes) => module == other && key == otherKey && bytes == otherBytes;

    /// <summary>Counts a run in, which ends with <see cref="Exit"/>; false when the block is on its way out.</summary>
    internal bool TryEnter()
    {
        try
        {
            unsafe
            {
                _ = _memory.AddUser();
            }

            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    internal void Exit() => _memory.DangerousRelease();

    /// <summary>Frees the memory when no run reads it any more.</summary>
    public void Dispose() => _memory.Dispose();
}

/// <summary>The blocks made for one module, to free them with it. The sets of parameters that keep them may live longer.</summary>
internal sealed class PreparedBlocks : IDisposable
{
    private readonly List<WeakReference<PreparedBlock>> _blocks = [];

    internal long Bytes
    {
        get
        {
            lock (_blocks)
            {
                return _blocks.Sum(static b => b.TryGetTarget(out var block) ? block.Bytes : 0);
            }
        }
    }

    internal void Add(PreparedBlock block)
    {
        lock (_blocks)
        {
            _blocks.RemoveAll(static b => !b.TryGetTarget(out _));
            _blocks.Add(new WeakReference<PreparedBlock>(block));
        }
    }

    public void Dispose()
    {
        lock (_blocks)
        {
            foreach (var known in _blocks)
            {
                if (known.TryGetTarget(out var block))
                {
                    block.Dispose();
                }
            }

            _blocks.Clear();
        }
    }
}
