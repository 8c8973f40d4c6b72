using Lepton.Abi;

namespace Lepton.Graphs;

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
    private readonly HashSet<(NodeId Node, ValueList<AffineIndex> Axes)> _seen = [];
    private readonly List<(NodeId Node, AffineIndex Difference)> _comparisons = [];
    private readonly bool _isComplete;

    public IndexPredicates(Func<NodeId, Node> graph, NodeId value)
    {
        _graph = graph;
        _isComplete = Collect(value, AffineIndex.Axes(graph(value).Type.Rank), MostDepth);
    }

    /// <summary>Every inequality ≥ 0 that some comparison decides, and its complement; empty when there is too much to read.</summary>
    public IEnumerable<AffineIndex> Inequalities => !_isComplete
        ? []
        : _comparisons.SelectMany(c => Sides(((MapNode)_graph(c.Node)).Op, c.Difference)).SelectMany(s => new[] { s, s.Complement() }).Distinct();

    /// <summary>The comparisons that are decided where the inequalities hold, with their values. None that is reached over different indices.</summary>
    public IEnumerable<(NodeId Node, bool Value)> Decided(IReadOnlyCollection<AffineIndex> assumed) =>
        from c in _comparisons
        group c.Difference by c.Node into all
        where all.Distinct().Count() == 1
        let truth = Truth(((MapNode)_graph(all.Key)).Op, all.First(), assumed)
        where truth is not null
        select (all.Key, truth.Value);

    /// <summary>The number that a value is wherever the inequalities hold, or null.</summary>
    public Scalar? Value(NodeId value, IReadOnlyCollection<AffineIndex> assumed) =>
        _isComplete ? new Known(this, assumed).Of(value, AffineIndex.Axes(_graph(value).Type.Rank), MostDepth) : null;

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

                return true;
            case MapNode map:
                return map.Arguments.All(a => Collect(a, axes, depth - 1));
            case ViewNode { Type.Element: ElementType.Bool } view when AffineIndex.Through(view, axes) is { } source:
                return Collect(view.Source, source, depth - 1);
            default:
                return true;
        }
    }

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
    private sealed class Known(IndexPredicates owner, IReadOnlyCollection<AffineIndex> assumed)
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
                case MapNode map when map.Op.Info().Typing == MapTyping.Compare && owner.Difference(map, axes) is { } difference:
                    return Truth(map.Op, difference, assumed) is { } truth ? Scalar.Bool(truth) : null;

                // The kernels' functions may differ from these numbers in the last bit.
                case MapNode map when !map.Op.Info().Transcendental && map.Op is not (MapOp.RandomUniform or MapOp.RandomNormal):
                    var known = map.Arguments.Select(a => Of(a, axes, depth - 1)).ToArray();
                    return map.Op switch
                    {
                        MapOp.And when known[0] is { AsBool: false } || known[1] is { AsBool: false } => Scalar.Bool(false),
                        MapOp.Or when known[0] is { AsBool: true } || known[1] is { AsBool: true } => Scalar.Bool(true),
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
