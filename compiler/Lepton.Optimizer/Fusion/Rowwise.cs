using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// Reductions, the elementwise work before and after them, and further reductions over the same axes are one row-wise group:
/// <code>
/// softmax:   z ─┬─▶ max ─▶ z - max ─▶ exp ─┬─▶ sum ─▶ exp / sum        Full [B, C], Row [B], axes [1]
///               └──────────▲               └──────────▲
/// </code>
/// All reductions of a group read the same Full shape and reduce the same axes, so its kernel is a sequence of stages over each row.
/// </summary>
internal sealed partial class Planner
{
    // A single row this long is better reduced by a kernel that all threads share, and used by another.
    private const double LongRow = 1 << 16;

    private readonly Dictionary<(ValueList<SizeExpr> Full, ValueList<int> Axes), List<OpenGroup>> _rowwise = [];

    private void PlaceReduce(NodeId id, ReduceNode reduce)
    {
        var full = _graph[reduce.Source].Type.Shape;
        var mustBeStored = MustBeStored(id);
        if (!_apart && _reads[id.Value]?.First is { } first && first.Group.IsOnce == IsOnce(id) && BecomeRowwise(first, reduce) && first.Resolved == first.Group.RowLevel
            && ((ReadsOf(id).Count == 1 && !mustBeStored) || TakesOutput(first.Group, id)))
        {
            if (ReadsOf(id).Count > 1 || mustBeStored)
            {
                first.Group.Outputs.Add(id);
            }

            Note(id, first, true, "same rows, same reduced axes");
            Enter(id, first);
            return;
        }

        foreach (var read in ReadsOf(id))
        {
            Note(id, read, false, IsOnce(id) && !read.Group.IsOnce ? "depends on parameters alone: done once" : read.Group.Strategy switch
            {
                KernelStrategy.Rowwise => "other rows or other reduced axes",
                KernelStrategy.Map when read.IsAligned => "used by several kernels",
                _ => "read at another index than the row's",
            });
        }

        if (!_apart && ReductionOfSameRows(id, reduce, full) is { } sibling)
        {
            sibling.Outputs.Add(id);
            _notes.Add(new FusionNote(id, sibling.Outputs[0], true, $"both reduce the rows of {_origins.Base(reduce.Source)}"));
            Enter(id, sibling, sibling.RowLevel, 0, false);
            return;
        }

        var group = new OpenGroup(id.Value, KernelStrategy.Rowwise, reduce.Type.Shape) { IsOnce = IsOnce(id) };
        group.BecomeRowwise(full, reduce.Axes, rootIsRow: true);
        _groups.Add(group);
        group.Outputs.Add(id);
        Enter(id, group, Level.Space, 0, false);
    }

    /// <summary>
    /// Whether the reading group is, or can become, a row-wise group of these rows. A Map group can: its first output lies in the row space
    /// when it reads the reduction at its own index, in the full space when it repeats the reduction along the reduced axes.
    /// </summary>
    private bool BecomeRowwise(Read read, ReduceNode reduce)
    {
        var (group, full) = (read.Group, _graph[reduce.Source].Type.Shape);
        if (group.Strategy != KernelStrategy.Map)
        {
            return group.ReducesLike(full, reduce.Axes);
        }

        var kept = OpenGroup.KeptAxes(full.Count, reduce.Axes);
        if (read.Levels == Level.Space && group.Space == reduce.Type.Shape)
        {
            group.BecomeRowwise(full, reduce.Axes, rootIsRow: true);
            return true;
        }

        var oneLongRow = kept.All(a => full[a] == SizeExpr.One) && SizeExpr.Product(full).AsConstant is > (long)LongRow;
        if (read.Levels == Level.Repeated && read.Kept == kept && group.Space == full && !oneLongRow)
        {
            group.BecomeRowwise(full, reduce.Axes, rootIsRow: false);
            return true;
        }

        return false;
    }

    // Mean and sum of squares of one tensor: a group that reduces what was made of the same tensor takes this reduction along.
    private OpenGroup? ReductionOfSameRows(NodeId id, ReduceNode reduce, ValueList<SizeExpr> full)
    {
        if (!_rowwise.TryGetValue((full, reduce.Axes), out var groups))
        {
            return null;
        }

        var firstReader = _reads[id.Value]?.First?.Group.Position ?? int.MaxValue;
        for (var i = groups.Count - 1; i >= Math.Max(0, groups.Count - MaxRepeats); i--)
        {
            if (groups[i].Bases.Contains(_origins.Base(reduce.Source)) && TakesOutput(groups[i], id) && groups[i].Position < firstReader)
            {
                return groups[i];
            }
        }

        return null;
    }

    private void RememberRows(OpenGroup group, ReduceNode reduce)
    {
        if (group.Bases.Count == 0)
        {
            if (!_rowwise.TryGetValue((group.Full, group.Axes), out var groups))
            {
                _rowwise.Add((group.Full, group.Axes), groups = []);
            }

            groups.Add(group);
        }

        group.Bases.Add(_origins.Base(reduce.Source));
    }
}
