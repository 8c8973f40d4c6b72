using System.Runtime.InteropServices;

namespace Lepton.Runtime.Memory;

/// <summary>What an entry prepared from one set of parameters: memory that runs read, of the process or of a device.</summary>
/// <param name="module">Whose code made it.</param>
/// <param name="key">Says what is in it; see <see cref="Abi.NativeContext"/>.</param>
/// <param name="bytes">Its size.</param>
/// <param name="memory">Owns it: its handle is the address, or what a device calls it.</param>
internal sealed class PreparedBlock(Module module, long key, long bytes, SafeHandle memory) : IDisposable
{
    private volatile bool _disposed;

    internal long Bytes => memory.IsClosed ? 0 : bytes;

    internal SafeHandle Memory => memory;

    internal unsafe byte* Pointer => (byte*)memory.DangerousGetHandle();

    /// <summary>Whether it is on its way out.</summary>
    internal bool IsDisposed => _disposed;

    internal bool IsOf(Module other) => module == other;

    internal bool Fits(Module other, long otherKey, long otherBytes) => module == other && key == otherKey && bytes == otherBytes;

    /// <summary>Counts a run in, which ends with <see cref="Exit"/>; false when the block is on its way out.</summary>
    internal bool TryEnter()
    {
        if (_disposed)
        {
            return false;
        }

        try
        {
            var isCounted = false;
            memory.DangerousAddRef(ref isCounted);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    internal void Exit() => memory.DangerousRelease();

    /// <summary>Frees the memory when no run reads it any more.</summary>
    public void Dispose()
    {
        _disposed = true;
        memory.Dispose();
    }
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
