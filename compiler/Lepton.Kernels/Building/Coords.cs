using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// Where a node's value is wanted: one index per axis. Where Mask is false (bool, scalar or of Lanes lanes; null: true everywhere) the indices
/// may lie outside, nothing is read, and the value does not matter.
/// </summary>
public sealed class Coords : IEquatable<Coords>
{
    private readonly int _hash;

    public Coords(ValueList<IndexForm> axes, int lanes, LoopExpr? mask = null)
    {
        Axes = axes;
        Lanes = lanes;
        Mask = mask;
        _hash = HashCode.Combine(axes, lanes, mask);
    }

    public ValueList<IndexForm> Axes { get; }

    /// <summary>The lanes that a value has which differs from lane to lane; such a one depends on forms with a lane part.</summary>
    public int Lanes { get; }

    public LoopExpr? Mask { get; }

    public Coords With(IEnumerable<IndexForm> axes) => new(axes.ToValueList(), Lanes, Mask);

    public Coords With(IEnumerable<IndexForm> axes, LoopExpr? mask) => new(axes.ToValueList(), Lanes, mask);

    public bool Equals(Coords? other) =>
        other is not null && (ReferenceEquals(this, other)
            || (_hash == other._hash && Lanes == other.Lanes && Axes == other.Axes && Equals(Mask, other.Mask)));

    public override bool Equals(object? obj) => Equals(obj as Coords);

    public override int GetHashCode() => _hash;

    public override string ToString() => $"[{string.Join("; ", Axes)}]" + (Mask is null ? "" : $" where {Mask}");
}
