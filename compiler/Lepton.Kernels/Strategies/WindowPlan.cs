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
/// convolution of each channel by itself, a stencil. Windows slide along the innermost axis of x and at most one other one.
/// </summary>
/// <param name="Id">The reduction or the contraction.</param>
/// <param name="View">x seen through the windows; its axes are those of the result (as far as it has them) and the summed ones.</param>
/// <param name="Shape">Of the result.</param>
/// <param name="Windows">The sizes of the summed axes, in the order of summation.</param>
/// <param name="Axes">For each axis of the view the axis of the result, or -1 - the number of the summed axis.</param>
internal sealed record WindowPlan(
    NodeId Id, NodeId View, ValueList<SizeExpr> Shape, ValueList<long> Windows, ValueList<int> Axes, WindowAxis? Row, WindowAxis Column)
{
    // Taps that are written out; those of the column are always.
    public const long Unrolled = 64;
    private const long MostTaps = 1024;
    private const long LeastColumns = 4;
    private const long MostStride = 4;

    // What is set aside for rows on a chunk's stack.
    public const long TileBytes = 32 * 1024;
    private const long MostTileBytes = 128 * 1024;

    public IEnumerable<int> Planes => Enumerable.Range(0, Shape.Count).Where(a => a != Column.Result && a != Row?.Result);

    /// <summary>The plan of a group that reduces windows of constant sizes, or null.</summary>
    public static WindowPlan? Of(LoweringContext context, FusionGroup group, NodeId id)
    {
        var graph = context.Graph;
        var shape = graph[id].Type.Shape;
        if (Windowed(graph, id) is not var (sources, sizes) || sizes.Any(s => s.AsConstant is null or < 1) || !OutputsFollow(graph, group, id)
            || group.Members.Any(m => graph[m] is GatherNode g && g.Access.Any(a => a.Site >= 0)))
        {
            return null;
        }

        var windows = sizes.Select(s => s.AsConstant!.Value).ToValueList();
        var last = shape.Count - 1;
        while (last >= 0 && shape[last] == SizeExpr.One)
        {
            last--;
        }

        // One tensor is seen through windows; a window that the innermost loop does not slide along needs nothing of this.
        var views = sources.SelectMany(s => Views(graph, group, s.Node, s.Axes)).Where(v => IsWindow((ViewNode)graph[v.View], v.Axes)).Distinct().ToArray();
        if (last < 0 || views.Length != 1 || windows.Aggregate(1.0, (p, w) => p * w) is not (> 1 and <= MostTaps))
        {
            return null;
        }

        var (view, axes) = views[0];
        var node = (ViewNode)graph[view];
        var source = graph[node.Source].Type.Shape;
        WindowAxis? row = null, column = null;
        for (var axis = 0; axis < node.Access.Count; axis++)
        {
            var access = node.Access[axis];
            var isWindow = access.Terms.Any(t => axes[t.Axis] < 0 && sizes[-1 - axes[t.Axis]] != SizeExpr.One);
            if (!isWindow)
            {
                continue;
            }

            if (Slides(node, axis, axes, windows, source, shape) is not { } slides)
            {
                return null;
            }

            if (slides.Result == last && column is null)
            {
                column = slides;
            }
            else if (row is null && slides.Result != last)
            {
                row = slides;
            }
            else
            {
                return null;
            }
        }

        var inner = source.Count - 1;
        while (inner > 0 && source[inner] == SizeExpr.One)
        {
            inner--;
        }

        var isElsewhere = node.Access.Where((_, a) => a != row?.Axis && a != column?.Axis)
            .SelectMany(a => a.Terms).Any(t => axes[t.Axis] == column?.Result || (row is not null && axes[t.Axis] == row.Result));
        if (column is null || column.Axis != inner || column.Count < LeastColumns || column.Stride > MostStride || isElsewhere
            || ColumnTaps(column, windows) > Unrolled)
        {
            return null;
        }

        var plan = new WindowPlan(id, view, shape, windows, axes, row, column);
        var width = Math.Max(1, node.Type.Element.ComputeType().ByteSize());
        return (row?.Reach(1) ?? 1) * column.Reach(column.Count) * width <= MostTileBytes ? plan : null;
    }

    /// <summary>Of one register, or as many as a row of windows fills.</summary>
    public int Lanes(LoweringContext context)
    {
        var graph = context.Graph;
        var width = Math.Max(graph[View].Type.Element.ComputeType().ByteSize(), graph[Id].Type.Element.ComputeType().ByteSize());
        var lanes = Math.Max(1, context.Options.RegisterBytes / width);
        while (lanes > Column.Count)
        {
            lanes /= 2;
        }

        return lanes;
    }

    /// <summary>Whether rows are set aside first: not where neighbouring windows read straight from memory what is always inside.</summary>
    public bool IsStaged(LoweringContext context, FusionGroup group)
    {
        var view = (ViewNode)context.Graph[View];
        return Column.Stride > 1 || view.Access.Any(a => a.Outside != Outside.Never) || group.Members.Contains(view.Source);
    }

    /// <summary>The number of taps behind the axis <paramref name="from"/> of the summed ones.</summary>
    public static long Taps(ValueList<long> windows, int from) => windows.Skip(from).Aggregate(1L, (p, w) => p * w);

    // Taps from the first axis on that moves along columns.
    private static long ColumnTaps(WindowAxis column, ValueList<long> windows) =>
        Taps(windows, Enumerable.Range(0, windows.Count).First(w => windows[w] != 1 && column.Taps[w] != 0));

    // What is combined, with the axes of the result or (-1 - number) of the window on which its axes lie, and the sizes of the window.
    private static (ValueList<(NodeId Node, ValueList<int> Axes)> Sources, ValueList<SizeExpr> Sizes)? Windowed(Graph graph, NodeId id)
    {
        switch (graph[id])
        {
            case ReduceNode { Kind: not (ReduceKind.ArgMax or ReduceKind.ArgMin) } reduce:
                var shape = graph[reduce.Source].Type.Shape;
                var kept = 0;
                var axes = Enumerable.Range(0, shape.Count).Select(a => reduce.Axes.ToList().IndexOf(a) is >= 0 and var w ? -1 - w : kept++).ToValueList();
                return ([(reduce.Source, axes)], reduce.Axes.Select(a => shape[a]).ToValueList());
            case ContractNode contract:
                var sizes = ContractionPlan.SizesOf(graph, contract);
                var summed = sizes.Keys.Where(l => !contract.Output.Contains(l)).Order().ToArray();
                return (contract.Factors.Select((f, i) => (f, contract.Labels[i]
                    .Select(l => contract.Output.ToList().IndexOf(l) is >= 0 and var o ? o : -1 - Array.IndexOf(summed, l)).ToValueList())).ToValueList(), summed.Select(l => sizes[l]).ToValueList());
            default:
                return null;
        }
    }

    // Every output is computed elementwise from the result at its own place.
    private static bool OutputsFollow(Graph graph, FusionGroup group, NodeId id)
    {
        var above = new HashSet<NodeId> { id };
        foreach (var member in group.Members.Where(m => m.Value > id.Value))
        {
            if (graph[member].Operands.Any(above.Contains))
            {
                if (graph[member] is not MapNode)
                {
                    return false;
                }

                above.Add(member);
            }
        }

        return group.Outputs.All(o => above.Contains(o) && graph[o].Type.Shape == graph[id].Type.Shape);
    }

    // The views below, through elementwise operations only.
    private static IEnumerable<(NodeId View, ValueList<int> Axes)> Views(Graph graph, FusionGroup group, NodeId node, ValueList<int> axes)
    {
        var (members, open, seen) = (group.Members.ToHashSet(), new Stack<NodeId>([node]), new HashSet<NodeId>());
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id) || !members.Contains(id))
            {
                continue;
            }

            if (graph[id] is ViewNode)
            {
                yield return (id, axes);
            }
            else if (graph[id] is MapNode map)
            {
                foreach (var operand in map.Arguments)
                {
                    open.Push(operand);
                }
            }
        }
    }

    private static bool IsWindow(ViewNode view, ValueList<int> axes) =>
        view.Access.Any(a => a.Terms.Any(t => axes[t.Axis] < 0) && a.Terms.Any(t => axes[t.Axis] >= 0));

    private static WindowAxis? Slides(ViewNode view, int axis, ValueList<int> axes, ValueList<long> windows, ValueList<SizeExpr> source, ValueList<SizeExpr> shape)
    {
        var access = view.Access[axis];
        var results = access.Terms.Where(t => axes[t.Axis] >= 0).ToArray();
        if (results is not [var one] || one.Coefficient.AsConstant is not (>= 1 and var stride) || source[axis].AsConstant is not (>= 1 and var size)
            || shape[axes[one.Axis]].AsConstant is not (>= 1 and var count) || access.Offset.AsConstant is not { } offset || access.Data >= 0)
        {
            return null;
        }

        var (least, most, taps) = (offset, offset, new long[windows.Count]);
        foreach (var term in access.Terms.Where(t => axes[t.Axis] < 0))
        {
            if (term.Coefficient.AsConstant is not { } step)
            {
                return null;
            }

            var w = -1 - axes[term.Axis];
            taps[w] = step;
            (least, most) = (least + Math.Min(0, step * (windows[w] - 1)), most + Math.Max(0, step * (windows[w] - 1)));
        }

        const long Far = 1 << 24;
        return stride > Far || Math.Abs(least) > Far || Math.Abs(most) > Far || size > Far || count > Far ? null
            : new WindowAxis(axis, axes[one.Axis], stride, least, most, taps.ToValueList(), size, count, access.Outside);
    }
}
