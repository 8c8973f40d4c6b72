using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// Plans the groups of one graph, from the outputs towards the inputs: when a node is reached, every group that reads it is known, and so
/// is at which index. Nodes are then inlined into their readers, join one as a further output, or begin a group.
/// </summary>
/// <remarks>
/// Launch order is the order of <see cref="OpenGroup.Position"/>. A node may be stored by a group only if that stands before all other
/// groups that read it; so the groups never wait for each other in a circle.
/// </remarks>
internal sealed partial class Planner
{
    /// <summary>More elementwise operations than this are cut into several kernels: compile time grows faster than they do.</summary>
    private const int MaxElementwise = 200;

    private readonly Graph _graph;
    private readonly bool _apart;
    private readonly bool _contractionsAlone;
    private readonly Origins _origins;
    private readonly OnceNodes _once;
    private readonly ReadList?[] _reads;
    private readonly bool[] _isOutput;
    private readonly bool _hasSparse;
    private readonly List<OpenGroup> _groups = [];
    private readonly List<FusionNote> _notes = [];
    private readonly Dictionary<int, List<NodeId>> _results = [];

    private Planner(Graph graph, bool apart, bool contractionsAlone)
    {
        _graph = graph;
        (_apart, _contractionsAlone) = (apart, contractionsAlone);
        _origins = new Origins(graph);
        _once = new OnceNodes(graph, _origins);
        _reads = new ReadList?[graph.Nodes.Count];
        _isOutput = new bool[graph.Nodes.Count];
        _hasSparse = graph.Nodes.Any(n => SupportAnalysis.FormatOf(n) is not null);
        foreach (var output in graph.Outputs)
        {
            _isOutput[output.Node.Value] = true;
        }
    }

    /// <param name="graph">The graph; its outputs are different nodes, none of them an input or constant.</param>
    /// <param name="apart">Every operation but views on its own, to look for mistakes of fusion.</param>
    /// <param name="contractionsAlone">Contractions without elementwise work behind them.</param>
    public static (List<OpenGroup> Groups, List<FusionNote> Notes) Run(Graph graph, bool apart, bool contractionsAlone)
    {
        var planner = new Planner(graph, apart, contractionsAlone);
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var id = new NodeId(i);
            if (planner._isOutput[i] || planner._reads[i] is not null || graph[id] is ScanNode or IterateNode)
            {
                planner.Place(id, graph[id]);
            }
        }

        planner._groups.Sort((a, b) => a.Position.CompareTo(b.Position));
        planner._notes.Reverse();
        return (planner._groups, planner._notes);
    }

    private void Place(NodeId id, Node node)
    {
        if (TryPlaceSparse(id))
        {
            return;
        }

        switch (node)
        {
            case InputNode or ConstantNode:
                break;
            case SplatNode or SizeNode or IotaNode or ViewNode or ReshapeNode:
                PlaceFree(id);
                break;
            case MapNode or GatherNode:
                PlaceElementwise(id);
                break;
            case ReduceNode reduce:
                PlaceReduce(id, reduce);
                break;
            case ContractNode:
                PlaceContract(id);
                break;
            case ResultNode result:
                if (!_results.TryGetValue(result.Source.Value, out var results))
                {
                    _results.Add(result.Source.Value, results = []);
                }

                results.Add(id);
                break;
            case ScanNode or IterateNode:
                PlaceLoop(id);
                break;
            case FormatNode:
                Begin(id, KernelStrategy.Sparse);
                break;
            case ScatterNode:
                Begin(id, KernelStrategy.Scatter);
                break;
            case ConcatNode:
                Begin(id, KernelStrategy.Concat);
                break;
            case SortNode:
                Begin(id, KernelStrategy.Sort);
                break;
            default:
                throw new CompilerBugException("fuse", $"no plan for {node.Name}");
        }
    }

    private IReadOnlyList<Read> ReadsOf(NodeId id) => _reads[id.Value]?.All ?? [];

    // An output, or what a loop takes: in memory, whatever else reads it.
    private bool MustBeStored(NodeId id) => _isOutput[id.Value] || ReadsOf(id).Any(r => (r.Levels & Level.Memory) != 0);

    private OpenGroup Begin(NodeId id, KernelStrategy strategy)
    {
        var group = new OpenGroup(id.Value, strategy, _graph[id].Type.Shape) { IsOnce = IsOnce(id) };
        _groups.Add(group);
        group.Outputs.Add(id);
        Enter(id, group, Level.Space, 0, false);
        return group;
    }

    // Done once for a set of parameters. Results of a run are written by the run.
    private bool IsOnce(NodeId id) => !_isOutput[id.Value] && _once.MayKeep(id);

    private void Note(NodeId producer, Read read, bool fused, string reason) => _notes.Add(new FusionNote(producer, read.Consumer, fused, reason));
}
