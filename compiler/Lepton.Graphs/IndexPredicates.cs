using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>A comparison, and what the axes of its operands are in those of the value in which it stands.</summary>
public sealed record IndexComparison(NodeId Node, ValueList<AffineIndex> Axes);

/// <summary>
/// What an elementwise value over some axes is where the indices obey inequalities, read off a graph:
/// <code>
/// select(j ≤ i, x, -inf)   is -inf   where   j - i - 1 ≥ 0
/// </code>
/// Comparisons of indices are looked for through views, logic and choices. A choice drops its other branch whatever that is, so that what is
/// said here is exact.
/// </summary>
public sealed class IndexPredicates
{
    // A mask is short.
    private const int MostVisits = 256;
    private const int MostDepth = 64;

    private readonly Func<NodeId, Node> _graph;
    private readonly NodeId _value;
    private readonly bool _zeroAnnihilates;
    private readonly List<IndexComparison> _data = [];
    private readonly HashSet<(NodeId Node, ValueList<AffineIndex> Axes)> _seen = [];
    private readonly List<(NodeId Node, AffineIndex Difference)> _comparisons = [];
    private readonly bool _isComplete;

    /// <param name="zeroAnnihilates">Whether 0 times anything is 0, as it is for integers.</param>
    public IndexPredicates(Func<NodeId, Node> graph, NodeId value, bool zeroAnnihilates = false)
    {
        (_graph, _value, _zeroAnnihilates) = (graph, value, zeroAnnihilates);
        _isComplete = Collect(value, AffineIndex.Axes(graph(value).Type.Rank), MostDepth);
    }

    /// <summary>Every inequality ≥ 0 that some comparison decides, and its complement; empty when there is too much to read.</summary>
    public IEnumerable<AffineIndex> Inequalities => !_isComplete
        ? []
        : _comparisons.SelectMany(c => Sides(((MapNode)_graph(c.Node)).Op, c.Difference)).SelectMany(s => new[] { s, s.Complement() }).Distinct();

    /// <summary>b - a of every comparison of indices a and b for being equal, or not equal.</summary>
    public IEnumerable<AffineIndex> Equalities => !_isComplete ? [] : _comparisons.Where(c => IsEquality(c.Node)).Select(c => c.Difference).Distinct();

    /// <summary>The comparisons of integers for being equal, or not equal, that ask for more than indices.</summary>
    public IEnumerable<IndexComparison> DataEqualities => !_isComplete ? [] : _data;

    /// <summary>
    /// The comparisons that are decided where the inequalities hold, with their values: those that the value reaches over one set of indices, and
    /// that no member of a group reads in another way.
    /// </summary>
    public IEnumerable<(NodeId Node, bool Value)> Decided(IReadOnlyCollection<AffineIndex> assumed, IEnumerable<NodeId> members)
    {
        var ordered = members.OrderBy(m => m.Value).ToArray();
        return
            from c in _comparisons
            group c.Difference by c.Node into all
            where all.Distinct().Count() == 1 && IsReadHereAlone(all.Key, ordered)
            let truth = Truth(((MapNode)_graph(all.Key)).Op, all.First(), assumed)
            where truth is not null
            select (all.Key, truth.Value);
    }

    /// <summary>The number that a value is wherever the inequalities hold, and the two sides of a comparison differ, or null.</summary>
    public Scalar? Value(NodeId value, IReadOnlyCollection<AffineIndex> assumed, IndexComparison? differ = null) =>
        _isComplete ? new Known(this, assumed, differ).Of(value, AffineIndex.Axes(_graph(value).Type.Rank), MostDepth) : null;

    private bool Collect(NodeId id, ValueList<AffineIndex> axes, int depth)
    {
        if (!_seen.Add((id, axes)))
        {
            return true;
        }

        if (depth == 0 || _seen.Count > MostVisits)
        {
            return false;
        }

        switch (_graph(id))
        {
            case MapNode map when map.Op.Info().Typing == MapTyping.Compare:
                if (Difference(map, axes) is { } difference)
                {
                    _comparisons.Add((id, difference));
                }
                else if (IsEquality(id) && _graph(map.Arguments[0]).Type.Element == ElementType.I64)
                {
                    _data.Add(new IndexComparison(id, axes));
                }

                return true;
            case MapNode map:
                return map.Arguments.All(a => Collect(a, axes, depth - 1));
            case ViewNode view when AffineIndex.Through(view, axes) is { } source:
                return Collect(view.Source, source, depth - 1);
            default:
                return true;
        }
    }

