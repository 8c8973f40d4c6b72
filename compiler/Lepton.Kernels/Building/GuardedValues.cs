using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// Several nodes' values for one vector of elements. Where accesses may lie outside, it is asked once for the whole vector whether they do:
/// <code>
/// if first lane ≥ 0 and last lane &lt; n: plain loads    else: masks, clamps, gathers
/// </code>
/// </summary>
internal static class GuardedValues
{
    public static LoopExpr[] Emit(KernelBuilder kernel, IReadOnlyList<(NodeId Node, Coords At)> wanted)
    {
        LoopExpr[] All() => [.. wanted.Select(w => kernel.Values.Emit(w.Node, w.At))];
        LoopExpr[] AllInside(HashSet<(IndexForm Form, SizeExpr Size)> inside)
        {
            kernel.AssumedInside = (form, size) => inside.Contains((form, size));
            var values = All();
            kernel.AssumedInside = null;
            return values;
        }

        if (!HasGuards(kernel) || wanted.Any(w => w.At.Mask is not null || w.At.Lanes == 1) || kernel.AssumedInside is not null)
        {
            return All();
        }

        var shapes = Array.Empty<LoopExpr>();
        var inside = Guards(kernel, () => shapes = All());
        if (inside.Count == 0)
        {
            return All();
        }

        var body = kernel.Body;
        var holds = Hold(kernel, inside, wanted[0].At.Lanes);

        // A value may be the same in all lanes in one branch only: an index that wraps around an axis of size 1 is.
        var plain = Array.Empty<LoopExpr>();
        body.Within(true, () => plain = AllInside(inside));
        var values = shapes.Zip(plain, (s, p) => body.Declare(BodyMath.Number(s.Type.Element, 0, Math.Max(s.Type.Lanes, p.Type.Lanes)))).ToArray();

        // What the careful branch remembers holds everywhere, what the other remembers does not: so it comes first.
        body.If(body.Not(holds), () => Assign(All()), () => Assign(AllInside(inside)));
        return [.. values.Select(v => body.Read(v))];

        void Assign(LoopExpr[] found)
        {
            for (var i = 0; i < found.Length; i++)
            {
                body.Assign(values[i], body.Splat(found[i], values[i].Type.Lanes));
            }
        }
    }

    /// <summary>
    /// Writes code twice, the question asked before it: for accesses that may lie outside, and for accesses that do not. Once when there are none
    /// that can be asked about here.
    /// </summary>
    public static void Branch(KernelBuilder kernel, int lanes, Action emit)
    {
        var inside = kernel.AssumedInside is null ? Guards(kernel, emit) : [];
        if (inside.Count == 0)
        {
            emit();
            return;
        }

        kernel.Body.If(kernel.Body.Not(Hold(kernel, inside, lanes)), emit, () =>
        {
            kernel.AssumedInside = (form, size) => inside.Contains((form, size));
            emit();
            kernel.AssumedInside = null;
        });
    }

    // Written once, and thrown away, to see which accesses there are.
    private static HashSet<(IndexForm Form, SizeExpr Size)> Guards(KernelBuilder kernel, Action emit)
    {
        var (outer, guards) = (kernel.OnGuard, new List<(IndexForm Form, SizeExpr Size)>());
        kernel.OnGuard = (form, size) => guards.Add((form, size));
        kernel.Body.Within(true, emit);
        kernel.OnGuard = outer;
        return guards.Distinct().Where(g => IsRegular(kernel.Space, g.Form)).ToHashSet();
    }

    // Whether the first and the last lane of each access lie inside.
    private static LoopExpr Hold(KernelBuilder kernel, HashSet<(IndexForm Form, SizeExpr Size)> inside, int lanes)
    {
        var body = kernel.Body;
        LoopExpr? holds = null;
        foreach (var (form, size) in inside)
        {
            var start = kernel.Space.ToScalar(IndexForm.From(form.Offset, form.Terms, SizeExpr.Zero));
            var end = form.Lane == SizeExpr.Zero ? start : body.Add(start, BodyMath.Index(form.Lane * (lanes - 1)));
            var (low, high) = form.Lane.IsProvablyNonNegative() ? (start, end) : (end, start);
            holds = body.And(holds, body.And(
                body.Map(MapOp.GreaterEqual, ElementType.Bool, low, BodyMath.Index(0)),
                body.Less(high, BodyMath.Index(size))));
        }

        return holds!;
    }

    // Lanes in equal steps of a known sign, and nothing of loops inside the value.
    private static bool IsRegular(IndexSpace space, IndexForm form) => !space.HasVector(form) && form.Lane.IsConstant && space.IsVisible(form);

    private static bool HasGuards(KernelBuilder kernel) => kernel.Group.Members.Any(m => kernel.Graph[m] switch
    {
        ViewNode view => view.Access.Any(a => a.Outside != Outside.Never),
        GatherNode gather => gather.Access.Any(a => a.Outside != Outside.Never && a.Data < 0),
        _ => false,
    });
}
