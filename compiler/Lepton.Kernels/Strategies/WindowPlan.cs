using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// An axis of the source along which a window slides: position Stride·i + tap, where the taps reach from Least to Most.
/// <code>
/// Least &lt; 0 ░░│0 ████████ source ████████ Size-1│░░        Stride 2, Least -1, Most 1
///          └─i=0─┘ └─i=2─┘
///              └─i=1─┘
/// </code>
/// </summary>
/// <param name="Axis">Of the source.</param>
/// <param name="Result">The axis of the result that slides along it, with Count elements.</param>
/// <param name="Taps">The coefficient of each summed axis.</param>
internal sealed record WindowAxis(int Axis, int Result, long Stride, long Least, long Most, ValueList<long> Taps, long Size, long Count, Outside Outside)
{
    /// <summary>Positions that this many neighbouring windows reach.</summary>
    public long Reach(long windows) => (Stride * (windows - 1)) + Most - Least + 1;
}

/// <summary>
/// A reduction or contraction over small windows that slide over one tensor, y[…, i, j] = ⊕_{r, s} f(x[…, a·i + r, b·j + s]): pooling, a
/// convolution of each channel by itself, a stencil. Windows slide along the innermost axis of x and at most one other one. What is reduced
/// may itself be made of a contraction over such windows, of which each element is wanted once: a pool behind a convolution of one channel.
/// <code>
/// y[i, j] = max_{r, s} f(Σ_{u, v} x[2·i + r + u, 2·j + s + v]·w[u, v])       windows of x in steps of 2, with taps r, s, u, v
/// </code>
/// </summary>
/// <param name="Id">The reduction or the contraction.</param>
/// <param name="Inner">The contraction of which the reduction's source is an elementwise function, or null.</param>
/// <param name="Between">With Inner: the windows through which it is seen.</param>
/// <param name="View">The view of x; its own axes are those of what reads it.</param>
/// <param name="Seen">The same view with axes of ours: those of the result, then the summed ones.</param>
/// <param name="Shape">Of the result.</param>
/// <param name="Windows">The sizes of the summed axes, in the order of summation; those of Inner last.</param>
internal sealed record WindowPlan(
    NodeId Id, NodeId? Inner, NodeId? Between, NodeId View, ViewNode Seen, ValueList<SizeExpr> Shape, ValueList<long> Windows, WindowAxis? Row, WindowAxis Column)
{
    /// <summary>Taps that are written out; those of the column are always.</summary>
    public const long Unrolled = 64;

    /// <summary>What is set aside for rows on a chunk's stack.</summary>
    public const long TileBytes = 32 * 1024;

    private const long MostTaps = 1024;
    private const long MostPooled = 8;
    private const long LeastColumns = 4;
    private const long MostStride = 4;
    private const long MostTileBytes = 128 * 1024;

    // Rows that are set aside for each row that windows step on.
    private const long MostStaged = 4;

    /// <summary>The axes of the result along which x changes, but no window slides.</summary>
    public IEnumerable<int> Planes => Others.Where(IsInSource);

    /// <summary>The axes of the result that x does not have: the same rows of it serve all of them.</summary>
    public IEnumerable<int> Shared => Others.Where(a => !IsInSource(a));

    private IEnumerable<int> Others => Enumerable.Range(0, Shape.Count).Where(a => a != Column.Result && a != Row?.Result);

    private bool IsInSource(int axis) => Shape[axis] != SizeExpr.One && Seen.Access.Any(a => a.Terms.Any(t => t.Axis == axis));

    /// <summary>The number of summed axes that are not those of Inner.</summary>
    public int OwnWindows(Graph graph) => Inner is null ? Windows.Count : ((ReduceNode)graph[Id]).Axes.Count;

    /// <summary>The plan of a group that reduces windows of constant sizes, or null.</summary>
    public static WindowPlan? Of(LoweringContext context, FusionGroup group, NodeId id)
    {
        var (graph, members) = (context.Graph, group.Members.ToHashSet());
        if (!WindowSource.OutputsFollow(graph, group, id) || group.Members.Any(m => graph[m] is GatherNode g && g.Access.Any(a => a.Site >= 0))
            || WindowSource.Of(graph, members, id) is not { } source)
        {
            return null;
        }

        var shape = graph[id].Type.Shape;
        var last = shape.Count - 1;
        while (last >= 0 && shape[last] == SizeExpr.One)
        {
            last--;
        }

        var (seen, windows, rank) = (source.Seen, source.Windows, shape.Count);
        if (last < 0 || windows.Aggregate(1.0, (p, w) => p * w) is not (> 1 and <= MostTaps))
        {
            return null;
        }

        WindowAxis? row = null, column = null;
        for (var axis = 0; axis < seen.Access.Count; axis++)
        {
            if (!seen.Access[axis].Terms.Any(t => t.Axis >= rank && windows[t.Axis - rank] != 1))
            {
                continue;
            }

            var slides = Slides(seen, axis, rank, windows, graph[seen.Source].Type.Shape, shape);
            if (slides is null || (slides.Result == last ? column : row) is not null)
            {
                return null;
            }

            (row, column) = slides.Result == last ? (row, slides) : (slides, column);
        }

        var x = graph[seen.Source].Type;
        if (column is null || column.Axis != Innermost(x.Shape) || column.Count < LeastColumns || column.Stride > MostStride
            || Enumerable.Range(0, windows.Count).All(w => column.Taps[w] == 0 || windows[w] == 1)
            || Taps(windows, Enumerable.Range(0, windows.Count).First(w => windows[w] != 1 && column.Taps[w] != 0)) > Unrolled
            || seen.Access.Where((_, a) => a != row?.Axis && a != column.Axis).SelectMany(a => a.Terms).Any(t => t.Axis == column.Result || t.Axis == row?.Result))
        {
            return null;
        }

        if (source.Inner is not null && windows.Take(((ReduceNode)graph[id]).Axes.Count).Aggregate(1L, (p, w) => p * w) > MostPooled)
        {
            return null;
        }

        // A tile must hold the rows of one window, and what it sets aside must mostly be new. Where columns lie side by side anyway, a tile saves
        // no more than masks at the edges: then long rows, of which few fit, are better read from memory.
        var plan = new WindowPlan(id, source.Inner, source.Between, source.View, seen, shape, windows, row, column);
        var rows = plan.RowsAtATime(context, TileBytes);
        var (reach, fresh) = (row?.Reach(rows) ?? 1, (row?.Stride ?? 1) * rows);
        var isLong = rows < row?.Count && column.Stride == 1 && source.Inner is null && reach * 8 > fresh * 9;
        return reach * plan.RowBytes(context) > MostTileBytes || reach > MostStaged * fresh || isLong ? null : plan;
    }

    /// <summary>Rows of windows that a tile of so many bytes serves, at least one.</summary>
    public long RowsAtATime(LoweringContext context, long bytes) =>
        Row is { } row ? Math.Clamp((((bytes / RowBytes(context)) - (row.Most - row.Least + 1)) / row.Stride) + 1, 1, row.Count) : 1;

    private long RowBytes(LoweringContext context) => WindowTile.RowLength(this, Lanes(context)) * Seen.Type.Element.ComputeType().ByteSize();

    private static int Innermost(ValueList<SizeExpr> shape)
    {
        var inner = shape.Count - 1;
        while (inner > 0 && shape[inner] == SizeExpr.One)
        {
            inner--;
        }

        return inner;
    }

    /// <summary>
    /// Of one register; as many as a row of windows fills, or one vector for the whole row where masks have registers of their own: 13 windows
    /// are 13 of 16 lanes there, and else two vectors of 8.
    /// </summary>
    public int Lanes(LoweringContext context)
    {
        var graph = context.Graph;
        var width = Math.Max(Seen.Type.Element.ComputeType().ByteSize(), graph[Id].Type.Element.ComputeType().ByteSize());
        var lanes = Math.Max(1, context.Options.RegisterBytes / width);
        var mayMask = context.Options.HasMaskRegisters || context.Options.Eager;
        while (mayMask ? lanes / 2 >= Column.Count : lanes > Column.Count)
        {
            lanes /= 2;
        }

        return lanes;
    }

    /// <summary>Whether rows are set aside first: not where neighbouring windows read straight from memory what is always inside.</summary>
    public bool IsStaged(FusionGroup group) =>
        Column.Stride > 1 || Seen.Access.Any(a => a.Outside != Outside.Never) || group.Members.Contains(Seen.Source);

    /// <summary>The number of taps of the summed axes behind the first <paramref name="from"/>.</summary>
    public static long Taps(ValueList<long> windows, int from) => windows.Skip(from).Aggregate(1L, (p, w) => p * w);

    private static WindowAxis? Slides(ViewNode seen, int axis, int rank, ValueList<long> windows, ValueList<SizeExpr> source, ValueList<SizeExpr> shape)
    {
        var access = seen.Access[axis];
        var results = access.Terms.Where(t => t.Axis < rank).ToArray();
        if (results is not [var one] || one.Coefficient.AsConstant is not (>= 1 and var stride) || source[axis].AsConstant is not (>= 1 and var size)
            || shape[one.Axis].AsConstant is not (>= 1 and var count) || access.Offset.AsConstant is not { } offset || access.Data >= 0)
        {
            return null;
        }

        var (least, most, taps) = (offset, offset, new long[windows.Count]);
        foreach (var term in access.Terms.Where(t => t.Axis >= rank))
        {
            if (term.Coefficient.AsConstant is not { } step)
            {
                return null;
            }

            var w = term.Axis - rank;
            taps[w] = step;
            (least, most) = (least + Math.Min(0, step * (windows[w] - 1)), most + Math.Max(0, step * (windows[w] - 1)));
        }

        const long Far = 1 << 24;
        return stride > Far || Math.Abs(least) > Far || Math.Abs(most) > Far || size > Far || count > Far ? null
            : new WindowAxis(axis, one.Axis, stride, least, most, taps.ToValueList(), size, count, access.Outside);
    }
}
