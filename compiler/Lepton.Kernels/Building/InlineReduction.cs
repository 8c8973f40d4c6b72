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

    public static LoopExpr Reduce(KernelBuilder kernel, ValueEmitter emitter, ReduceNode node, NodeId id, Coords at)
    {
        var shape = kernel.Graph[node.Source].Type.Shape;
        var sizes = node.Axes.Select(a => shape[a]).ToArray();
        var lanes = IsVector(kernel, at) ? at.Lanes : 1;
        return node.Kind is ReduceKind.ArgMax or ReduceKind.ArgMin
            ? ArgBest(kernel, emitter, node, sizes, reduced => Source(node, shape.Count, at, reduced), kernel.Graph[node.Source].Type.Element, lanes)
            : Sum(kernel, id, sizes, at, lanes);
    }

    public static LoopExpr Contract(KernelBuilder kernel, ContractNode node, NodeId id, Coords at)
    {
        var sizes = Sizes(kernel.Graph, node);
        return Sum(kernel, id, [.. Summed(node, sizes).Select(l => sizes[l])], at, IsVector(kernel, at) ? at.Lanes : 1);
    }

    /// <summary>What a reduction (no argmax, no argmin) or contraction starts from, as a mutable variable.</summary>
    public static VariableExpr Start(KernelBuilder kernel, NodeId id, int lanes) => kernel.Body.Declare(kernel.Graph[id] is ReduceNode reduce
        ? Reducers.Neutral(reduce.Kind, kernel.Graph[reduce.Source].Type.Element, lanes)
        : BodyMath.Number(kernel.Graph[id].Type.Element, 0, lanes));

    /// <summary>Takes what stands at one place of the summed axes into the sum.</summary>
    /// <param name="at">Of the result.</param>
    /// <param name="reduced">The indices of the summed axes, in the order of the source's axes or of the labels.</param>
    public static void Step(KernelBuilder kernel, NodeId id, Coords at, IndexForm[] reduced, VariableExpr sum)
    {
        var (body, emitter, lanes) = (kernel.Body, kernel.Values, sum.Type.Lanes);
        if (kernel.Graph[id] is ReduceNode reduce)
        {
            var value = body.Splat(emitter.Emit(reduce.Source, Source(reduce, kernel.Graph[reduce.Source].Type.Rank, at, reduced)), lanes);
            body.Assign(sum, Reducers.Combine(body, reduce.Kind, sum, value));
            return;
        }

        var node = (ContractNode)kernel.Graph[id];
        var (element, output, summed) = (node.Type.Element, node.Output.ToList(), Summed(node, Sizes(kernel.Graph, node)));
        LoopExpr Factor(int f) => body.Cast(
            emitter.Emit(node.Factors[f], at.With(node.Labels[f].Select(l => output.IndexOf(l) is >= 0 and var o ? at.Axes[o] : reduced[Array.IndexOf(summed, l)]))),
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
    }

    private static LoopExpr Sum(KernelBuilder kernel, NodeId id, SizeExpr[] sizes, Coords at, int lanes)
    {
        if (lanes == 1 && kernel.InnerLanes > 1 && sizes.Length > 0)
        {
            return InLanes(kernel, id, sizes, at);
        }

        var sum = Start(kernel, id, lanes);
        Loops(kernel, sizes, 0, new IndexForm[sizes.Length], reduced => Step(kernel, id, at, reduced, sum));
        return kernel.Body.Read(sum);
    }

    // The last summed axis in lanes, which are combined at the end; what is left over one by one.
    private static LoopExpr InLanes(KernelBuilder kernel, NodeId id, SizeExpr[] sizes, Coords at)
    {
        var (body, lanes, size) = (kernel.Body, kernel.InnerLanes, sizes[^1]);
        var (vector, sum) = (Start(kernel, id, lanes), Start(kernel, id, 1));
        Loops(kernel, sizes[..^1], 0, new IndexForm[sizes.Length], index =>
        {
            var whole = size - SizeExpr.Mod(size, lanes);
            body.For(BodyMath.Index(0), BodyMath.Index(whole), lanes, mayBeEmpty: true, k =>
            {
                index[^1] = kernel.Space.Counter(k, size, vectorised: true);
                Step(kernel, id, new Coords(at.Axes, lanes, at.Mask), index, vector);
            });
            if (whole != size)
            {
                body.For(BodyMath.Index(whole), BodyMath.Index(size), 1, mayBeEmpty: true, k =>
                {
                    index[^1] = kernel.Space.Counter(k, size);
                    Step(kernel, id, at, index, sum);
                });
            }
        });
        var kind = kernel.Graph[id] is ReduceNode reduce ? reduce.Kind : ReduceKind.Sum;
        return Reducers.Combine(body, kind, body.LaneReduce(kind, body.Read(vector)), body.Read(sum));
    }

    /// <summary>Where a reduction reads, for one of its results and one place of the reduced axes.</summary>
    public static Coords Source(ReduceNode node, int rank, Coords at, IndexForm[] reduced)
    {
        var axes = new IndexForm[rank];
        int next = 0, kept = 0;
        for (var axis = 0; axis < axes.Length; axis++)
        {
            axes[axis] = next < node.Axes.Count && node.Axes[next] == axis ? reduced[next++] : at.Axes[kept++];
        }

        return at.With(axes);
    }

    private static SortedDictionary<int, SizeExpr> Sizes(Graph graph, ContractNode node)
    {
        var sizes = new SortedDictionary<int, SizeExpr>();
        for (var f = 0; f < node.Factors.Count; f++)
        {
            for (var axis = 0; axis < node.Labels[f].Count; axis++)
            {
                sizes[node.Labels[f][axis]] = graph[node.Factors[f]].Type.Shape[axis];
            }
        }

        return sizes;
    }

    private static int[] Summed(ContractNode node, SortedDictionary<int, SizeExpr> sizes) => [.. sizes.Keys.Where(l => !node.Output.Contains(l))];

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
