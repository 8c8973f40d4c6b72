using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Optimizer;

/// <summary>
/// Sparse matrices that meet are stored in orders that go together; the other one is stored anew, in linear time, by a counting sort:
/// <code>
/// y[i, k] = Σ_r a[i, r] · b[r, k]    a by i and b by r (rows of y are sums of rows of b), or b by k and a by r
///     else (both by i and k)         every row of a would be merged with every column of b: rows · columns · entries
///     else (both by r)               every product would go to a place anywhere in y
/// a ∘ b,  Σ a ∘ b                    both by rows, or both by columns; else one of them would be made dense
/// </code>
/// Which of the two follows from the order of the result, or else from who is stored so already. A product that is wanted only where a third
/// tensor stores keeps its operands: there the merge is what is cheap. Exact: storing changes no number.
/// </summary>
internal sealed class ChooseFormats
{
    private readonly Graph _graph;
    private readonly SupportAnalysis _analysis;
    private readonly List<NodeId>[] _users;
    private readonly Action<RuleNote>? _tell;

    // The axis that an elementwise value's operands have outermost.
    private readonly Dictionary<NodeId, int> _outer = [];

    private ChooseFormats(Graph graph, Action<RuleNote>? tell)
    {
        (_graph, _tell) = (graph, tell);
        _analysis = new SupportAnalysis(graph, id => graph[id] is FormatNode);
        _users = new List<NodeId>[graph.Nodes.Count];
        for (var i = 0; i < _users.Length; i++)
        {
            _users[i] = [];
            foreach (var operand in graph.Nodes[i].Operands)
            {
                _users[operand.Value].Add(new NodeId(i));
            }
        }
    }

    /// <param name="graph">The graph.</param>
    /// <param name="tell">Hears of each tensor that is stored anew.</param>
    public static Graph Run(Graph graph, Action<RuleNote>? tell = null) => Rewrite.InBodies(graph, g =>
        g.Nodes.Any(n => SupportAnalysis.FormatOf(n) is not null) ? new ChooseFormats(g, tell).Alone() : g);

    private Graph Alone()
    {
        var position = 0;
        var stored = new Dictionary<(NodeId, int), NodeId>();
        return Rewrite.Flat(_graph, (target, node) =>
        {
            var id = new NodeId(position++);
            var wanted = _graph[id] switch
            {
                ContractNode contract => Product(id, contract),
                MapNode map => Elementwise(id, map),
                _ => [],
            };
            if (wanted.Count == 0)
            {
                return target.Add(node);
            }

            var operands = node.Operands.ToArray();
            foreach (var (operand, outer) in wanted)
            {
                var of = _graph[id].Operands[operand];
                if (!stored.TryGetValue((of, outer), out var anew))
                {
                    var format = Matrix(of)!;
                    var other = (outer == 0 ? TensorFormat.Csr : TensorFormat.Csc) with { Index = format.Index, Fill = format.Fill };
                    stored[(of, outer)] = anew = target.Add(new FormatNode(_graph[of].Type, operands[operand], other));
                    Tell(id, of, format, other);
                }

                operands[operand] = anew;
            }

            return target.Add(node.WithOperands(operands.ToValueList()));
        });
    }

    // The operands that must be stored anew, and the axis that comes first then.
    private List<(int Operand, int Outer)> Product(NodeId id, ContractNode node)
    {
        if (node.Factors.Count != 2 || node.Factors.Any(f => Matrix(f) is not { Fill: null }))
        {
            return [];
        }

        var (left, right) = (node.Labels[0], node.Labels[1]);
        if (left.Distinct().Count() == 2 && left.ToHashSet().SetEquals(right) && Outer(Matrix(node.Factors[0])!) is { } outer)
        {
            var same = right.ToList().IndexOf(left[outer]);
            return Outer(Matrix(node.Factors[1])!) is { } own && own != same ? [(1, same)] : [];
        }

        if (node.Output.Count != 2 || IsSampled(id) || left.Intersect(right).ToList() is not [var summed] || node.Output.Contains(summed) || left.Distinct().Count() != 2 || right.Distinct().Count() != 2)
        {
            return [];
        }

        // The factor with the result's rows, and the one with its columns; by rows: rows outermost there and what is summed here, by columns the other way round.
        var rows = left.Contains(node.Output[0]) ? 0 : 1;
        List<(int, int)> Anew(bool byRows)
        {
            var (first, second) = byRows ? (rows, 1 - rows) : (1 - rows, rows);
            (int, int)[] orders = [(first, 1 - node.Labels[first].ToList().IndexOf(summed)), (second, node.Labels[second].ToList().IndexOf(summed))];
            return [.. orders.Where(o => Outer(Matrix(node.Factors[o.Item1])!) != o.Item2)];
        }

        var (byRows, byColumns) = (Anew(true), Anew(false));
        return ResultOuter(id) switch
        {
            0 => byRows,
            1 => byColumns,
            _ => byColumns.Count < byRows.Count ? byColumns : byRows,
        };
    }

