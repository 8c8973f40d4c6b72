using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels;

/// <summary>Where a node's elements are.</summary>
public abstract record Place;

/// <summary>In memory, contiguous, row-major.</summary>
public sealed record BufferPlace(BufferRef Ref) : Place;

/// <summary>Nowhere: an i64 scalar that the sizes and loop counters give.</summary>
public sealed record SizePlace(SizeExpr Size) : Place;

/// <summary>One graph (an entry's, or the body of a scan or iterate) on its way to kernels and host statements: where its nodes are.</summary>
public sealed class LoweringContext(FusedGraph fused, ProgramBuilder program, KernelOptions options)
{
    // As large as a last-level cache.
    private const long StreamBytes = 16 << 20;

    private Dictionary<NodeId, Place> _places = [];
    private Dictionary<NodeId, SparseStorage> _storages = [];
    private int[]? _uses;
    private Dictionary<NodeId, string?>? _lastReaders;

    public FusedGraph Fused { get; } = fused;

    public Graph Graph => Fused.Graph;

    public ProgramBuilder Program { get; } = program;

    /// <summary>Of the entry's tensors, those that are parameters.</summary>
    public required Range Parameters { get; init; }

    public KernelOptions Options { get; } = options;

    /// <summary>Whether whole groups may move to what runs once: not from the body of a loop, which may run no step.</summary>
    public bool HasPrepare { get; init; }

    /// <summary>Whether the graph is the body of a loop.</summary>
    public bool IsLoopBody { get; init; }

    /// <summary>Where a node is; null when it is in no memory (yet). Constants of several numbers get their memory here.</summary>
    public Place? PlaceOf(NodeId node)
    {
        if (_places.TryGetValue(node, out var place))
        {
            return place;
        }

        if (Graph[node] is ConstantNode { Values.Count: > 1 } constant)
        {
            place = new BufferPlace(Program.Constant(constant));
            _places.Add(node, place);
        }

        return place;
    }

    /// <summary>Whether what is stored here, of so many bytes, is a result as large as a last-level cache: out of it before anybody reads it.</summary>
    internal bool PassesCaches(BufferRef place, SizeExpr bytes) =>
        place.Kind == BufferKind.Tensor && place.Offset == SizeExpr.Zero && bytes.AsConstant >= Options.Limit(StreamBytes);

    /// <summary>How many operands and outputs of the graph a node is.</summary>
    public int UsesOf(NodeId node) => (_uses ??= Graph.CountUses())[node.Value];

    /// <summary>Concatenations, and parts that lie in them: what is written over the one changes the other.</summary>
    internal HashSet<NodeId> SharesMemory { get; } = [];

    /// <summary>Results that lie in the memory of an operand.</summary>
    internal HashSet<NodeId> IsInPlace { get; } = [];

    /// <summary>Whether no group after this one loads the node, and it is no result of the graph.</summary>
    internal bool IsLastReader(FusionGroup group, NodeId node)
    {
        _lastReaders ??= LastReaders();
        return _lastReaders.TryGetValue(node, out var last) && last == group.Name;
    }

    public void SetPlace(NodeId node, Place place) => _places[node] = place;

    /// <summary>How and where a node is stored sparse; null: it is not. It may be in dense memory too.</summary>
    public SparseStorage? StorageOf(NodeId node) => _storages.GetValueOrDefault(node);

    public void SetStorage(NodeId node, SparseStorage storage) => _storages[node] = storage;

    /// <summary>
    /// Memory of the arena for this many elements, shared with others when their lives do not overlap; memory from the host where the run finds
    /// out how many there are.
    /// </summary>
    public BufferRef Allocate(ElementType element, SizeExpr count)
    {
        var bytes = count * element.ByteSize() * Room;
        return Program.IsLate(bytes) ? Program.AllocateLate(bytes) : Program.Allocate(bytes);
    }

    /// <summary>
    /// Memory with what <paramref name="fill"/> computes from <paramref name="sources"/> alone, a packed factor for example. Where the sources
    /// depend on parameters and constants alone, the kernels that fill launches run once for a set of parameters; where no step of the loop
    /// around changes them, once before the loop; else here, at each run.
    /// </summary>
    public BufferRef Once(IEnumerable<NodeId> sources, ElementType element, SizeExpr count, Action<BufferRef> fill)
    {
        var all = sources.ToArray();
        if (Program.IsPreparing || !all.All(IsFixed))
        {
            var place = Allocate(element, count);
            if (!Program.IsPreparing && all.All(IsInvariant))
            {
                Program.BeforeLoop(() => fill(place));
            }
            else
            {
                fill(place);
            }

            return place;
        }

        var prepared = Program.AllocatePrepared(count * element.ByteSize());
        InPrepare(() => fill(prepared));
        return prepared;
    }

    /// <summary>What <paramref name="emit"/> adds runs once for a set of parameters, whatever is left out of the run that it is asked for in.</summary>
    internal void InPrepare(Action emit)
    {
        var (only, room) = (Only, Room);
        (Only, Room) = (SizeExpr.One, SizeExpr.One);
        Program.InPrepare(emit);
        (Only, Room) = (only, room);
    }

