using Lepton.Abi;

namespace Lepton.Graphs.Sparse;

/// <summary>
/// The support of nodes at iteration variables, by walking towards what is stored. A view that only renames, repeats or leaves out axes
/// renames variables; what looks in another way at a sparse tensor sees a dense one.
/// </summary>
/// <param name="graph">The graph.</param>
/// <param name="isStored">Whether a node is read where it is stored, whatever it is computed from.</param>
public sealed class SupportAnalysis(Graph graph, Func<NodeId, bool> isStored)
{
    // Larger expressions are not looked into: a walk visits shared parts again for each way to reach them.
    private const int MostVisits = 2000;

    /// <summary>What is known of a node without looking at what it is computed from.</summary>
    public Func<NodeId, Filled?> Known { get; init; } = _ => null;

    private int _fresh = 1000;
    private int _visits;

    /// <summary>How a node is stored, if it is sparse and not computed here.</summary>
    public static TensorFormat? FormatOf(Node node) => node switch
    {
        InputNode input => input.Format,
        FormatNode format => format.Format,
        _ => null,
    };

    /// <summary>Fill value and support of a node at variables, one for each of its axes.</summary>
    public Filled Of(NodeId node, ValueList<int> variables)
    {
        _visits = 0;
        return Walk(node, variables, 0);
    }

    private Filled Walk(NodeId id, ValueList<int> variables, int depth)
    {
        if (++_visits > MostVisits || depth > 200)
        {
            return Filled.Dense;
        }

        if (Known(id) is { } known)
        {
            return known;
        }

        var node = graph[id];
        if (FormatOf(node) is { } format && (isStored(id) || node is InputNode))
        {
            return format.Levels.All(l => l.Kind == LevelKind.Dense) ? Filled.Dense
                : new Filled(format.FillOf(node.Type.Element), new StoredAt(id, variables));
        }

        switch (node)
        {
            case SplatNode splat:
                return new Filled(splat.Value, Support.Nowhere);
            case ConstantNode { Values: [var one] }:
                return new Filled(one, Support.Nowhere);
            case var _ when isStored(id):
                return Filled.Dense;
            case FormatNode stored:
                return Walk(stored.Source, variables, depth + 1);
            case MapNode map:
                var operands = map.Arguments.Select(a => Walk(a, variables, depth + 1)).ToArray();
                return FillAlgebra.Map(map.Op, map.Type.Element, operands);
            case ViewNode view:
                return Renamed(view, variables) is { } source ? Walk(view.Source, source, depth + 1) : Filled.Dense;
            case ContractNode contract:
                var names = Names(contract, variables, out var summed);
                var factors = contract.Factors.Select((f, k) => Walk(f, contract.Labels[k].Select(l => names[l]).ToValueList(), depth + 1)).ToArray();
                return FillAlgebra.Contract(contract.Type.Element, factors, summed);
            case ReduceNode reduce:
                var all = Unreduced(reduce, variables, out var reduced);
                return FillAlgebra.Reduce(reduce.Kind, Walk(reduce.Source, all, depth + 1), reduced);
            default:
                return Filled.Dense;
        }
    }

    /// <summary>The variables of a view's source; null when an axis is not exactly, and wholly, one of the view's.</summary>
    public ValueList<int>? Renamed(ViewNode view, ValueList<int> variables)
    {
        var shape = graph[view.Source].Type.Shape;
        var source = new int[view.Access.Count];
        for (var axis = 0; axis < source.Length; axis++)
        {
            var plain = view.Access[axis].AsPlainAxis;
            if (plain < 0 || shape[axis] != view.Type.Shape[plain])
            {
                return null;
            }

            source[axis] = variables[plain];
        }

        return source.ToValueList();
    }

    /// <summary>A variable for each label: those of the result, and new ones for what is summed.</summary>
    public Dictionary<int, int> Names(ContractNode contract, ValueList<int> variables, out IReadOnlySet<int> summed)
    {
        var names = new Dictionary<int, int>();
        for (var i = 0; i < contract.Output.Count; i++)
        {
            names[contract.Output[i]] = variables[i];
        }

        // In the order of the labels, as loops over them are.
        var fresh = new HashSet<int>();
        foreach (var label in contract.Labels.SelectMany(l => l).Order())
        {
            if (!names.ContainsKey(label))
            {
                fresh.Add(names[label] = _fresh++);
            }
        }

        summed = fresh;
        return names;
    }

    /// <summary>Variables for all axes of a reduction's source.</summary>
    public ValueList<int> Unreduced(ReduceNode reduce, ValueList<int> variables, out IReadOnlySet<int> reduced)
    {
        var rank = graph[reduce.Source].Type.Rank;
        var (fresh, kept) = (new HashSet<int>(), 0);
        var all = new int[rank];
        for (var axis = 0; axis < rank; axis++)
        {
            if (reduce.Axes.Contains(axis))
            {
                fresh.Add(all[axis] = _fresh++);
            }
            else
            {
                all[axis] = variables[kept++];
            }
        }

        reduced = fresh;
        return all.ToValueList();
    }
}