    private List<(int, int)> Elementwise(NodeId id, MapNode node)
    {
        var orders = new List<(int Operand, int Outer, bool IsStored)>();
        for (var o = 0; o < node.Arguments.Count; o++)
        {
            if (Matrix(node.Arguments[o]) is { } format && Outer(format) is { } outer)
            {
                orders.Add((o, outer, true));
            }
            else if (_outer.TryGetValue(node.Arguments[o], out var below))
            {
                orders.Add((o, below, false));
            }
        }

        if (orders.Count == 0)
        {
            return [];
        }

        // What is computed cannot be stored anew here; the result's order is the next best, for nothing has to be turned at the end.
        var settled = orders.FindIndex(o => !o.IsStored);
        _outer[id] = settled >= 0 ? orders[settled].Outer : orders.Any(o => o.Outer == ResultOuter(id)) ? ResultOuter(id)!.Value : orders[0].Outer;
        return [.. orders.Where(o => o.IsStored && o.Outer != _outer[id]).Select(o => (o.Operand, _outer[id]))];
    }

    // A sparse matrix without blocks, or one that is read transposed.
    private TensorFormat? Matrix(NodeId id)
    {
        if (_graph[id] is ViewNode { Access: [{ AsPlainAxis: 1 }, { AsPlainAxis: 0 }] } view && Matrix(view.Source) is { } turned)
        {
            var shape = _graph[view.Source].Type.Shape;
            return view.Type.Shape.Reverse().SequenceEqual(shape)
                ? turned with { Name = turned.Name + " transposed", Levels = turned.Levels.Select(l => l with { Axis = 1 - l.Axis }).ToValueList() }
                : null;
        }

        return SupportAnalysis.FormatOf(_graph[id]) is { } format && _graph[id].Type.Rank == 2
            && format.Levels is [{ Part: LevelPart.Whole }, { Part: LevelPart.Whole, Kind: not LevelKind.Dense }] ? format : null;
    }

    // The axis that comes first, where rows (or columns) come one after the other.
    private static int? Outer(TensorFormat format) => format.Levels[0].Unique && format.Levels[1].Kind == LevelKind.Compressed ? format.Levels[0].Axis : null;

    // How the one who reads a value, through elementwise work, stores it.
    private int? ResultOuter(NodeId id)
    {
        while (_users[id.Value] is [var user])
        {
            switch (_graph[user])
            {
                case FormatNode { Format.Levels: [var first, { Kind: not LevelKind.Dense }] }:
                    return first.Axis;
                case MapNode:
                    id = user;
                    continue;
                default:
                    return null;
            }
        }

        return null;
    }

    // Whether elementwise work with something sparse follows.
    private bool IsSampled(NodeId id)
    {
        var open = new Stack<NodeId>([id]);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var value))
        {
            foreach (var user in _users[value.Value].Where(u => _graph[u] is MapNode or ViewNode && seen.Add(u)))
            {
                var axes = Enumerable.Range(0, _graph[user].Type.Rank).ToValueList();
                if (_graph[user] is MapNode map && map.Arguments.Any(a => a != value && _analysis.Of(a, axes) is { Fill: not null, Where: StoredAt or AllOf or AnyOf }))
                {
                    return true;
                }

                open.Push(user);
            }
        }

        return false;
    }

    private void Tell(NodeId user, NodeId tensor, TensorFormat was, TensorFormat format)
    {
        if (_tell is null)
        {
            return;
        }

        var name = _graph[tensor] is ViewNode view ? NameOf(view.Source) : NameOf(tensor);
        var stored = was.Count(1, name, _graph[tensor].Type.Shape);
        var arrays = format.Arrays(name, _graph[tensor].Type.Element, _graph[tensor].Type.Shape).Aggregate(SizeExpr.Zero, (sum, a) => sum + (a.Count * a.Element.ByteSize()));
        _tell(new RuleNote(
            "choose-formats",
            $"{name} in {was.Name} = ({name} in {format.Name})",
            $"it meets another order in {user} {_graph[user].Name}: {stored} entries are sorted by counting, {arrays} bytes are written, instead of all of {_graph[tensor].Type.Count} places looked at"));

        string NameOf(NodeId id) => _graph[id] is InputNode input ? input.Label : "s";
    }
}
