using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>A loop over one axis, or over several that lie one behind the other in every access.</summary>
internal sealed record NestLoop(ValueList<int> Axes, SizeExpr Size);

/// <summary>Which loops a nest has. Made by a trial run: the body is emitted once into a builder that is thrown away, and its addresses are looked at.</summary>
/// <param name="Edges">Accesses that may lie outside at the ends of rows, or in the first and last rows.</param>
/// <param name="Across">
/// The loop, not the innermost, along which something is contiguous that the innermost loop strides through: the two are run in square blocks,
/// so that both sides stay in the cache. -1: none.
/// </param>
/// <param name="Side">Of the squares of such a block that are turned over in registers; 1: none.</param>
internal sealed record NestPlan(ValueList<SizeExpr> Shape, ValueList<NestLoop> Loops, int Lanes, ValueList<NestEdge> Edges, int Across, int Side, string Note)
{
    // Strides up to this many elements still share cache lines.
    private const long NearStride = 4;
    private const long SmallAxis = 16;

    /// <summary>The axis of the innermost loop if it is one alone, else -1.</summary>
    public int InnerAxis => Loops.Count > 0 && Loops[^1].Axes.Count == 1 ? Loops[^1].Axes[0] : -1;

    /// <param name="prepare">Binds, in the builder of the trial, what the nodes of the group do not give.</param>
    public static NestPlan Of(
        LoweringContext context, FusionGroup group, ValueList<SizeExpr> shape, IReadOnlyList<NestStore> stores, Action<KernelBuilder>? prepare = null)
    {
        var trial = new KernelBuilder(context, "trial", group);
        prepare?.Invoke(trial);
        trial.AssumePositive(SizeExpr.Product(shape));
        var (addresses, opaque) = (new HashSet<IndexForm>(), new HashSet<int>());
        foreach (var store in stores)
        {
            store.Target.Buffer(trial);
        }

        trial.Values.OnLoad = (_, address) => addresses.Add(address);
        trial.Space.OnOpaque = form => opaque.UnionWith(trial.Space.BaseSymbols(form));
        var symbols = new int[shape.Count];
        Array.Fill(symbols, -1);
        var guards = new List<(IndexForm Form, SizeExpr Size)>();
        trial.OnGuard = (form, size) => guards.Add((form, size));
        trial.Body.Within(false, () =>
        {
            var axes = new IndexForm[shape.Count];
            Nest(0);

            void Nest(int axis)
            {
                if (axis < shape.Count && shape[axis] == SizeExpr.One)
                {
                    axes[axis] = IndexForm.Zero;
                    Nest(axis + 1);
                    return;
                }

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
        var innerAxis = loops.Count > 0 && loops[^1].Axes.Count == 1 ? loops[^1].Axes[0] : -1;
        ValueList<NestEdge> edges = loops.Count == 0 ? [] : guards.Select(g => NestEdge.Of(trial.Space, g.Form, g.Size, symbols, innerAxis)).OfType<NestEdge>().Distinct().ToValueList();
        var across = edges.Count > 0 ? -1 : FindAcross(loops, symbols, addresses);

        // A register of elements is a side, as long as the rows take half of all registers; of bytes, 16 are enough.
        var options = context.Options;
        var side = across < 0 ? 1 : Math.Min(lanes * options.RegisterBytes / options.VectorBytes, lanes == options.VectorBytes ? 16 : options.Registers / 2);
        var note = (loops.Count == 0 ? "one element" : $"{(loops.Count == 1 ? "flat loop" : $"{loops.Count} loops")} over {string.Join(" x ", loops.Select(l => l.Size))}")
            + (lanes > 1 ? $", {lanes} lanes" : "")
            + (edges.Count > 0 ? ", edges apart" : "")
            + (across >= 0 ? $", loops {across} and {loops.Count - 1} in square blocks" : "")
            + (side > 1 ? $", {side} x {side} in registers" : "");
        return new NestPlan(shape, loops, lanes, edges, across, side, note);
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

    // A loop b for which some address has stride 1 along b, and a far one along the innermost loop.
    private static int FindAcross(ValueList<NestLoop> loops, int[] symbols, HashSet<IndexForm> addresses)
    {
        if (loops.Count < 2 || loops[^1].Size.AsConstant < SmallAxis)
        {
            return -1;
        }

        SizeExpr Stride(IndexForm address, NestLoop loop) => address.Coefficient(symbols[loop.Axes[^1]]);
        foreach (var address in addresses)
        {
            var inner = Stride(address, loops[^1]);
            for (var l = 0; inner != SizeExpr.Zero && !(Math.Abs(inner.AsConstant ?? long.MaxValue) <= NearStride) && l < loops.Count - 1; l++)
            {
                if (Stride(address, loops[l]) == SizeExpr.One && !(loops[l].Size.AsConstant < SmallAxis))
                {
                    return l;
                }
            }
        }

        return -1;
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
