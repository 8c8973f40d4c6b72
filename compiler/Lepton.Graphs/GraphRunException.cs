namespace Lepton.Graphs;

/// <summary>Why a run ended without results; all of them are about the caller's tensors and sizes.</summary>
public enum GraphRunError
{
    /// <summary>An index of a gather or scatter lies outside its axis.</summary>
    IndexOutOfRange,

    /// <summary>The sizes of the call break a constraint of the graph.</summary>
    Constraint,

    /// <summary>A tensor has another type or shape than the graph's input.</summary>
    Input,

    /// <summary>A tensor would be larger than the limit.</summary>
    TooLarge,
}

/// <summary>A failed run.</summary>
/// <param name="site">For an index: the number of the check in <see cref="Graph.Sites"/>; else -1.</param>
/// <param name="element">The row-major number of the first element, over the site's shape, whose index is outside.</param>
/// <param name="index">The index that was outside.</param>
/// <param name="bound">The size that it had to be below.</param>
public sealed class GraphRunException(GraphRunError error, string message, int site = -1, long element = -1, long index = 0, long bound = 0) : Exception(message)
{
    public GraphRunError Error { get; } = error;

    public int Site { get; } = site;

    public long Element { get; } = element;

    public long Index { get; } = index;

    public long Bound { get; } = bound;
}
