using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Which axes the loops run over. The lanes of vectors lie along <paramref name="Run"/>: axes that are reduced (a row at a time, lanes joined
/// at its end) or kept (a vector of rows at a time), of which every access makes one.
/// </summary>
internal sealed record RowwiseLayout(bool AlongRow, ValueList<int> Run, ValueList<int> OuterKept, ValueList<int> OuterReduced)
{
    // Less than this along the lanes, and vectors are mostly empty.
    private const long GoodLength = 8;

    /// <summary>
    /// Emits the group once into a builder that is thrown away and looks at its addresses. null: something is wanted at another place than
    /// where the loops over rows have it.
    /// </summary>
    public static RowwiseLayout? Of(LoweringContext context, FusionGroup group, RowwisePlan plan)
    {
        var trial = new KernelBuilder(context, "trial", group);
        foreach (var store in plan.Stores)
        {
            trial.Write(store.Id);
        }

        var (addresses, opaque, fits) = (new HashSet<IndexForm>(), new HashSet<int>(), true);
        trial.Values.OnLoad = (_, address) => addresses.Add(address);
        trial.Space.OnOpaque = form => opaque.UnionWith(trial.Space.BaseSymbols(form));
        var symbols = new int[plan.Shape.Count];
        var axes = new IndexForm[plan.Shape.Count];
        Loops(trial, plan, symbols, axes, 0, () =>
        {
            var full = axes.ToValueList();
            var row = full.Where((_, axis) => !plan.IsReduced(axis)).ToValueList();
            foreach (var reduction in plan.Reductions)
            {
                trial.Values.Bind(reduction.Id, at =>
                {
                    fits &= at.Axes == row;
                    return BodyMath.Number(context.Graph[reduction.Id].Type.Element, 1);
                });
            }

            foreach (var factor in plan.Reductions.SelectMany(r => r.Factors))
            {
                trial.Values.Emit(factor.Node, new Coords(factor.Axes.Select(a => full[a]).ToValueList(), 1));
            }

            foreach (var store in plan.Stores)
            {
                var (index, shape) = store.PerRow ? (row, plan.RowShape) : (full, plan.Shape);
                var at = new Coords(ReshapeRules.SourceIndex(trial.Space, index, shape, context.Graph[store.Id].Type.Shape), 1);
                trial.Values.Emit(store.Id, at);
                addresses.Add(ValueEmitter.RowMajor(at.Axes, context.Graph[store.Id].Type.Shape));
            }
        });

        return fits ? Choose(plan, trial.Space, symbols, addresses, opaque) : null;
    }

    /// <summary>Whether a tensor of the plan's shape is run through from its first element to its last: each row lies behind the one before.</summary>
    public bool RowsFollow(RowwisePlan plan) => AlongRow && OuterReduced.Count == 0 && plan.Axes.All(a => a >= plan.Shape.Count - plan.Axes.Count);

    /// <summary>Whether a result of the plan's shape is better written past the caches.</summary>
    public bool PassesCaches(LoweringContext context, RowwisePlan plan, NodeId result) =>
        RowsFollow(plan) && context.PlaceOf(result) is BufferPlace place
        && context.PassesCaches(place.Ref, SizeExpr.Product(plan.Shape) * context.Graph[result].Type.Element.ByteSize());

    private static void Loops(KernelBuilder trial, RowwisePlan plan, int[] symbols, IndexForm[] axes, int axis, Action body)
    {
        if (axis == axes.Length)
        {
            body();
            return;
        }

        trial.Body.For(BodyMath.Index(0), BodyMath.Index(plan.Shape[axis]), 1, false, i =>
        {
            symbols[axis] = trial.Space.SymbolOf(i, SizeExpr.Zero, plan.Shape[axis]);
            axes[axis] = plan.Shape[axis] == SizeExpr.One ? IndexForm.Zero : IndexForm.Of(symbols[axis]);
            Loops(trial, plan, symbols, axes, axis + 1, body);
        });
    }

    private static RowwiseLayout Choose(RowwisePlan plan, IndexSpace space, int[] symbols, HashSet<IndexForm> addresses, HashSet<int> opaque)
    {
        foreach (var address in addresses.Where(space.HasQuotient))
        {
            opaque.UnionWith(space.BaseSymbols(address).Where(s => address.Coefficient(s) == SizeExpr.Zero));
        }

        // The axis along which most accesses are contiguous or the same; among equals the inner one.
        var (lane, best) = (-1, long.MaxValue);
        for (var axis = plan.Shape.Count - 1; axis >= 0; axis--)
        {
            if (plan.Shape[axis] == SizeExpr.One)
            {
                continue;
            }

            long scattered = addresses.Count(a => a.Coefficient(symbols[axis]) is var c && c != SizeExpr.Zero && c != SizeExpr.One);
            var cost = (10 * scattered) + Math.Max(0, GoodLength - (plan.Shape[axis].AsConstant ?? GoodLength));
            if (cost < best)
            {
                (lane, best) = (axis, cost);
            }
        }

        // Without any axis longer than 1 the row is one element.
        lane = lane >= 0 ? lane : plan.Axes[^1];
        var run = new List<int> { lane };
        while (run[0] > 0 && plan.IsReduced(run[0] - 1) == plan.IsReduced(lane) && Merges(run[0] - 1, run[0]))
        {
            run.Insert(0, run[0] - 1);
        }

        var outer = Enumerable.Range(0, plan.Shape.Count).Where(a => !run.Contains(a) && plan.Shape[a] != SizeExpr.One).ToArray();
        return new RowwiseLayout(
            plan.IsReduced(lane), run.ToValueList(), outer.Where(a => !plan.IsReduced(a)).ToValueList(), outer.Where(plan.IsReduced).ToValueList());

        bool Merges(int left, int right) =>
            plan.Shape[left] == SizeExpr.One || plan.Shape[right] == SizeExpr.One
            || (!opaque.Contains(symbols[left]) && !opaque.Contains(symbols[right])
                && addresses.All(a => a.Coefficient(symbols[left]) == a.Coefficient(symbols[right]) * plan.Shape[right]));
    }

    /// <summary>Whether the loops see the reduced elements in row-major order, as far as one lane is concerned.</summary>
    public bool IsInOrder => !AlongRow || OuterReduced.All(a => a < Run[0]);

    public SizeExpr Length(RowwisePlan plan) => SizeExpr.Product(Run.Select(a => plan.Shape[a]));

    public SizeExpr KeptCount(RowwisePlan plan) => SizeExpr.Product(OuterKept.Select(a => plan.Shape[a]));

    public SizeExpr ReducedCount(RowwisePlan plan) => SizeExpr.Product(OuterReduced.Select(a => plan.Shape[a]));

    /// <summary>number = (i_0·n_1 + i_1)·n_2 + … taken apart into the indices of <paramref name="which"/>.</summary>
    public static void Unravel(IndexSpace space, IndexForm number, ValueList<int> which, ValueList<SizeExpr> shape, IndexForm[] axes)
    {
        var left = which.Count(a => shape[a] != SizeExpr.One);
        for (var k = which.Count - 1; k >= 0; k--)
        {
            var axis = which[k];
            if (shape[axis] == SizeExpr.One)
            {
                axes[axis] = IndexForm.Zero;
                continue;
            }

            axes[axis] = --left == 0 ? number : space.Mod(number, shape[axis]);
            number = left == 0 ? number : space.Div(number, shape[axis]);
        }
    }
}
