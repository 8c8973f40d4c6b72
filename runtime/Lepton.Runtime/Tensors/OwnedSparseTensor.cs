using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>
/// A sparse tensor that owns its native memory. Dispose it: a run in flight that uses it finishes first, later uses throw
/// <see cref="ObjectDisposedException"/>.
/// </summary>
public sealed class OwnedSparseTensor : SparseTensor, IDisposable
{
    private readonly OwnedTensor[] _owned;

    /// <summary>Takes the arrays over; they are known to be well formed.</summary>
    internal OwnedSparseTensor(TensorFormat format, ReadOnlySpan<long> shape, OwnedTensor[] arrays)
        : base(format, shape, arrays)
    {
        _owned = arrays;
    }

    /// <summary>Gives the memory back, once no run uses it.</summary>
    public void Dispose() => Array.ForEach(_owned, a => a.Dispose());
}
