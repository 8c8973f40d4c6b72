using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

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
    private readonly Dictionary<NodeId, Place> _places = [];
    private int[]? _uses;

    public FusedGraph Fused { get; } = fused;

    public Graph Graph => Fused.Graph;

    public ProgramBuilder Program { get; } = program;

    public KernelOptions Options { get; } = options;

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

    /// <summary>How many operands and outputs of the graph a node is.</summary>
    public int UsesOf(NodeId node) => (_uses ??= Graph.CountUses())[node.Value];

    public void SetPlace(NodeId node, Place place) => _places[node] = place;

    /// <summary>Memory of the arena for this many elements, shared with others when their lives do not overlap.</summary>
    public BufferRef Allocate(ElementType element, SizeExpr count) => Program.Allocate(count * element.ByteSize());

    /// <summary>Adds a kernel and the statement that runs it here.</summary>
    public void Launch(Kernel kernel, ValueList<BufferRef> buffers) => Program.Add(new Launch(Program.AddKernel(kernel), buffers));
}
