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
/// <param name="N">Run of trailing labels of the result that is one axis where the result is stored; vectors lie along it.</param>
/// <param name="NInner">The last of them, which are one axis in B too: a row of the image that a convolution slides over.</param>
/// <param name="A">How the left side's elements are reached.</param>
/// <param name="B">How the right side's elements are reached.</param>
/// <param name="Prologue">Elementwise work that costs more than loading stands before the product.</param>
/// <param name="Below">The members that are computed on the way to the factors.</param>
/// <param name="Narrow">Packed panels hold narrow integers in groups along k; null: each side has a value of its own for each k.</param>
/// <param name="IsTransposed">The sides have changed places, Cᵀ = Bᵀ Aᵀ: the result's neighbours in memory lie along m.</param>
internal sealed record ContractionPlan(
    NodeId Id,
    ContractNode Node,
    IReadOnlyDictionary<int, SizeExpr> Sizes,
    ValueList<int> Outer,
    ValueList<int> M,
    ValueList<int> N,
    ValueList<int> NInner,
    ValueList<int> K,
    ContractionSide A,
    ContractionSide B,
    bool Prologue,
    ValueList<NodeId> Below,
    NarrowProduct? Narrow,
    bool IsTransposed = false)
{
    public ElementType Element => Node.Type.Element.ComputeType();

    public SizeExpr OuterSize => SizeOf(Outer);

    /// <summary>The outer labels that a side has.</summary>
    public ValueList<int> OuterOf(ContractionSide side) => Outer.Where(l => side.Factors.Any(f => Node.Labels[f].Contains(l))).ToValueList();

    public IEnumerable<NodeId> FactorsOf(ContractionSide side) => side.Factors.Select(f => Node.Factors[f]);

    public SizeExpr MSize => SizeOf(M);

    public SizeExpr NSize => SizeOf(N);

    public SizeExpr KSize => SizeOf(K);

    /// <summary>How many values of k one step of the tile takes.</summary>
    public int KPerStep => Narrow?.KPerStep ?? 1;

    /// <summary>How many steps k has; what the last one lacks is 0 in packed panels.</summary>
    public SizeExpr Steps => Narrow is null ? KSize : SizeExpr.CeilDiv(KSize, KPerStep);

    /// <summary>What packed panels of A hold: of an element KPerStep values, one behind the other.</summary>
    public ElementType LeftElement => Narrow?.Left ?? Element;

    /// <summary>What packed panels of B hold.</summary>
    public ElementType RightElement => Narrow?.Right ?? Element;

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
    public static ContractionPlan? Make(FusionGroup group, NodeId id, ContractionTrial trial, KernelOptions options)
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
        for (var i = output.Length - 2; i >= 0 && !In(left, output[i]) && trial.MergeInResult(output[i], n[0]); i--)
        {
            n.Insert(0, output[i]);
        }

        var inner = 1;
        while (inner < n.Count && trial.Merge(right, n[^(inner + 1)], n[^inner]))
        {
            inner++;
        }

        var outer = output.Where(l => !m.Contains(l) && !n.Contains(l)).ToValueList();
        var below = group.Members.Where(p => p != id && trial.IsBelow(p)).ToValueList();
        var prologue = below.Any(p => graph[p] is MapNode map && map.Op.Info().Transcendental);
        var all = k.ToValueList();
        return new ContractionPlan(
            id, node, sizes, outer, m.ToValueList(), n.ToValueList(), n.TakeLast(inner).ToValueList(), all,
            ContractionSide.Of(trial, left, all, k[^1], m[^1]), ContractionSide.Of(trial, right, all, lane, k[^1]), prologue, below,
            node.Type.Element == ElementType.I32 ? NarrowProduct.Of(Range(left), Range(right), options.ByteDots) : null);

        IntegerRange? Range(ValueList<int> side) => IntegerRange.OfProduct(graph, below, [.. side.Select(f => node.Factors[f])]);
    }

    /// <summary>The same sums, in the same order, with the sides' places changed: vectors lie along what were rows.</summary>
    public ContractionPlan Transposed(ContractionTrial trial)
    {
        var inner = 1;
        while (inner < M.Count && trial.Merge(A.Factors, M[^(inner + 1)], M[^inner]))
        {
            inner++;
        }

        return this with
        {
            M = N,
            N = M,
            NInner = M.TakeLast(inner).ToValueList(),
            A = ContractionSide.Of(trial, B.Factors, K, K[^1], N[^1]),
            B = ContractionSide.Of(trial, A.Factors, K, M[^1], K[^1]),
            Narrow = Narrow?.Transposed,
            IsTransposed = true,
        };
    }

    /// <summary>The product of one side's factors, with labels' indices from <paramref name="index"/>.</summary>
    public LoopExpr Side(KernelBuilder kernel, ContractionSide side, IReadOnlyDictionary<int, IndexForm> index, int lanes, LoopExpr? mask)
    {
        LoopExpr? product = null;
        foreach (var f in side.Factors)
        {
            var at = new Coords(Node.Labels[f].Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList(), lanes, mask);
            var factor = kernel.Body.Cast(kernel.Values.Emit(Node.Factors[f], at), Element);
            product = product is null ? factor : kernel.Body.Map(MapOp.Mul, Element, product, factor);
        }

        return product!;
    }

    /// <summary>Adds the indices of <paramref name="labels"/> from their row-major number.</summary>
    public void Unravel(IndexSpace space, IndexForm number, ValueList<int> labels, Dictionary<int, IndexForm> index) =>
        Unravel(space, number, labels, Sizes, index);

    /// <inheritdoc cref="Unravel(IndexSpace, IndexForm, ValueList{int}, Dictionary{int, IndexForm})"/>
    public static void Unravel(
        IndexSpace space, IndexForm number, ValueList<int> labels, IReadOnlyDictionary<int, SizeExpr> sizes, Dictionary<int, IndexForm> index)
    {
        for (var i = labels.Count - 1; i >= 0; i--)
        {
            index[labels[i]] = i == 0 ? number : space.Mod(number, sizes[labels[i]]);
            number = i == 0 ? number : space.Div(number, sizes[labels[i]]);
        }
    }

    /// <summary>The contract's coordinates.</summary>
    public ValueList<IndexForm> Output(IReadOnlyDictionary<int, IndexForm> index) =>
        Node.Output.Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList();
}

/// <summary>One side of the product.</summary>
/// <param name="IsPlain">One factor, straight from memory.</param>
/// <param name="IsContiguous">Elements lie side by side along k (A) or along n (B), or are the same.</param>
/// <param name="KMerges">The labels of k are one axis in it.</param>
/// <param name="Guarded">The labels of k on which it depends whether something lies outside.</param>
/// <param name="RowStride">Elements from a row to the next one, along m (A) or along k (B); null: not known, or not one number.</param>
internal sealed record ContractionSide(ValueList<int> Factors, bool IsPlain, bool IsContiguous, bool KMerges, ValueList<int> Guarded, long? RowStride)
{
    /// <param name="k">The labels that are summed over.</param>
    /// <param name="along">The label along which the side's elements are wanted side by side.</param>
    /// <param name="across">The label along which its rows follow each other.</param>
    public static ContractionSide Of(ContractionTrial trial, ValueList<int> factors, ValueList<int> k, int along, int across) => new(
        factors,
        factors.Count == 1 && trial.IsPlain(factors[0]),
        trial.IsContiguous(factors, along),
        trial.Merge(factors, k),
        k.Where(l => trial.IsGuarded(factors, l)).ToValueList(),
        trial.Stride(factors, across));
}