    private bool IsReadHereAlone(NodeId comparison, NodeId[] members)
    {
        var readers = new HashSet<NodeId> { comparison };
        foreach (var member in members.Where(m => m != _value && _graph(m).Operands.Any(readers.Contains)))
        {
            if (!_seen.Any(s => s.Node == member))
            {
                return false;
            }

            readers.Add(member);
        }

        return true;
    }

    private bool IsEquality(NodeId id) => _graph(id) is MapNode { Op: MapOp.Equal or MapOp.NotEqual };

    // b - a of a comparison of a with b.
    private AffineIndex? Difference(MapNode map, ValueList<AffineIndex> axes) =>
        AffineIndex.Of(_graph, map.Arguments[0], axes) is { } a && AffineIndex.Of(_graph, map.Arguments[1], axes) is { } b ? b.Plus(a, -1) : null;

    // What is ≥ 0 where the comparison holds; of (not) equal, both of what holds where they are equal.
    private static AffineIndex[] Sides(MapOp op, AffineIndex d)
    {
        var (zero, minusOne) = (new AffineIndex(SizeExpr.Zero, []), new AffineIndex(SizeExpr.Constant(-1), []));
        return op switch
        {
            MapOp.LessEqual => [d],
            MapOp.Less => [d.Plus(minusOne, 1)],
            MapOp.GreaterEqual => [zero.Plus(d, -1)],
            MapOp.Greater => [minusOne.Plus(d, -1)],
            _ => [d, zero.Plus(d, -1)],
        };
    }

    private static bool? Truth(MapOp op, AffineIndex difference, IReadOnlyCollection<AffineIndex> assumed)
    {
        var sides = Sides(op, difference).Select(s => s.IsNonNegative(assumed)).ToArray();
        bool? all = sides.Contains(false) ? false : sides.Contains(null) ? null : true;
        return op == MapOp.NotEqual ? !all : all;
    }

    // Values where inequalities hold, each node over each indices once.
    private sealed class Known(IndexPredicates owner, IReadOnlyCollection<AffineIndex> assumed, IndexComparison? differ)
    {
        private readonly Dictionary<(NodeId Node, ValueList<AffineIndex> Axes), Scalar?> _values = [];

        public Scalar? Of(NodeId id, ValueList<AffineIndex> axes, int depth)
        {
            if (depth == 0)
            {
                return null;
            }

            if (!_values.TryGetValue((id, axes), out var value))
            {
                value = Compute(id, axes, depth);
                _values.Add((id, axes), value);
            }

            return value;
        }

        private Scalar? Compute(NodeId id, ValueList<AffineIndex> axes, int depth)
        {
            switch (owner._graph(id))
            {
                case SplatNode splat:
                    return splat.Value;
                case ConstantNode { Values.Count: 1 } constant:
                    return constant.Values[0];
                case ViewNode view when AffineIndex.Through(view, axes) is { } source:
                    return Of(view.Source, source, depth - 1);
                case MapNode { Op: var op } when differ is not null && differ.Node == id && differ.Axes == axes:
                    return Scalar.Bool(op == MapOp.NotEqual);
                case MapNode map when map.Op.Info().Typing == MapTyping.Compare && owner.Difference(map, axes) is { } difference:
                    return Truth(map.Op, difference, assumed) is { } truth ? Scalar.Bool(truth) : null;

                // The kernels' functions may differ from these numbers in the last bit.
                case MapNode map when !map.Op.Info().Transcendental && map.Op is not (MapOp.RandomUniform or MapOp.RandomNormal):
                    var known = map.Arguments.Select(a => Of(a, axes, depth - 1)).ToArray();
                    return map.Op switch
                    {
                        MapOp.And when known[0] is { AsBool: false } || known[1] is { AsBool: false } => Scalar.Bool(false),
                        MapOp.Or when known[0] is { AsBool: true } || known[1] is { AsBool: true } => Scalar.Bool(true),
                        MapOp.Mul when owner._zeroAnnihilates && known.FirstOrDefault(k => k is { AsDouble: 0 }) is { } zero => Scalar.Of(zero.Type, 0),
                        MapOp.Select when known[0] is { } condition => condition.AsBool ? known[1] : known[2],
                        MapOp.Select => known[1] == known[2] ? known[1] : null,
                        _ => known.Contains(null) ? null : ScalarMeaning.Apply(map.Op, map.Type.Element, [.. known.Select(k => k!.Value)]),
                    };
                default:
                    return null;
            }
        }
    }
}