    /// <summary>Whether <see cref="Once"/> does not compute from a node at each run, or at each step of the loop around.</summary>
    public bool IsOnce(NodeId node) => IsFixed(node) || IsInvariant(node);

    /// <summary>Whether a node of a loop's body is made of captures and constants alone where it is computed, and cannot fail.</summary>
    private bool IsInvariant(NodeId node) => IsLoopBody && Reaches(node, id => Graph[id] switch
    {
        InputNode input => input.Kind == InputKind.Capture,
        ConstantNode => true,
        GatherNode gather when gather.Access.Any(a => a.Site >= 0) => false,
        _ => PlaceOf(id) is null ? null : false,
    });

    /// <summary>Whether a node, with all that is computed for it, depends on parameters, constants and sizes alone, and cannot fail.</summary>
    public bool IsFixed(NodeId node) => Reaches(node, id => PlaceOf(id) is { } place ? IsFixed(place)
        : StorageOf(id) is { } storage ? storage.Arrays.All(a => IsFixed(new BufferPlace(a)))
        : Graph[id] switch
    {
        InputNode => false,
        GatherNode gather when gather.Access.Any(a => a.Site >= 0) => false,
        _ => null,
    });

    // Of each node that is loaded, the name of the last group that does; null: it is a result of the graph.
    private Dictionary<NodeId, string?> LastReaders()
    {
        var last = new Dictionary<NodeId, string?>();
        foreach (var group in Fused.Groups)
        {
            var members = group.Members.ToHashSet();
            // What a format stores is taken from memory where it lies there, also by a group that could compute it.
            foreach (var operand in group.Members.SelectMany(m => Graph[m].Operands.Where(o => !members.Contains(o) || Graph[m] is FormatNode)))
            {
                last[operand] = group.Name;
            }
        }

        foreach (var output in Graph.Outputs)
        {
            last[output.Node] = null;
        }

        return last;
    }

    // Whether a walk from a node towards the inputs meets only what is fine; null: that depends on the operands.
    private bool Reaches(NodeId node, Func<NodeId, bool?> isFine)
    {
        var open = new Stack<NodeId>([node]);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            if (isFine(id) is { } fine)
            {
                if (!fine)
                {
                    return false;
                }

                continue;
            }

            foreach (var operand in Graph[id].Operands)
            {
                open.Push(operand);
            }
        }

        return true;
    }

    // Places that move with the counter of a loop are not fixed.
    private bool IsFixed(Place place) => place switch
    {
        SizePlace size => !Program.IsLate(size.Size),
        BufferPlace { Ref: var buffer } => !Program.IsLate(buffer.Offset) && buffer.Kind switch
        {
            BufferKind.Constant or BufferKind.Prepared => true,
            BufferKind.Tensor => buffer.Number >= Parameters.Start.Value && buffer.Number < Parameters.End.Value,
            _ => false,
        },
        _ => false,
    };

    /// <summary>
    /// Asks how a kernel is made that computes a group. null: nobody plans or listens, and the model decides. What runs once is not asked for.
    /// </summary>
    public ScheduleUse? Schedule(FusionGroup group, ScheduleSpace space)
    {
        if (Options.Schedules is not { } schedules || Program.IsPreparing || GroupAlone.Of(this, group) is not { } alone)
        {
            return null;
        }

        var key = alone.Key(space.Name);
        var planned = schedules.Find(key);
        var problem = planned is null ? null : space.Problem(planned);
        var isPlanned = planned is not null && problem is null;
        var use = new ScheduleUse(key, space, isPlanned ? planned! : space.Model, problem, isPlanned, GroupAlone.Fused(alone));
        Program.Note(use);
        return use;
    }

    /// <summary>A size that is 1 or 0: whether what is launched now runs.</summary>
    internal SizeExpr Only { get; private set; } = SizeExpr.One;

    /// <summary>A size that is 1 or 0, of dims alone: whether what is allocated in the arena now is needed. Where it is 0, <see cref="Only"/> is too.</summary>
    internal SizeExpr Room { get; private set; } = SizeExpr.One;

    /// <summary>
    /// What <paramref name="emit"/> adds runs where <paramref name="only"/> is 1, not where it is 0. A node that gets a place there is there in those
    /// runs alone: behind it, it is where it was before.
    /// </summary>
    /// <param name="only">A size that is 1 or 0.</param>
    /// <param name="emit">Adds statements.</param>
    /// <param name="room">Whether its memory, too, is needed there alone: only is of dims.</param>
    internal void Where(SizeExpr only, Action emit, bool room = false)
    {
        var (outer, outerRoom, places, storages) = (Only, Room, _places, _storages);
        (Only, Room, _places, _storages) = (outer * only, room ? outerRoom * only : outerRoom, new(places), new(storages));
        emit();
        (Only, Room, _places, _storages) = (outer, outerRoom, places, storages);
    }

    /// <summary>Adds a kernel and the statement that runs it here.</summary>
    public void Launch(Kernel kernel, ValueList<BufferRef> buffers) =>
        Program.Add(new Launch(Program.AddKernel(kernel with { Chunks = kernel.Chunks * Only }), buffers) { Group = Program.Group, Only = Only });
}
