using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// y[n] = Σ_k x[k] · w[k, n] with weights w that are made of parameters alone: how they are stored if most of them are 0. The labels of the contract
/// fall into the two letters; several in one are numbered row-major.
/// </summary>
/// <param name="Weights">The factor with the weights; the other one is x.</param>
/// <param name="Share">Up to this share (percent) of the weights, with what fills slices up, the sparse form is taken.</param>
/// <param name="Lanes">Columns of a slice.</param>
internal sealed record PrunedPlan(
    ContractNode Node, NodeId Id, int Weights, IReadOnlyDictionary<int, SizeExpr> Sizes, ValueList<int> N, ValueList<int> K, long Columns, long Depth, int Lanes, int Share)
{
    // Weights that lie in the second cache are read faster than anything can be gathered.
    private const long LeastBytes = 1 << 20;

    // Larger ones come from memory, where bytes count and not loads.
    private const long MemoryBytes = 24 << 20;

    // Break-even in percent. Measured on Zen 3, f32, one thread: 1024 x 1024 weights in the third cache are multiplied in 143 us densely, in 131 us if 22 %
    // are stored, in 51 us if 11 % are; 4096 x 4096 in memory in 5.3 ms densely, in 2.5 ms if 32 % are, in 0.86 ms if 11 % are. There half is
    // the limit: what is stored then takes three quarters of the weights' memory besides them.
    private const int CacheShare = 25;
    private const int MemoryShare = 50;

    private const long LargestI16 = 1 << 15;

    public ElementType Element => Node.Type.Element.ComputeType();

    public ElementType Coordinate => Depth <= LargestI16 ? ElementType.I16 : ElementType.I32;

    public NodeId Matrix => Node.Factors[Weights];

    public NodeId Vector => Node.Factors[1 - Weights];

    public long Slices => (Columns + Lanes - 1) / Lanes;

    /// <summary>Steps (of one entry in each column of a slice) for which there is room.</summary>
    public long Capacity => Slices * Depth * Share / 100;

    public long StoredBytes => Element.ByteSize() + Coordinate.ByteSize();

    public static PrunedPlan? Of(LoweringContext context, NodeId id)
    {
        var node = (ContractNode)context.Graph[id];
        if (!context.HasPrepare || context.Program.IsPreparing || node.Factors.Count != 2 || !node.Type.Element.IsFloat())
        {
            return null;
        }

        var weights = context.IsFixed(node.Factors[0]) ? 0 : 1;
        if (!context.IsFixed(node.Factors[weights]) || context.IsFixed(node.Factors[1 - weights]))
        {
            return null;
        }

        var sizes = ContractionPlan.SizesOf(context.Graph, node);
        ValueList<int> Long(ValueList<int> labels) => labels.Distinct().Where(l => sizes[l] != SizeExpr.One).ToValueList();
        var (n, own, k) = (Long(node.Output), Long(node.Labels[weights]), Long(node.Labels[1 - weights]));
        if (n.Count == 0 || k.Count == 0 || !own.ToHashSet().SetEquals([.. n, .. k]) || own.Count != n.Count + k.Count
            || Size(n) is not (> 0 and < int.MaxValue and var columns) || Size(k) is not (> 0 and < int.MaxValue and var depth))
        {
            return null;
        }

        var (element, options) = (node.Type.Element.ComputeType(), context.Options);
        var lanes = Math.Max(1, options.RegisterBytes / element.ByteSize());
        var bytes = columns * depth * context.Graph[node.Factors[weights]].Type.Element.ByteSize();
        var share = options.SparseShare ?? (bytes < options.Limit(LeastBytes) ? 0 : bytes < options.Limit(MemoryBytes) ? CacheShare : MemoryShare);
        return share == 0 ? null : new PrunedPlan(node, id, weights, sizes, n, k, columns, depth, lanes, share);

        long? Size(ValueList<int> labels) => SizeExpr.Product(labels.Select(l => sizes[l])).AsConstant;
    }

    /// <summary>A factor's value at row k, column n (x: null) or the vector that starts there.</summary>
    public LoopExpr Value(KernelBuilder kernel, NodeId factor, LoopExpr k, LoopExpr? n, int lanes, LoopExpr? mask = null)
    {
        var index = new Dictionary<int, IndexForm>();
        ContractionPlan.Unravel(kernel.Space, kernel.Space.Counter(k, SizeExpr.Zero, Depth, vectorised: n is null && lanes > 1), K, Sizes, index);
        if (n is not null)
        {
            AddColumns(kernel, n, lanes, index);
        }

        var labels = Node.Labels[factor == Matrix ? Weights : 1 - Weights];
        var at = new Coords(labels.Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList(), lanes, mask);
        return kernel.Body.Splat(kernel.Body.Cast(kernel.Values.Emit(factor, at), Element), lanes);
    }

    /// <summary>The contract's coordinates from column n on.</summary>
    public Coords Output(KernelBuilder kernel, LoopExpr n, LoopExpr? mask)
    {
        var index = new Dictionary<int, IndexForm>();
        AddColumns(kernel, n, Lanes, index);
        return new Coords(Node.Output.Select(l => index.GetValueOrDefault(l, IndexForm.Zero)).ToValueList(), Lanes, mask);
    }

    /// <summary>Emits twice where it must: for a slice of columns that all exist, and under a mask for the last one.</summary>
    public void EdgeOrNot(BodyBuilder body, LoopExpr n, Action<LoopExpr?> emit)
    {
        LoopExpr Mask() => body.Less(body.Let(new RampExpr(new LaneType(ElementType.I64, Lanes), n, BodyMath.Index(1))), BodyMath.Index(Columns));
        if (Columns % Lanes == 0)
        {
            emit(null);
        }
        else if (Columns < Lanes)
        {
            emit(Mask());
        }
        else
        {
            var whole = body.Map(MapOp.LessEqual, ElementType.Bool, body.Add(n, BodyMath.Index(Lanes)), BodyMath.Index(Columns));
            body.If(whole, () => emit(null), () => emit(Mask()));
        }
    }

    private void AddColumns(KernelBuilder kernel, LoopExpr n, int lanes, Dictionary<int, IndexForm> index) =>
        ContractionPlan.Unravel(kernel.Space, kernel.Space.Counter(n, SizeExpr.Zero, Columns, vectorised: lanes > 1), N, Sizes, index);
}
