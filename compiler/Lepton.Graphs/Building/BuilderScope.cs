using Lepton.Abi;
using Lepton.Language.Semantics;
using ValueType = Lepton.Language.Semantics.ValueType;

namespace Lepton.Graphs.Building;

/// <summary>A labelled tensor in the graph: its axes are the labels, in the order of the type, then the positional shape.</summary>
internal readonly record struct Built(NodeId Node, ValueType Type);

/// <summary>One graph under construction: the entry's, or that of a loop's body, which reaches outer values through captures.</summary>
internal sealed class BuilderScope(GraphAssembler graph, BuilderScope? outer)
{
    private readonly Dictionary<ValueId, Built> _values = [];
    private readonly Dictionary<ValueId, NodeId> _loops = [];
    private readonly List<NodeId> _captures = [];

    public GraphAssembler Graph => graph;

    /// <summary>The outermost graph, which holds constraints and run-time checks.</summary>
    public GraphAssembler Root => outer?.Root ?? graph;

    /// <summary>The outer graph's nodes behind the captures, in the order of the capture inputs.</summary>
    public ValueList<NodeId> Captures => _captures.ToValueList();

    public bool Has(ValueId id) => _values.ContainsKey(id);

    public void Define(ValueId id, NodeId node, ValueType type) => _values.Add(id, new Built(node, type));

    public void DefineLoop(ValueId id, NodeId loop) => _loops.Add(id, loop);

    public NodeId Loop(ValueId id) => _loops[id];

    /// <summary>A value; one of an outer graph becomes a capture, or is made again where it is only a number.</summary>
    public Built Value(ValueId id)
    {
        if (_values.TryGetValue(id, out var here))
        {
            return here;
        }

        if (outer is null)
        {
            throw new CompilerBugException("graph", $"value {id.Value} of the typed program is used before it is defined");
        }

        var there = outer.Value(id);
        var node = outer.Graph[there.Node];
        NodeId inner;
        if (node is SplatNode or SizeNode or IotaNode)
        {
            inner = graph.Add(node);
        }
        else
        {
            inner = graph.Input($"c{_captures.Count}", node.Type, InputKind.Capture);
            _captures.Add(there.Node);
        }

        var built = new Built(inner, there.Type);
        _values.Add(id, built);
        return built;
    }

    /// <summary>The value over exactly these labels, in this order, and this shape: transposed, and repeated along what it lacks.</summary>
    public NodeId Arrange(ValueId id, IReadOnlyList<IndexLabel> labels, ValueList<SizeExpr> shape) => Arrange(Value(id), labels, shape);

    public NodeId Arrange(Built value, IReadOnlyList<IndexLabel> labels, ValueList<SizeExpr> shape)
    {
        var sizes = Sizes(labels, shape);
        if (graph[value.Node] is SplatNode splat)
        {
            return splat.Type.Shape == sizes ? value.Node : graph.Splat(splat.Value, sizes);
        }

        // Positional axes align from the right.
        var axes = value.Type.Labels.Select(l => Position(labels, l)).Concat(value.Type.Shape.Select((_, axis) => sizes.Count - value.Type.Shape.Count + axis));
        return graph.Broadcast(value.Node, sizes, axes.ToValueList());
    }

    public static ValueList<SizeExpr> Sizes(IEnumerable<IndexLabel> labels, ValueList<SizeExpr> shape) => labels.Select(l => l.Size).Concat(shape).ToValueList();

    /// <summary>Where a label stands; labels are told apart by reference.</summary>
    public static int Position(IReadOnlyList<IndexLabel> labels, IndexLabel label)
    {
        for (var i = 0; i < labels.Count; i++)
        {
            if (ReferenceEquals(labels[i], label))
            {
                return i;
            }
        }

        throw new CompilerBugException("graph", $"label {label} is not one of {string.Join(", ", labels)}");
    }
}
