using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// A group while it is being planned. Its iteration space is the shape of its first output; a row-wise group has two spaces, of which its
/// first output lies in one:
/// <code>
/// Full  [B, C]   every element: what is reduced, and what is done per element afterwards
/// Row   [B]      the kept axes: the reductions, and what is done with them per row
/// </code>
/// One group has one Full shape and one set of reduced axes.
/// </summary>
/// <param name="position">The id of the node whose place in the graph is the group's place in launch order.</param>
internal sealed class OpenGroup(int position, KernelStrategy strategy, ValueList<SizeExpr> space)
{
    public int Position { get; } = position;

    public KernelStrategy Strategy { get; set; } = strategy;

    /// <summary>The space of the first output.</summary>
    public ValueList<SizeExpr> Space { get; } = space;

    /// <summary>Row-wise: the space that is reduced, the reduced and the other axes; whether the first output lies in Row.</summary>
    public ValueList<SizeExpr> Full { get; private set; }

    public ValueList<int> Axes { get; private set; }

    public ValueList<int> Kept { get; private set; }

    public bool RootIsRow { get; private set; }

    /// <summary>Row-wise: the tensors of which the reductions' sources are elementwise functions; empty: there is no reduction.</summary>
    public HashSet<NodeId> Bases { get; } = [];

    /// <summary>All that it stores depends on parameters alone: it runs once for a set of them.</summary>
    public bool IsOnce { get; init; }

    public int Elementwise { get; set; }

    /// <summary>The contract that the group would take though it reads slices of its result.</summary>
    public NodeId? Gated { get; set; }

    public List<NodeId> Members { get; } = [];

    public List<NodeId> Outputs { get; } = [];

    /// <summary>How the Row and the Full space are read.</summary>
    public Level RowLevel => RootIsRow ? Level.Space : Level.Row;

    public Level FullLevel => RootIsRow ? Level.Full : Level.Space;

    public bool ReducesLike(ValueList<SizeExpr> full, ValueList<int> axes) => Strategy == KernelStrategy.Rowwise && Full == full && Axes == axes;

    public void BecomeRowwise(ValueList<SizeExpr> full, ValueList<int> axes, bool rootIsRow)
    {
        Strategy = KernelStrategy.Rowwise;
        (Full, Axes, RootIsRow) = (full, axes, rootIsRow);
        Kept = KeptAxes(full.Count, axes);
    }

    public static ValueList<int> KeptAxes(int rank, ValueList<int> axes) => Enumerable.Range(0, rank).Except(axes).ToValueList();
}

/// <summary>At which index a group reads a node, relative to the group's iteration space.</summary>
[Flags]
internal enum Level
{
    None = 0,

    /// <summary>Exactly at the index of the first output's space.</summary>
    Space = 1,

    /// <summary>First output in Full: at the row's index.</summary>
    Row = 2,

    /// <summary>First output in Row: at every element of the row.</summary>
    Full = 4,

    /// <summary>Through a view that repeats along some axes of the space: Row, if the group turns out to reduce these axes.</summary>
    Repeated = 8,

    /// <summary>At some other index.</summary>
    Other = 16,

    /// <summary>In memory, as a whole.</summary>
    Memory = 32,
}

/// <summary>How one group reads one node.</summary>
internal sealed class Read(OpenGroup group, NodeId consumer)
{
    public OpenGroup Group { get; } = group;

    /// <summary>One of the nodes that read.</summary>
    public NodeId Consumer { get; } = consumer;

    public Level Levels { get; private set; }

    /// <summary>For <see cref="Level.Repeated"/>: the axes of the space that are not repeated along.</summary>
    public ValueList<int> Kept { get; private set; }

    /// <summary>How many elements the reads at another index touch, repetitions counted.</summary>
    public double Evaluations { get; private set; }

    /// <summary>The read passes an access with an else mode.</summary>
    public bool Guarded { get; private set; }

    public void Add(Level level, double evaluations, ValueList<int> kept, bool guarded)
    {
        if (level == Level.Repeated)
        {
            level = (Levels & Level.Repeated) == 0 || Kept == kept ? level : Level.Other;
            Kept = kept;
        }

        Evaluations += level is Level.Other or Level.Repeated ? evaluations : 0;
        Levels |= level;
        Guarded |= guarded;
    }

    /// <summary>The levels, with what is known by now about repetition.</summary>
    public Level Resolved
    {
        get
        {
            if ((Levels & Level.Repeated) == 0)
            {
                return Levels;
            }

            var isRow = Group is { Strategy: KernelStrategy.Rowwise, RootIsRow: false } && Group.Kept == Kept;
            return (Levels & ~Level.Repeated) | (isRow ? Level.Row : Level.Other);
        }
    }

    /// <summary>Whether every read is at the index of one of the group's spaces.</summary>
    public bool IsAligned => (Resolved & (Level.Other | Level.Memory)) == 0;
}

/// <summary>The groups that read a node, newest last.</summary>
internal sealed class ReadList
{
    private const int ScanLimit = 8;
    private Dictionary<OpenGroup, Read>? _byGroup;

    public List<Read> All { get; } = [];

    public Read Of(OpenGroup group, NodeId consumer)
    {
        if (_byGroup is null)
        {
            foreach (var known in All)
            {
                if (known.Group == group)
                {
                    return known;
                }
            }
        }
        else if (_byGroup.TryGetValue(group, out var known))
        {
            return known;
        }

        var read = new Read(group, consumer);
        All.Add(read);
        if (All.Count == ScanLimit)
        {
            _byGroup = All.ToDictionary(r => r.Group);
        }
        else
        {
            _byGroup?.Add(group, read);
        }

        return read;
    }

    /// <summary>The reader that is launched first.</summary>
    public Read? First => All.MinBy(r => r.Group.Position);
}
