using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A contraction as products of matrices: C[o, m, n] = Σ_k A[o, m, k] · B[o, k, n]. The labels of the contract fall into the four letters;
/// several in one are numbered row-major. A is the product of the factors without the lane label, B that of the factors with it.
/// </summary>
/// <param name="Outer">In both sides and the result, or in B alone but not mergeable with n: one matrix product per value.</param>
/// <param name="N">Run of trailing labels of the result that every access makes one; vectors lie along it.</param>
/// <param name="BIsContiguous">B's elements lie side by side along n, or are the same.</param>
/// <param name="Prologue">Elementwise work that costs more than loading stands before the product.</param>
/// <param name="Below">The members that are computed on the way to the factors.</param>
internal sealed record ContractionPlan(
    NodeId Id,
    ContractNode Node,
    IReadOnlyDictionary<int, SizeExpr> Sizes,
    ValueList<int> Left,
    ValueList<int> Right,
    ValueList<int> Outer,
    ValueList<int> M,
    ValueList<int> N,
    ValueList<int> K,
    bool BIsContiguous,
    bool Prologue,
    ValueList<NodeId> Below)
{
    public ElementType Element => Node.Type.Element.ComputeType();

    public SizeExpr OuterSize => SizeOf(Outer);

    /// <summary>The outer labels that a side has.</summary>
    public ValueList<int> OuterOf(ValueList<int> factors) => Outer.Where(l => factors.Any(f => Node.Labels[f].Contains(l))).ToValueList();

    public SizeExpr MSize => SizeOf(M);

    public SizeExpr NSize => SizeOf(N);

    public SizeExpr KSize => SizeOf(K);

    public SizeExpr SizeOf(ValueList<int> labels) => SizeExpr.Product(labels.Select(l => Sizes[l]));

    public static IReadOnlyDictionary<int, SizeExpr> SizesOf(Graph graph, ContractNode node)
    {
        var sizes = new Dictionary<int, SizeExpr>();
        for (var f = 0; f < node.Factors.Count; f++)
        {
            for (var axis = 0; axis < node.Labels[f].Count; axis++)
            {
                sizes[node.Labels[f][axis]] = graph[node.Factors[f]].Type.Shape[axis];
            }
        }

        return sizes;
    }

    /// <summary>The plan, or null when the contract is no product of matrices: one side has no labels of its own, or nothing is summed.</summary>
    public static ContractionPlan? Make(FusionGroup group, NodeId id, ContractionTrial trial)
    {
        var (graph, sizes) = (trial.Graph, trial.Sizes);
        var node = (ContractNode)graph[id];
        var output = node.Output.Where(l => sizes[l] != SizeExpr.One).ToArray();
        if (output.Length == 0)
        {
            return null;
        }

        bool In(ValueList<int> factors, int label) => factors.Any(f => node.Labels[f].Contains(label));
        var lane = output[^1];
        var right = Enumerable.Range(0, node.Factors.Count).Where(f => node.Labels[f].Contains(lane)).ToValueList();
        var left = Enumerable.Range(0, node.Factors.Count).Where(f => !node.Labels[f].Contains(lane)).ToValueList();
        var m = output.Where(l => In(left, l) && !In(right, l)).ToArray();
        var k = left.SelectMany(f => node.Labels[f]).Concat(right.SelectMany(f => node.Labels[f])).Distinct()
            .Where(l => !node.Output.Contains(l) && sizes[l] != SizeExpr.One).ToArray();
        if (left.Count == 0 || m.Length == 0 || k.Length == 0)
        {
            return null;
        }

        var n = new List<int> { lane };
        for (var i = node.Output.Count - 1; i >= 0; i--)
        {
            var next = node.Output[i];
            if (next != lane && sizes[next] != SizeExpr.One && !n.Contains(next))
            {
                if (In(left, next) || !trial.Merges(next, n[0]))
                {
                    break;
                }

                n.Insert(0, next);
            }
        }

        var outer = output.Where(l => !m.Contains(l) && !n.Contains(l)).ToValueList();
        var below = group.Members.Where(p => p != id && trial.IsBelow(p)).ToValueList();
        var prologue = below.Any(p => graph[p] is MapNode map && map.Op.Info().Transcendental);
        return new ContractionPlan(
            id, node, sizes, left, right, outer, m.ToValueList(), n.ToValueList(), k.ToValueList(), trial.IsContiguous(right, lane), prologue, below);
    }

    /// <summary>The product of one side's factors, with labels' indices from <paramref name="index"/>.</summary>
    public LoopExpr Side(KernelBuilder kernel, ValueList<int> factors, IReadOnlyDictionary<int, IndexForm> index, int lanes, LoopExpr? mask)
    {
        LoopExpr? product = null;
        foreach (var f in factors)
        {
            var at = new Coords(Node.Labels[f].Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList(), lanes, mask);
            var factor = kernel.Body.Cast(kernel.Values.Emit(Node.Factors[f], at), Element);
            product = product is null ? factor : kernel.Body.Map(MapOp.Mul, Element, product, factor);
        }

        return product!;
    }

    /// <summary>Adds the indices of <paramref name="labels"/> from their row-major number.</summary>
    public void Unravel(IndexSpace space, IndexForm number, ValueList<int> labels, Dictionary<int, IndexForm> index)
    {
        for (var i = labels.Count - 1; i >= 0; i--)
        {
            index[labels[i]] = i == 0 ? number : space.Mod(number, Sizes[labels[i]]);
            number = i == 0 ? number : space.Div(number, Sizes[labels[i]]);
        }
    }

    /// <summary>The contract's coordinates.</summary>
    public ValueList<IndexForm> Output(IReadOnlyDictionary<int, IndexForm> index) =>
        Node.Output.Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList();
}

