using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Building;

/// <summary>
/// A kernel in the making: its buffers and locals, its <see cref="Body"/>, the <see cref="Space"/> of its indices, and the
/// <see cref="Values"/> of the group's nodes. A strategy opens loops, asks for values, stores them, and ends with <see cref="Launch"/>.
/// </summary>
public sealed class KernelBuilder
{
    private readonly List<(KernelBuffer Buffer, BufferRef Place)> _buffers = [];
    private readonly List<LocalBuffer> _locals = [];
    private readonly Dictionary<(ElementType, int), int> _rounders = [];
    private readonly HashSet<NodeId> _members;
    private SizeExpr _positive = SizeExpr.One;

    public KernelBuilder(LoweringContext context, string name, FusionGroup group)
    {
        Context = context;
        Name = name;
        Group = group;
        _members = [.. group.Members];
        Body = new BodyBuilder(n => n < 0 || _buffers[n].Buffer.Access != BufferAccess.Read);
        Space = new IndexSpace(Body);
        Values = new ValueEmitter(this);
    }

    public LoweringContext Context { get; }

    public string Name { get; }

    public FusionGroup Group { get; }

    public Graph Graph => Context.Graph;

    public BodyBuilder Body { get; }

    public IndexSpace Space { get; }

    public ValueEmitter Values { get; }

    /// <summary>Called for each affine access that may lie outside its axis; planning asks where.</summary>
    public Action<IndexForm, SizeExpr>? OnGuard { get; set; }

    /// <summary>Which of these accesses are inside where code is written now. Loops around such code must be barriers for loads.</summary>
    public Func<IndexForm, SizeExpr, bool>? AssumedInside { get; set; }

    /// <summary>The lanes in which sums in the middle of a body run along their last axis where the result is a scalar; 1: one by one, in order.</summary>
    public int InnerLanes { get; set; } = 1;

    /// <summary>How often the work of the group's nodes is done for each of their elements.</summary>
    public SizeExpr Steps { get; set; } = SizeExpr.One;

    /// <summary>How much of that is left when what counts for nothing is skipped: so many parts of so many; null: all, or unknown.</summary>
    public (long Done, long Of)? Part { get; set; }

    /// <summary>Floating-point operations and bytes, where the group's nodes do not say; null: they do.</summary>
    public (SizeExpr Flops, SizeExpr Bytes)? Cost { get; set; }

    /// <summary>What was asked about the kernel's schedule.</summary>
    public ScheduleUse? Use { get; set; }

    /// <inheritdoc cref="Kernel.Group"/>
    public int ChunkGroup { get; set; } = 1;

    /// <summary>See <see cref="Kernel.Remarks"/>.</summary>
    public ValueList<string> Remarks { get; set; } = [];

    public IEnumerable<KernelBuffer> Buffers => _buffers.Select(b => b.Buffer);

    /// <summary>Computed inside this kernel. A node that is not, and is in memory, is loaded.</summary>
    public bool IsMember(NodeId node) => _members.Contains(node);

    /// <summary>From now on the node is loaded: the kernel before this one stored it.</summary>
    public void TakeFromMemory(NodeId node) => _members.Remove(node);

    /// <summary>The number of the buffer that holds a node.</summary>
    public int Read(NodeId node) => Buffer(NameOf(node), Graph[node].Type.Element, BufferAccess.Read, PlaceOf(node));

    /// <summary>The number of the buffer into which a node is stored. Ask for it before anything is loaded from it.</summary>
    public int Write(NodeId node) => Buffer(NameOf(node), Graph[node].Type.Element, BufferAccess.Write, PlaceOf(node));

    public int ReadWrite(NodeId node) => Buffer(NameOf(node), Graph[node].Type.Element, BufferAccess.ReadWrite, PlaceOf(node));

    /// <summary>The number of a buffer at any place: scratch from <see cref="LoweringContext.Allocate"/>, for example.</summary>
    public int Buffer(string name, ElementType element, BufferAccess access, BufferRef place)
    {
        for (var i = 0; i < _buffers.Count; i++)
        {
            var (known, where) = _buffers[i];
            if (where == place && known.Element == element)
            {
                if (known.Access != access && known.Access != BufferAccess.ReadWrite)
                {
                    _buffers[i] = (known with { Access = BufferAccess.ReadWrite }, where);
                }

                return i;
            }
        }

        var unique = _buffers.Any(b => b.Buffer.Name == name) ? $"{name}_{_buffers.Count}" : name;
        _buffers.Add((new KernelBuffer(unique, element, access), place));
        return _buffers.Count - 1;
    }

    /// <summary>Memory on the stack of a running chunk; together at most 256 KiB. Its number is settled when the kernel is finished.</summary>
    public int Local(string name, ElementType element, int count)
    {
        _locals.Add(new LocalBuffer($"{name}_{_locals.Count}", element, count));
        return -_locals.Count;
    }

    /// <summary>Memory that the chunks of a group share. Its number is settled when the kernel is finished.</summary>
    public int Shared(string name, ElementType element, int count)
    {
        _locals.Add(new LocalBuffer($"{name}_{_locals.Count}", element, count) { IsShared = true });
        return -_locals.Count;
    }

    /// <summary>States that inside the kernel's body this product of sizes is not 0: no chunk runs otherwise.</summary>
    public void AssumePositive(SizeExpr product) => _positive = product;

    /// <summary>Whether a size is surely at least 1 where the body runs.</summary>
    public bool IsPositive(SizeExpr size) =>
        size.LowerBound() >= 1 || (!size.IsConstant && SizeExpr.TryDivideExactly(_positive, size) is not null);

    /// <summary>A value rounded to a half float and back, through memory, as casts want it.</summary>
    public LoopExpr RoundTo(ElementType element, LoopExpr value)
    {
        var key = (element, value.Type.Lanes);
        if (!_rounders.TryGetValue(key, out var local))
        {
            local = Local("rounded", element, value.Type.Lanes);
            _rounders.Add(key, local);
        }

        Body.Store(local, BodyMath.Index(0), value);
        return Body.Let(new LoadExpr(value.Type, local, BodyMath.Index(0)));
    }

    /// <summary>Ends the kernel and lists its launch.</summary>
    /// <param name="chunks">How many pieces the work is cut into; 0 when there is none.</param>
    /// <param name="note">How it was scheduled, in words.</param>
    public void Launch(SizeExpr chunks, string note)
    {
        var (flops, bytes) = Cost ?? KernelCost.Of(this);
        var body = LocalNumbers.Settle(Body.Finish(), _buffers.Count);
        note = Group.Outputs.Any(Context.IsInPlace.Contains) ? note + ", in place" : note;
        Context.Launch(
            new Kernel(
                Context.Program.UniqueName(Name), Group.Strategy, Buffers.ToValueList(), _locals.ToValueList(), chunks, body, Body.Variables, flops, bytes, note) { Use = Use, Remarks = Remarks, Group = ChunkGroup },
            _buffers.Select(b => b.Place).ToValueList());
    }

    private BufferRef PlaceOf(NodeId node) =>
        Context.PlaceOf(node) is BufferPlace place
            ? place.Ref
            : throw new CompilerBugException("kernels", $"node {node} ({Graph[node].Name}) of {Graph.Name} is not in memory, but {Name} wants it there");

    private string NameOf(NodeId node) => Graph[node] is InputNode input ? input.Label.Replace('\'', '_') : $"n{node.Value}";
}
