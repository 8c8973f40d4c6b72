using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>A loop over one axis, or over several that lie one behind the other in every access.</summary>
internal sealed record NestLoop(ValueList<int> Axes, SizeExpr Size);

/// <summary>Which loops a nest has. Made by a trial run: the body is emitted once into a builder that is thrown away, and its addresses are looked at.</summary>
internal sealed record NestPlan(ValueList<SizeExpr> Shape, ValueList<NestLoop> Loops, int Lanes, string Note)
{
    public static NestPlan Of(LoweringContext context, FusionGroup group, ValueList<SizeExpr> shape, IReadOnlyList<NestStore> stores)
    {
        var trial = new KernelBuilder(context, "trial", group);
        trial.AssumePositive(SizeExpr.Product(shape));
        var (addresses, opaque) = (new HashSet<IndexForm>(), new HashSet<int>());
        foreach (var store in stores)
        {
            store.Target.Buffer(trial);
        }

        trial.Values.OnLoad = (_, address) => addresses.Add(address);
        trial.Space.OnOpaque = form => opaque.UnionWith(trial.Space.BaseSymbols(form));
        var symbols = new int[shape.Count];
        trial.Body.Within(false, () =>
        {
            var axes = new IndexForm[shape.Count];
            Nest(0);

            void Nest(int axis)
            {
                if (axis < shape.Count)
                {
                    trial.Body.For(BodyMath.Index(0), BodyMath.Index(shape[axis]), 1, false, i =>
                    {
                        symbols[axis] = trial.Space.SymbolOf(i, SizeExpr.Zero, shape[axis]);
                        axes[axis] = IndexForm.Of(symbols[axis]);
                        Nest(axis + 1);
                    });
                    return;
                }

                var at = new Coords(axes.ToValueList(), 1);
                foreach (var store in stores)
                {
                    trial.Values.Emit(store.Value, at);
                    addresses.Add(ValueEmitter.RowMajor(store.Index(at.Axes), store.Target.Shape));
                }
            }
        });

        var loops = Merge(shape, symbols, trial.Space, addresses, opaque);
        var lanes = LanesFor(context, group, stores, loops.Count == 0 ? SizeExpr.One : loops[^1].Size);
        var note = (loops.Count == 0 ? "one element" : $"{(loops.Count == 1 ? "flat loop" : $"{loops.Count} loops")} over {string.Join(" x ", loops.Select(l => l.Size))}")
            + (lanes > 1 ? $", {lanes} lanes" : "");
        return new NestPlan(shape, loops, lanes, note);
    }

    /// <summary>The indices of the shape's axes, from those of the loops.</summary>
    public Coords Coordinates(IndexSpace space, IndexForm[] loops, int lanes)
    {
        var axes = new IndexForm[Shape.Count];
        Array.Fill(axes, IndexForm.Zero);
        for (var l = 0; l < Loops.Count; l++)
        {
            var number = loops[l];
            for (var k = Loops[l].Axes.Count - 1; k >= 0; k--)
            {
                var axis = Loops[l].Axes[k];
                axes[axis] = k == 0 ? number : space.Mod(number, Shape[axis]);
                number = k == 0 ? number : space.Div(number, Shape[axis]);
            }
        }

        return new Coords(axes.ToValueList(), lanes);
    }

    // Axes a and b = a+1 are one loop of n_a·n_b if every address moves n_b times as far along a as along b, and no index of them is a value.
    private static ValueList<NestLoop> Merge(
        ValueList<SizeExpr> shape, int[] symbols, IndexSpace space, HashSet<IndexForm> addresses, HashSet<int> opaque)
    {
        foreach (var address in addresses)
        {
            if (space.HasQuotient(address))
            {
                opaque.UnionWith(address.Terms.Where(t => space.HasQuotient(IndexForm.Of(t.Symbol))).SelectMany(t => space.BaseSymbols(IndexForm.Of(t.Symbol))));
            }
        }

        var loops = new List<NestLoop>();
        for (var axis = 0; axis < shape.Count; axis++)
        {
            if (shape[axis] == SizeExpr.One)
            {
                continue;
            }

            if (loops.Count > 0 && loops[^1].Axes is var axes && axes[^1] is var last && !opaque.Contains(symbols[last]) && !opaque.Contains(symbols[axis])
                && addresses.All(a => a.Coefficient(symbols[last]) == a.Coefficient(symbols[axis]) * shape[axis]))
            {
                loops[^1] = new NestLoop([.. axes, axis], loops[^1].Size * shape[axis]);
            }
            else
            {
                loops.Add(new NestLoop([axis], shape[axis]));
            }
        }

        return loops.ToValueList();
    }

    // Vectors of 64 bytes of the widest type that is computed with. Indices aside: an i64 beside f32 takes two registers, and that is well.
    private static int LanesFor(LoweringContext context, FusionGroup group, IReadOnlyList<NestStore> stores, SizeExpr inner)
    {
        var (widest, hasIndices) = (1, false);
        foreach (var node in stores.Select(s => s.Value).Concat(group.Members.SelectMany(m => context.Graph[m].Operands.Append(m))))
        {
            var element = context.Graph[node].Type.Element.ComputeType();
            hasIndices |= element == ElementType.I64;
            if (element != ElementType.I64 || stores.Any(s => s.Value == node))
            {
                widest = Math.Max(widest, element.ByteSize());
            }
        }

        var lanes = context.Options.VectorBytes / (hasIndices ? Math.Max(widest, 4) : widest);

        // A short row of constant length takes the vector that fits: 10 elements are 8 and 2.
        while (inner.AsConstant is { } n && lanes > n)
        {
            lanes /= 2;
        }

        return Math.Max(lanes, 1);
    }
}
