using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// A reduction or contraction of one element (or of a vector of elements, one per lane) as loops in the middle of a body: right for small
/// windows, where the lanes run over the results. In row-major order over the reduced axes.
/// </summary>
internal static class InlineReduction
{
    // Windows up to this many elements are written out.
    private const long UnrollLimit = 16;

    public static LoopExpr Reduce(KernelBuilder kernel, ValueEmitter emitter, ReduceNode node, Coords at)
    {
        var shape = kernel.Graph[node.Source].Type.Shape;
        var sizes = node.Axes.Select(a => shape[a]).ToArray();
        Coords Source(IndexForm[] reduced)
        {
            var axes = new IndexForm[shape.Count];
            int next = 0, kept = 0;
            for (var axis = 0; axis < axes.Length; axis++)
            {
                axes[axis] = next < node.Axes.Count && node.Axes[next] == axis ? reduced[next++] : at.Axes[kept++];
            }

            return at.With(axes);
        }

        var element = kernel.Graph[node.Source].Type.Element;
        var lanes = IsVector(kernel, at) ? at.Lanes : 1;
        if (node.Kind is ReduceKind.ArgMax or ReduceKind.ArgMin)
        {
            return ArgBest(kernel, emitter, node, sizes, Source, element, lanes);
        }

        var sum = kernel.Body.Declare(Reducers.Neutral(node.Kind, element, lanes));
        Loops(kernel, sizes, 0, new IndexForm[sizes.Length], reduced =>
        {
            var value = kernel.Body.Splat(emitter.Emit(node.Source, Source(reduced)), lanes);
            kernel.Body.Assign(sum, Reducers.Combine(kernel.Body, node.Kind, sum, value));
        });
        return kernel.Body.Read(sum);
    }

    public static LoopExpr Contract(KernelBuilder kernel, ValueEmitter emitter, ContractNode node, Coords at)
    {
        var sizes = new SortedDictionary<int, SizeExpr>();
        for (var f = 0; f < node.Factors.Count; f++)
        {
            for (var axis = 0; axis < node.Labels[f].Count; axis++)
            {
                sizes[node.Labels[f][axis]] = kernel.Graph[node.Factors[f]].Type.Shape[axis];
            }
        }

        var summed = sizes.Keys.Where(l => !node.Output.Contains(l)).ToArray();
        var lanes = IsVector(kernel, at) ? at.Lanes : 1;
        var body = kernel.Body;
        var element = node.Type.Element;
        var sum = body.Declare(BodyMath.Number(element, 0, lanes));
        Loops(kernel, [.. summed.Select(l => sizes[l])], 0, new IndexForm[summed.Length], reduced =>
        {
            LoopExpr Factor(int f) => body.Cast(
                emitter.Emit(
                    node.Factors[f],
                    at.With(node.Labels[f].Select(l => node.Output.ToList().IndexOf(l) is >= 0 and var o ? at.Axes[o] : reduced[Array.IndexOf(summed, l)]))),
                element);

            var product = Factor(0);
            for (var f = 1; f < node.Factors.Count - 1; f++)
            {
                product = body.Map(MapOp.Mul, element, product, Factor(f));
            }

            product = body.Splat(product, lanes);
            body.Assign(sum, node.Factors.Count == 1
                ? body.Map(MapOp.Add, element, sum, product)
                : body.Fma(product, body.Splat(Factor(node.Factors.Count - 1), lanes), sum));
        });
        return body.Read(sum);
    }

    private static LoopExpr ArgBest(
        KernelBuilder kernel, ValueEmitter emitter, ReduceNode node, SizeExpr[] sizes, Func<IndexForm[], Coords> source, ElementType element, int lanes)
    {
        var body = kernel.Body;
        var best = body.Declare(BodyMath.Number(element, 0, lanes));
        var where = body.Declare(BodyMath.Number(ElementType.I64, -1, lanes));
        Loops(kernel, sizes, 0, new IndexForm[sizes.Length], reduced =>
        {
            var at = source(reduced);
            var value = body.Splat(emitter.Emit(node.Source, at), lanes);
            var number = kernel.Space.ToValue(ValueEmitter.RowMajor(reduced.ToValueList(), sizes.ToValueList()), at.Lanes);
            var better = Reducers.IsBetter(body, node.Kind, element, value, best, where);
            body.Assign(best, body.Select(better, value, best));
            body.Assign(where, body.Select(better, body.Splat(number, lanes), where));
        });
        return body.Read(where);
    }

    private static bool IsVector(KernelBuilder kernel, Coords at) =>
        at.Axes.Any(a => !kernel.Space.IsUniform(a)) || at.Mask is { Type.Lanes: > 1 };

    private static void Loops(KernelBuilder kernel, SizeExpr[] sizes, int axis, IndexForm[] index, Action<IndexForm[]> body)
    {
        if (axis == sizes.Length)
        {
            body(index);
            return;
        }

        var unroll = SizeExpr.Product(sizes).AsConstant <= UnrollLimit;
        kernel.Body.For(BodyMath.Index(0), BodyMath.Index(sizes[axis]), 1, !kernel.IsPositive(sizes[axis]), counter =>
        {
            index[axis] = kernel.Space.Counter(counter, sizes[axis]);
            Loops(kernel, sizes, axis + 1, index, body);
        }, unroll);
    }
}
