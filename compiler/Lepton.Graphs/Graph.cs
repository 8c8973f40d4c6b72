using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>A named result of a graph.</summary>
public readonly record struct GraphOutput(string Name, NodeId Node);

/// <summary>
/// One entry (or the body of a scan or iterate) as a list of operations in dependency order: a node uses only nodes before it; its id is its
/// position. Immutable; a pass makes a new one with <see cref="GraphAssembler"/>.
/// </summary>
public sealed class Graph
{
    internal Graph(
        string name,
        ValueList<string> dims,
        Node[] nodes,
        ValueList<NodeId> inputs,
        ValueList<GraphOutput> outputs,
        ValueList<SizeConstraint> constraints,
        ValueList<SiteManifest> sites)
    {
        Name = name;
        Dims = dims;
        Nodes = nodes;
        Inputs = inputs;
        Outputs = outputs;
        Constraints = constraints;
        Sites = sites;
    }

    public string Name { get; }

    /// <summary>The size variables, in the order in which native code takes them.</summary>
    public ValueList<string> Dims { get; }

    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>The input nodes in calling order: arguments, then parameters; of a body: step, states, captures.</summary>
    public ValueList<NodeId> Inputs { get; }

    public ValueList<GraphOutput> Outputs { get; }

    /// <summary>What must hold for the sizes of a call.</summary>
    public ValueList<SizeConstraint> Constraints { get; }

    /// <summary>The accesses that are checked at run time. A body shares its outermost graph's list and has none of its own.</summary>
    public ValueList<SiteManifest> Sites { get; }

    public Node this[NodeId id] => Nodes[id.Value];

    /// <summary>How many times each node is used, outputs included.</summary>
    public int[] CountUses()
    {
        var uses = new int[Nodes.Count];
        foreach (var node in Nodes)
        {
            foreach (var operand in node.Operands)
            {
                uses[operand.Value]++;
            }
        }

        foreach (var output in Outputs)
        {
            uses[output.Node.Value]++;
        }

        return uses;
    }
}

/// <summary>Lists a new graph, node by node. Adding says what a node's operands are; nothing is simplified here.</summary>
public sealed class GraphAssembler(string name, ValueList<string> dims)
{
    private readonly List<Node> _nodes = [];
    private readonly List<NodeId> _inputs = [];
    private readonly List<GraphOutput> _outputs = [];
    private readonly List<SizeConstraint> _constraints = [];
    private readonly List<SiteManifest> _sites = [];

    public string Name => name;

    public ValueList<string> Dims => dims;

    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Starts with the name, dims, constraints and sites of another graph.</summary>
    public static GraphAssembler Like(Graph graph)
    {
        var assembler = new GraphAssembler(graph.Name, graph.Dims);
        assembler._constraints.AddRange(graph.Constraints);
        assembler._sites.AddRange(graph.Sites);
        return assembler;
    }

    public Node this[NodeId id] => _nodes[id.Value];

    public TensorType TypeOf(NodeId id) => _nodes[id.Value].Type;

    public NodeId Add(Node node)
    {
        foreach (var operand in node.Operands)
        {
            if ((uint)operand.Value >= (uint)_nodes.Count)
            {
                throw new CompilerBugException("graph", $"{node.Name} uses {operand}, which is not there yet");
            }
        }

        _nodes.Add(node);
        var id = new NodeId(_nodes.Count - 1);
        if (node is InputNode)
        {
            _inputs.Add(id);
        }

        return id;
    }

    public void Output(string outputName, NodeId node) => _outputs.Add(new GraphOutput(outputName, node));

    public void Require(SizeConstraint constraint) => _constraints.Add(constraint);

    /// <summary>Adds an access that is checked at run time; answers its number.</summary>
    public int AddSite(SiteManifest site)
    {
        _sites.Add(site);
        return _sites.Count - 1;
    }

    public Graph ToGraph() => new(
        name,
        dims,
        [.. _nodes],
        _inputs.ToValueList(),
        _outputs.ToValueList(),
        _constraints.Distinct().ToValueList(),
        _sites.ToValueList());
}
