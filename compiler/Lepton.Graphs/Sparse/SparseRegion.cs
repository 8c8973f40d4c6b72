using Lepton.Abi;

namespace Lepton.Graphs.Sparse;

/// <summary>
/// What one sparse kernel computes, from its root towards what is stored:
/// <code>
/// root      (a format ◀─) elementwise work on one sum   the epilogue, at the root's index
/// core      Σ or reduction over what sparse tensors store; there may be none
/// below     elementwise work; products that are wanted only where something is stored
/// leaves    sparse tensors, and dense ones in memory
/// </code>
/// Members are computed in the kernel, leaves are loaded.
/// </summary>
public sealed class SparseRegion
{
    private readonly Graph _graph;
    private readonly Func<NodeId, int> _uses;
    private readonly HashSet<NodeId> _members = [];
    private readonly HashSet<NodeId> _leaves = [];
    private readonly SupportAnalysis _analysis;

    private SparseRegion(Graph graph, Func<NodeId, int> uses)
    {
        (_graph, _uses) = (graph, uses);
        _analysis = new SupportAnalysis(graph, id => graph[id] is FormatNode);
    }

    /// <summary>Computed here, the root among them.</summary>
    public IReadOnlyCollection<NodeId> Members => _members;

    /// <summary>In memory, dense or sparse; numbers and counters are neither.</summary>
    public IReadOnlyCollection<NodeId> Leaves => _leaves;

    /// <summary>The sum over what is stored, or null.</summary>
    public NodeId? Core { get; private set; }

    /// <summary>The region of a node; null when there is nothing sparse in it, or nothing that a sparse kernel could do.</summary>
    public static SparseRegion? Of(Graph graph, NodeId root, Func<NodeId, int> uses)
    {
        var region = new SparseRegion(graph, uses);
        var below = graph[root] is FormatNode stored ? stored.Source : root;
        if (graph[root] is InputNode || graph[below] is not (MapNode or ViewNode or ContractNode or ReduceNode or InputNode or FormatNode) || graph[below] is ReduceNode { Kind: ReduceKind.ArgMax or ReduceKind.ArgMin })
        {
            return null;
        }

        if (root != below)
        {
            region._members.Add(root);
        }

        var indices = Enumerable.Range(0, graph[below].Type.Rank).ToValueList();
        return (region.TryEpilogue(below, indices) || region.TryElementwise(below, indices)) && region._leaves.Any(l => SupportAnalysis.FormatOf(graph[l]) is not null)
            ? region
            : null;
    }