/// <summary>The group emitted once, into a builder that is thrown away, with a symbol for each label.</summary>
internal sealed class ContractionTrial
{
    private readonly ContractNode _node;
    private readonly Dictionary<int, int> _symbols = [];
    private readonly List<(int Factor, IndexForm Address)> _addresses = [];
    private readonly HashSet<int> _opaque = [];
    private readonly HashSet<NodeId> _below = [];

    public ContractionTrial(LoweringContext context, FusionGroup group, NodeId contract)
    {
        Graph = context.Graph;
        _node = (ContractNode)Graph[contract];
        Sizes = ContractionPlan.SizesOf(Graph, _node);
        var trial = new KernelBuilder(context, "trial", group);
        foreach (var output in group.Outputs)
        {
            trial.Write(output);
        }

        trial.Space.OnOpaque = form => _opaque.UnionWith(trial.Space.BaseSymbols(form));
        Loops(trial, [.. Sizes.Keys.Order()], 0, () => Emit(trial, context, group, contract));
        foreach (var (_, address) in _addresses.Where(a => trial.Space.HasQuotient(a.Address)))
        {
            _opaque.UnionWith(trial.Space.BaseSymbols(address).Where(s => address.Coefficient(s) == SizeExpr.Zero));
        }

        var open = new Stack<NodeId>(_node.Factors);
        while (open.TryPop(out var id))
        {
            if (trial.IsMember(id) && _below.Add(id))
            {
                foreach (var operand in Graph[id].Operands)
                {
                    open.Push(operand);
                }
            }
        }
    }

    public Graph Graph { get; }

    public IReadOnlyDictionary<int, SizeExpr> Sizes { get; }

    /// <summary>All outputs are computed from the contract at their own index.</summary>
    public bool Fits { get; private set; } = true;

    /// <summary>Whether two neighbouring labels of the result can be one: every address moves size(b) times as far along a as along b.</summary>
    public bool Merges(int a, int b) =>
        !_opaque.Contains(_symbols[a]) && !_opaque.Contains(_symbols[b])
        && _addresses.All(x => x.Address.Coefficient(_symbols[a]) == x.Address.Coefficient(_symbols[b]) * Sizes[b]);

    public bool IsContiguous(ValueList<int> factors, int label) => _addresses.Where(a => factors.Contains(a.Factor))
        .All(a => a.Address.Coefficient(_symbols[label]) is var c && (c == SizeExpr.Zero || c == SizeExpr.One));

    /// <summary>Whether a node is computed on the way to a factor.</summary>
    public bool IsBelow(NodeId node) => _below.Contains(node);

    private void Emit(KernelBuilder trial, LoweringContext context, FusionGroup group, NodeId contract)
    {
        var index = Sizes.Keys.ToDictionary(l => l, l => Sizes[l] == SizeExpr.One ? IndexForm.Zero : IndexForm.Of(_symbols[l]));
        for (var f = 0; f < _node.Factors.Count; f++)
        {
            var factor = f;
            trial.Values.OnLoad = (_, address) => _addresses.Add((factor, address));
            trial.Values.Emit(_node.Factors[f], new Coords(_node.Labels[f].Select(l => index[l]).ToValueList(), 1));
        }

        var at = new Coords(_node.Output.Select(l => index[l]).ToValueList(), 1);
        trial.Values.OnLoad = (_, address) => _addresses.Add((-1, address));
        trial.Values.Bind(contract, where =>
        {
            Fits &= where.Axes == at.Axes;
            return BodyMath.Number(_node.Type.Element, 1);
        });
        foreach (var output in group.Outputs)
        {
            Fits &= context.Graph[output].Type.Shape == _node.Type.Shape;
            if (Fits)
            {
                trial.Values.Emit(output, at);
                _addresses.Add((-1, ValueEmitter.RowMajor(at.Axes, _node.Type.Shape)));
            }
        }
    }

    private void Loops(KernelBuilder trial, int[] labels, int next, Action body)
    {
        if (next == labels.Length)
        {
            body();
            return;
        }

        trial.Body.For(BodyMath.Index(0), BodyMath.Index(Sizes[labels[next]]), 1, false, i =>
        {
            _symbols[labels[next]] = trial.Space.SymbolOf(i, SizeExpr.Zero, Sizes[labels[next]]);
            Loops(trial, labels, next + 1, body);
        });
    }
}
