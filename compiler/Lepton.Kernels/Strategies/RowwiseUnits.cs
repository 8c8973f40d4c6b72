using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>How wide the loops are: lanes of a vector, chains of a row, vectors of a tile of rows.</summary>
internal sealed record RowwiseWidth(int Lanes, int Chains, int Vectors)
{
    // Chains hide the latency of additions; a costly body has enough to do by itself.
    private const int MostChains = 4;

    /// <summary>Rows that run together when lanes lie across rows.</summary>
    public int Tile => Lanes * Vectors;

    public static RowwiseWidth Of(LoweringContext context, FusionGroup group, RowwisePlan plan, RowwiseLayout layout)
    {
        var (graph, widest, costly) = (context.Graph, 1, 0);
        foreach (var node in group.Members.SelectMany(m => graph[m].Operands.Append(m)).Distinct())
        {
            // Index arithmetic is i64 and takes two registers beside f32; that is well.
            var element = graph[node].Type.Element.ComputeType();
            if (element != ElementType.I64 || plan.Reductions.Any(r => r.Factors.Any(f => f.Node == node)))
            {
                widest = Math.Max(widest, element.ByteSize());
            }

            costly += graph[node] is MapNode map && map.Op.Info().Transcendental ? 1 : 0;
        }

        if (plan.Reductions.Any(r => r.Fold.HasPosition))
        {
            widest = Math.Max(widest, 4);
        }

        var lanes = context.Options.VectorBytes / widest;
        while (layout.Length(plan).AsConstant is { } length && lanes > 1 && lanes / 2 >= length)
        {
            lanes /= 2;
        }

        var states = Enumerable.Range(0, plan.Passes).Max(p => plan.Reductions.Where(r => r.Pass == p).Sum(r => r.Fold.Parts.Count));
        var many = costly > 1 || states > 3 || group.Members.Count > 24 ? 1 : costly > 0 || states > 1 ? 2 : MostChains;
        return new RowwiseWidth(lanes, many, many);
    }

    public string Describe(RowwisePlan plan, RowwiseLayout layout) => layout.AlongRow
        ? $"rows of {plan.RowLength}, {Lanes} lanes along the row" + (Chains > 1 ? $", {Chains} chains" : "")
        : $"rows of {plan.RowLength}, {Tile} rows at a time in {Lanes} lanes";
}

/// <summary>
/// The units of work of a kernel: a row, or a tile of rows side by side when lanes lie across rows. Unit u is row u, or tile u mod t of outer
/// row u div t.
/// </summary>
internal sealed class RowwiseUnits(KernelBuilder kernel, RowwisePlan plan, RowwiseLayout layout, RowwiseWidth width)
{
    private readonly SizeExpr _across = layout.AlongRow ? SizeExpr.One : layout.Length(plan);

    private SizeExpr Tiles => layout.AlongRow ? SizeExpr.One : SizeExpr.CeilDiv(_across, width.Tile);

    public SizeExpr Count => layout.KeptCount(plan) * Tiles;

    /// <summary>For each unit from … to-1: its row number (row-major over the kept axes; per vector), and its rows.</summary>
    public void ForEach(RowwiseLoops loops, LoopExpr from, LoopExpr to, Action<IReadOnlyList<IndexForm>, IReadOnlyList<RowwiseRows>> emit)
    {
        var body = kernel.Body;
        body.For(from, to, 1, mayBeEmpty: true, unit => Unit(loops, unit, emit));
    }

    public void Unit(RowwiseLoops loops, LoopExpr unit, Action<IReadOnlyList<IndexForm>, IReadOnlyList<RowwiseRows>> emit)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        var (number, axes) = Outer(Tiles == SizeExpr.One ? unit : body.FloorDiv(unit, BodyMath.Index(Tiles)));
        if (layout.AlongRow)
        {
            loops.Forget();
            emit([number], [loops.Rows(axes, 1, null)]);
            return;
        }

        // A full tile; else, at the end, one vector at a time, the last under a mask.
        var start = body.Mul(Tiles == SizeExpr.One ? BodyMath.Index(0) : body.Rem(unit, BodyMath.Index(Tiles)), BodyMath.Index(width.Tile));
        var rest = SizeExpr.Mod(_across, width.Tile);
        void Full() => Vectors(Enumerable.Range(0, width.Vectors).Select(v => (body.Add(start, BodyMath.Index(v * width.Lanes)), (LoopExpr?)null)));

        void Partial()
        {
            if (Tiles == SizeExpr.One && rest.AsConstant is { } left)
            {
                Vectors(Enumerable.Range(0, (int)((left + width.Lanes - 1) / width.Lanes)).Select(v =>
                    ((LoopExpr)BodyMath.Index(v * width.Lanes), left < (v + 1) * width.Lanes ? Mask(BodyMath.Index(v * width.Lanes)) : null)));
            }
            else
            {
                body.For(start, BodyMath.Index(_across), width.Lanes, mayBeEmpty: false, at => Vectors([(at, Mask(at))]));
            }
        }

        if (rest == SizeExpr.Zero)
        {
            Full();
        }
        else if (Tiles == SizeExpr.One && rest == _across)
        {
            Partial();
        }
        else
        {
            var fits = body.Map(MapOp.LessEqual, ElementType.Bool, body.Add(start, BodyMath.Index(width.Tile)), BodyMath.Index(_across));
            body.If(fits, Full, Partial);
        }

        LoopExpr Mask(LoopExpr at) => body.Less(
            body.Let(new RampExpr(new LaneType(ElementType.I64, width.Lanes), at, BodyMath.Index(1))), BodyMath.Index(_across));

        void Vectors(IEnumerable<(LoopExpr Start, LoopExpr? Mask)> vectors)
        {
            loops.Forget();
            var (numbers, rows) = (new List<IndexForm>(), new List<RowwiseRows>());
            foreach (var (at, mask) in vectors)
            {
                var along = space.Counter(at, SizeExpr.Zero, _across, vectorised: width.Lanes > 1);
                var mine = (IndexForm[])axes.Clone();
                RowwiseLayout.Unravel(space, along, layout.Run, plan.Shape, mine);
                numbers.Add((number * _across) + along);
                rows.Add(loops.Rows(mine, width.Lanes, mask));
            }

            emit(numbers, rows);
        }
    }

    /// <summary>The row of this number, when the lanes lie along rows.</summary>
    public RowwiseRows Row(RowwiseLoops loops, LoopExpr number) => loops.Rows(Outer(number).Axes, 1, null);

    private (IndexForm Number, IndexForm[] Axes) Outer(LoopExpr row)
    {
        var axes = new IndexForm[plan.Shape.Count];
        Array.Fill(axes, IndexForm.Zero);
        var number = kernel.Space.Counter(row, layout.KeptCount(plan));
        RowwiseLayout.Unravel(kernel.Space, layout.OuterKept.Count == 0 ? IndexForm.Zero : number, layout.OuterKept, plan.Shape, axes);
        return (number, axes);
    }

    /// <summary>Results of a pass, from its states.</summary>
    public static void Know(RowwisePlan plan, int pass, IReadOnlyList<RowwiseRows> rows, LoopExpr[][][] states)
    {
        var folds = plan.Reductions.Where(r => r.Pass == pass).ToArray();
        for (var r = 0; r < rows.Count; r++)
        {
            for (var f = 0; f < folds.Length; f++)
            {
                rows[r].Values[folds[f].Id] = RowwiseFold.Result(states[r][f]);
            }
        }
    }
}
