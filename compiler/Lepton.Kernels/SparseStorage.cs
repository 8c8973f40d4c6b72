using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels;

/// <summary>Where the arrays of a sparse tensor are.</summary>
/// <param name="Name">What its size variables are named after; see <see cref="TensorFormat.Count"/>.</param>
/// <param name="Arrays">In the order of <see cref="TensorFormat.Arrays"/>.</param>
public sealed record SparseStorage(string Name, TensorType Type, TensorFormat Format, ValueList<BufferRef> Arrays)
{
    /// <summary>What is not stored.</summary>
    public Scalar Fill => Format.FillOf(Type.Element);

    /// <summary>The array of a kind that a level has; the values belong to the last.</summary>
    public BufferRef Array(StorageKind kind, int level)
    {
        var arrays = Format.Arrays(Name, Type.Element, Type.Shape);
        for (var i = 0; i < arrays.Count; i++)
        {
            if (arrays[i].Kind == kind && (arrays[i].Level == level || kind == StorageKind.Values))
            {
                return Arrays[i];
            }
        }

        throw new CompilerBugException("kernels", $"level {level} of {Name} in {Format} has no {kind}");
    }

    /// <summary>How many positions a level has; -1: one, before the first.</summary>
    public SizeExpr Count(int level) => Format.Count(level, Name, Type.Shape);

    /// <summary>How many values are stored.</summary>
    public SizeExpr Stored => Count(Format.Levels.Count - 1);
}
