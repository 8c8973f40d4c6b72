using System.Runtime.InteropServices;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>
/// One state of a <see cref="ParameterSet"/>, which never changes, and what entries prepared from it. Finding a block that is there takes no
/// lock; the first run that needs one makes it, and others wait for that.
/// </summary>
internal sealed class ParameterValues(Dictionary<string, TensorRef> tensors) : IDisposable
{
    // Code made for different sizes may pack differently; one call of each kind shall not push out what the others use.
    private const int MaxBlocks = 16;

    private readonly SemaphoreSlim _making = new(1);
    private volatile PreparedBlock[] _blocks = [];
    private volatile bool _closed;

    internal Dictionary<string, TensorRef> Tensors { get; } = tensors;

    /// <summary>A block for one run, which ends with <see cref="PreparedBlock.Exit"/>.</summary>
    /// <param name="module">Whose code makes it.</param>
    /// <param name="key">Says what is in it.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="state">What <paramref name="make"/> needs.</param>
    /// <param name="make">Makes its memory.</param>
    /// <param name="cancellation">Of the run.</param>
    /// <exception cref="OperationCanceledException">While another run makes it, or by <paramref name="make"/>.</exception>
    internal PreparedBlock Enter<TState>(Module module, long key, long bytes, TState state, Func<TState, SafeHandle> make, CancellationToken cancellation)
    {
        if (Find(module, key, bytes) is { } ready)
        {
            return ready;
        }

        _making.Wait(cancellation);
        try
        {
            return Find(module, key, bytes) ?? Make(module, key, bytes, state, make);
        }
        finally
        {
            _making.Release();
        }
    }

    /// <summary>These values are replaced: runs in flight may still make and use blocks, which are freed behind them.</summary>
    public void Dispose()
    {
        _closed = true;
        foreach (var block in Interlocked.Exchange(ref _blocks!, []))
        {
            block.Dispose();
        }
    }

    private PreparedBlock? Find(Module module, long key, long bytes)
    {
        foreach (var block in _blocks)
        {
            if (block.Fits(module, key, bytes) && block.TryEnter())
            {
                return block;
            }
        }

        return null;
    }

    private PreparedBlock Make<TState>(Module module, long key, long bytes, TState state, Func<TState, SafeHandle> make)
    {
        var block = new PreparedBlock(module, key, bytes, make(state));
        _ = block.TryEnter();
        module.Prepared.Add(block);

        // The limit is that of one module: a program in pieces has a module for each.
        var blocks = Array.FindAll(_blocks, b => !b.IsDisposed);
        if (blocks.Count(b => b.IsOf(module)) >= MaxBlocks)
        {
            var oldest = Array.FindIndex(blocks, b => b.IsOf(module));
            blocks[oldest].Dispose();
            blocks = [.. blocks[..oldest], .. blocks[(oldest + 1)..]];
        }

        // A fence: either we see that the values are closed, or who closes them sees the block.
        Interlocked.Exchange(ref _blocks!, [.. blocks, block]);
        if (_closed)
        {
            Dispose();
        }

        return block;
    }
}
