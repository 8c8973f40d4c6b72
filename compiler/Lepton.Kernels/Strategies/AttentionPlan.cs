using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The sizes of an attention kernel. A chunk makes BlockRows rows of the result; keys pass by in blocks of BlockKeys, of which k and v are packed
/// on its stack. Register tiles are TileRows × Columns: of scores in the first product, of results in the second.
/// </summary>
/// <param name="Lanes">Of one register; Columns = 2 · Lanes.</param>
/// <param name="Wide">Lanes of the elementwise work in between.</param>
/// <param name="Mask">Which keys the rows see by their indices; null: all may count.</param>
internal sealed record AttentionPlan(
    AttentionForm Form,
    ContractNode First,
    ContractNode Second,
    ValueList<SizeExpr> Shape,
    int Depth,
    int Features,
    int Lanes,
    int Wide,
    int TileRows,
    int BlockRows,
    int BlockKeys,
    AttentionMask? Mask)
{
    // Rows of a chunk: the more, the less packing; but enough chunks for some threads.
    private const int MostRows = 256;
    private const int FewestRows = 32;
    private const long GoodChunks = 8;

    private const int MostKeys = 128;

    // Of a chunk's locals; the rest is left for what masks and the epilogue may keep.
    private const int StackBytes = KernelVerifier.MaxLocalBytes - (48 * 1024);

    public ElementType Element => Second.Type.Element.ComputeType();

    public int Columns => 2 * Lanes;

    public SizeExpr OuterSize => SizeOf(Form.Outer);

    public SizeExpr RowsSize => SizeOf(Form.Rows);

    public SizeExpr KeysSize => SizeOf(Form.Keys);

    /// <summary>All keys are one block: the softmax is the plain one.</summary>
    public bool IsSingle => Mask is null && KeysSize.AsConstant <= BlockKeys;

    /// <summary>Blocks of rows that one unit of work makes: with a mask the n-th and the n-th last, which have about as much to do together as any two.</summary>
    public int BlocksOfUnit => Mask is null ? 1 : 2;

    /// <summary>Elements from row to row of results: whole vectors of either width.</summary>
    public int FeaturesPadded => RoundUp(Features, Math.Max(Columns, Wide));

    public static AttentionPlan Make(Graph graph, AttentionForm form, FusionGroup group, KernelOptions options)
    {
        var (first, second) = ((ContractNode)graph[form.Product], (ContractNode)graph[form.Result]);
        var width = second.Type.Element.ComputeType().ByteSize();
        var lanes = Math.Max(1, options.RegisterBytes / width);
        var most = Math.Max(1, (options.Registers - 4) / 2);
        var wide = Math.Max(1, options.VectorBytes / width);
        var shape = graph[form.Logits].Type.Shape;
        var plan = new AttentionPlan(
            form, first, second, shape, Count(graph, first, form.Depth), Count(graph, second, form.Features), lanes, wide, most, 0, MostKeys, AttentionMask.Of(graph, form, group.Members));
        var (mostRows, mostKeys) = (options.Limit(MostRows), (int)options.Limit(MostKeys));
        var (blockRows, blockKeys) = ((int)mostRows, RoundUp(mostKeys, Math.Max(plan.Columns, wide)));
        if (plan.RowsSize.AsConstant is { } rows)
        {
            var good = plan.BlocksOfUnit * (plan.OuterSize.AsConstant is { } outer ? Math.Max(1, GoodChunks / Math.Max(1, outer)) : 1);
            var blocks = Math.Max((rows + mostRows - 1) / mostRows, Math.Min(good, rows / options.Limit(FewestRows)));
            blockRows = (int)Math.Max(1, (rows + blocks - 1) / Math.Max(1, blocks));
            most = Enumerable.Range(1, most).MinBy(r => ((blockRows + r - 1) / r * (r + 1), -r));
        }

        // One after the other, until both blocks fit.
        var unit = Math.Max(plan.Columns, wide);
        while (Bytes() > StackBytes && (blockRows > most || blockKeys > unit))
        {
            if (blockKeys > unit && (blockKeys >= blockRows || blockRows <= most))
            {
                blockKeys = RoundUp(blockKeys / 2, unit);
            }
            else
            {
                blockRows = Math.Max(most, blockRows / 2);
            }
        }

        return plan with { TileRows = most, BlockRows = RoundUp(blockRows, most), BlockKeys = blockKeys };

        long Bytes() => width * (
            ((blockRows + most) * (plan.Depth + plan.FeaturesPadded + 3L)) + (blockKeys * ((long)plan.Depth + plan.FeaturesPadded + most)));
    }

    public SizeExpr SizeOf(ValueList<int> axes) => SizeExpr.Product(axes.Select(a => Shape[a]));

    /// <summary>Adds the indices of some axes of the logits from their row-major number.</summary>
    public void Unravel(IndexSpace space, IndexForm number, ValueList<int> which, IndexForm[] axes) =>
        RowwiseLayout.Unravel(space, number, which, Shape, axes);

    /// <summary>Where factor <paramref name="factor"/> of the first product is read.</summary>
    public ValueList<IndexForm> InFirst(IndexSpace space, Graph graph, int factor, IndexForm[] axes, IndexForm depth) =>
        Place(space, graph, First, factor, First.Output, axes, Form.Depth, depth);

    /// <summary>Where v is read.</summary>
    public ValueList<IndexForm> InValues(IndexSpace space, Graph graph, IndexForm[] axes, IndexForm feature) =>
        Place(space, graph, Second, Form.Value, Second.Labels[1 - Form.Value], axes, Form.Features, feature);

    /// <summary>The index of a result.</summary>
    public ValueList<IndexForm> Result(IndexSpace space, Graph graph, IndexForm[] axes, IndexForm feature)
    {
        var index = Numbered(space, graph, Second, Form.Features, feature);
        var labels = Second.Labels[1 - Form.Value];
        return Second.Output.Select(l => index.TryGetValue(l, out var own) ? own : axes[IndexOf(labels, l)]).ToValueList();
    }

    // Labels are either summed (or features), with a row-major number of their own, or run along axes of the logits.
    private static ValueList<IndexForm> Place(
        IndexSpace space, Graph graph, ContractNode contract, int factor, ValueList<int> along, IndexForm[] axes, ValueList<int> numbered, IndexForm number)
    {
        var index = Numbered(space, graph, contract, numbered, number);
        return contract.Labels[factor].Select(l => index.TryGetValue(l, out var own) ? own : axes[IndexOf(along, l)]).ToValueList();
    }

    private static Dictionary<int, IndexForm> Numbered(IndexSpace space, Graph graph, ContractNode contract, ValueList<int> labels, IndexForm number)
    {
        var index = new Dictionary<int, IndexForm>();
        for (var i = labels.Count - 1; i >= 0; i--)
        {
            var size = SizeOf(graph, contract, labels[i]);
            index[labels[i]] = size == SizeExpr.One ? IndexForm.Zero : i == 0 ? number : space.Mod(number, size);
            number = i == 0 ? number : space.Div(number, size);
        }

        return index;
    }

    private static int Count(Graph graph, ContractNode contract, ValueList<int> labels) =>
        (int)SizeExpr.Product(labels.Select(l => SizeOf(graph, contract, l))).AsConstant!.Value;

    private static SizeExpr SizeOf(Graph graph, ContractNode contract, int label)
    {
        var factor = contract.Labels[0].Contains(label) ? 0 : 1;
        return graph[contract.Factors[factor]].Type.Shape[IndexOf(contract.Labels[factor], label)];
    }

    private static int IndexOf(ValueList<int> labels, int label) => labels.Select((l, i) => (l, i)).First(p => p.l == label).i;

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