    /// <summary>Finds the core of a group's members: the heavy one nearest to the root, with something sparse below.</summary>
    public static NodeId? CoreOf(Graph graph, NodeId root, IReadOnlySet<NodeId> members)
    {
        var open = new Stack<NodeId>([root]);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var id))
        {
            if (!members.Contains(id) || !seen.Add(id))
            {
                continue;
            }

            switch (graph[id])
            {
                case ContractNode or ReduceNode when HasSparse(graph, id, members):
                    return id;
                case MapNode or FormatNode:
                case ViewNode view when IsIdentity(graph, view):
                    foreach (var operand in graph[id].Operands)
                    {
                        open.Push(operand);
                    }

                    break;
            }
        }

        return null;
    }

    /// <summary>Whether a view is a copy.</summary>
    public static bool IsIdentity(Graph graph, ViewNode view) =>
        graph[view.Source].Type.Shape == view.Type.Shape && view.Access.Select(a => a.AsPlainAxis).SequenceEqual(Enumerable.Range(0, view.Access.Count));

    private static bool HasSparse(Graph graph, NodeId heavy, IReadOnlySet<NodeId> members)
    {
        var open = new Stack<NodeId>(graph[heavy].Operands);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            if (!members.Contains(id))
            {
                if (SupportAnalysis.FormatOf(graph[id]) is not null)
                {
                    return true;
                }

                continue;
            }

            foreach (var operand in graph[id].Operands)
            {
                open.Push(operand);
            }
        }

        return false;
    }

    // Elementwise nodes at the root's index, down to one sum that has something sparse below it.
    private bool TryEpilogue(NodeId root, ValueList<int> indices)
    {
        var chain = new List<NodeId>();
        var cores = new List<NodeId>();
        var open = new Stack<NodeId>([root]);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id))
            {
                continue;
            }

            var isOwn = id == root || _uses(id) == 1;
            switch (_graph[id])
            {
                case ContractNode or ReduceNode { Kind: not (ReduceKind.ArgMax or ReduceKind.ArgMin) } when isOwn && LooksSparse(id, indices):
                    cores.Add(id);
                    break;
                case InputNode { Format: not null } or FormatNode:
                    return false;
                case MapNode when isOwn:
                case ViewNode view when isOwn && IsIdentity(_graph, view):
                    chain.Add(id);
                    foreach (var operand in _graph[id].Operands)
                    {
                        open.Push(operand);
                    }

                    break;
                default:
                    chain.Add(id);
                    break;
            }
        }

        if (cores.Count != 1)
        {
            return false;
        }

        Core = cores[0];
        _members.Add(cores[0]);
        foreach (var id in chain.OrderByDescending(c => c.Value))
        {
            if (_graph[id] is MapNode && (id == root || _uses(id) == 1))
            {
                _members.Add(id);
            }
            else if (id != cores[0])
            {
                Free(id);
            }
        }

        Below(cores[0], indices);
        return true;
    }

    private bool TryElementwise(NodeId root, ValueList<int> indices)
    {
        Core = null;
        _members.RemoveWhere(m => _graph[m] is not FormatNode);
        _leaves.Clear();
        if (_graph[root] is InputNode or FormatNode)
        {
            _leaves.Add(root);
            return true;
        }

        if (_graph[root] is ContractNode or ReduceNode)
        {
            return false;
        }

        Descend(root, indices, indices.ToHashSet(), isRoot: true);
        return true;
    }

    private bool LooksSparse(NodeId heavy, ValueList<int> indices) => Sources(heavy, indices, out _).Any(s => _analysis.Of(s.Node, s.At).Fill is not null && ReachesSparse(s.Node));

    private bool ReachesSparse(NodeId node)
    {
        var open = new Stack<NodeId>([node]);
        var seen = new HashSet<NodeId>();
        while (open.TryPop(out var id))
        {
            if (SupportAnalysis.FormatOf(_graph[id]) is not null)
            {
                return true;
            }

            if (seen.Add(id) && _graph[id] is MapNode or ViewNode or ContractNode or ReduceNode)
            {
                foreach (var operand in _graph[id].Operands)
                {
                    open.Push(operand);
                }
            }
        }

        return false;
    }

    private List<(NodeId Node, ValueList<int> At)> Sources(NodeId heavy, ValueList<int> indices, out HashSet<int> all)
    {
        if (_graph[heavy] is ReduceNode reduce)
        {
            var at = _analysis.Unreduced(reduce, indices, out _);
            all = [.. at];
            return [(reduce.Source, at)];
        }

        var contract = (ContractNode)_graph[heavy];
        var names = _analysis.Names(contract, indices, out _);
        all = [.. names.Values];
        return [.. contract.Factors.Select((f, k) => (f, contract.Labels[k].Select(l => names[l]).ToValueList()))];
    }

    private void Below(NodeId heavy, ValueList<int> indices)
    {
        foreach (var (node, at) in Sources(heavy, indices, out var all))
        {
            Descend(node, at, all, isRoot: false);
        }
    }

    // What is computed at each iteration; the rest is loaded. all: the variables of the iteration.
    private void Descend(NodeId id, ValueList<int> at, HashSet<int> all, bool isRoot)
    {
        var node = _graph[id];
        if (_members.Contains(id) || _leaves.Contains(id))
        {
            return;
        }

        var isSparse = _analysis.Of(id, at) is { Fill: not null, Where: var where } && where != Support.Nowhere;
        var covers = all.IsSubsetOf(at);
        switch (node)
        {
            case MapNode when isRoot || isSparse || covers:
                _members.Add(id);
                foreach (var operand in node.Operands)
                {
                    Descend(operand, at, all, isRoot: false);
                }

                break;
            case ViewNode view when _analysis.Renamed(view, at) is { } source:
                _members.Add(id);
                Descend(view.Source, source, all, isRoot: false);
                break;
            case ContractNode or ReduceNode { Kind: not (ReduceKind.ArgMax or ReduceKind.ArgMin) } when _uses(id) == 1 && covers && !isRoot && !LooksSparseInside(id, at):
                // Wanted only where something is stored: a product of dense factors, sampled.
                _members.Add(id);
                foreach (var (factor, where2) in Sources(id, at, out _))
                {
                    Descend(factor, where2, [.. where2], isRoot: false);
                }

                break;
            default:
                Free(id);
                break;
        }
    }

    // Whether a sum would run over what sparse tensors store, which only a core does.
    private bool LooksSparseInside(NodeId heavy, ValueList<int> at)
    {
        var outer = at.ToHashSet();
        return Sources(heavy, at, out _).Any(s => ReachesSparse(s.Node) && !s.At.All(outer.Contains));
    }

    // Numbers, sizes and counters are made where they are wanted; views of leaves look at these; all else is loaded. What is computed from stored
    // entries has a value at the coordinates of the loops only: who looks at it elsewhere, as x[n - 1 - i], is loaded too.
    private void Free(NodeId id)
    {
        if (_members.Contains(id))
        {
            return;
        }

        switch (_graph[id])
        {
            case SplatNode or SizeNode or IotaNode:
                _members.Add(id);
                break;
            case ViewNode view when SupportAnalysis.FormatOf(_graph[view.Source]) is null && !(_members.Contains(view.Source) && ReachesSparse(view.Source)):
                _members.Add(id);
                Free(view.Source);
                break;
            default:
                _leaves.Add(id);
                break;
        }
    }
}
