using System.Numerics;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Contractions, reductions and sorts of the interpreter.</summary>
internal static class EvaluateReduce
{
    /// <summary>Σ over the labels that are not in the output, in order of their first appearance, of the products.</summary>
    public static TensorValue Contract(Run run, ContractNode node, long[] shape, TensorValue[] factors)
    {
        var labels = node.Output.Concat(node.Labels.SelectMany(l => l)).Distinct().ToArray();
        var sizes = new long[labels.Length];
        var strides = factors.Select(_ => new long[labels.Length]).ToArray();
        for (var k = 0; k < factors.Length; k++)
        {
            long stride = 1;
            for (var axis = node.Labels[k].Count - 1; axis >= 0; axis--)
            {
                var at = Array.IndexOf(labels, node.Labels[k][axis]);
                sizes[at] = factors[k].Shape[axis];
                strides[k][at] = stride;
                stride *= factors[k].Shape[axis];
            }
        }

        if (!sizes.AsSpan(0, shape.Length).SequenceEqual(shape))
        {
            throw new CompilerBugException("interpreter", $"{GraphText.Describe(node)}: labels give another shape than [{string.Join(", ", shape)}]");
        }

        var element = node.Type.Element;
        if (element.IsFloat())
        {
            var floats = Contract(run, shape.Length, sizes, strides, factors.Select(f => f.Floats!).ToArray());
            return TensorValue.Own(element, shape, Array.ConvertAll(floats, x => Scalar.Round(element, x)));
        }

        var integers = Contract(run, shape.Length, sizes, strides, factors.Select(f => f.Integers!).ToArray());
        return TensorValue.Own(element, shape, Array.ConvertAll(integers, x => Scalar.Wrap(element, x)));
    }

    public static TensorValue Reduce(ReduceNode node, long[] shape, TensorValue source)
    {
        var rank = source.Shape.Length;
        var to = new long[rank];
        var within = new long[rank];
        long toStride = 1;
        long withinStride = 1;
        for (var axis = rank - 1; axis >= 0; axis--)
        {
            var reduced = node.Axes.Contains(axis);
            to[axis] = reduced ? 0 : toStride;
            within[axis] = reduced ? withinStride : 0;
            toStride *= reduced ? 1 : source.Shape[axis];
            withinStride *= reduced ? source.Shape[axis] : 1;
        }

        if (node.Kind is ReduceKind.ArgMax or ReduceKind.ArgMin)
        {
            return ArgBest(node.Kind == ReduceKind.ArgMax, shape, source, to, within);
        }

        var element = node.Type.Element;
        if (element.IsFloat())
        {
            var floats = new double[TensorValue.CountOf(shape)];
            var (start, combine) = FloatReducer(node.Kind);
            Array.Fill(floats, start);
            ForEach(source.Shape, to, within, (e, at, _) => floats[at] = combine(floats[at], source.Floats![e]));
            return TensorValue.Own(element, shape, Array.ConvertAll(floats, x => Scalar.Round(element, x)));
        }

        var integers = new long[TensorValue.CountOf(shape)];
        var (first, both) = IntegerReducer(node.Kind, element);
        Array.Fill(integers, first);
        ForEach(source.Shape, to, within, (e, at, _) => integers[at] = both(integers[at], source.Integers![e]));
        return TensorValue.Own(element, shape, Array.ConvertAll(integers, x => Scalar.Wrap(element, x)));
    }

    public static TensorValue Sort(SortNode node, TensorValue source)
    {
        var shape = source.Shape;
        var length = (int)shape[node.Axis];
        var inner = TensorValue.CountOf(shape.AsSpan(node.Axis + 1));
        var numbers = Evaluator.New(node.Type.Element, shape);
        var order = new int[length];
        for (var row = 0; row < (length == 0 ? 0 : source.Count / length); row++)
        {
            var start = (row / inner * inner * length) + (row % inner);
            int Compare(int i, int j)
            {
                var (x, y) = (start + (i * inner), start + (j * inner));
                int order;
                if (source.Floats is { } floats)
                {
                    // nan is behind everything in both directions; -0.0 equals 0.0.
                    var (a, b) = (floats[x], floats[y]);
                    order = double.IsNaN(a) || double.IsNaN(b) ? double.IsNaN(a).CompareTo(double.IsNaN(b)) : (node.Descending ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0);
                }
                else
                {
                    order = (node.Descending ? -1 : 1) * source.Integers![x].CompareTo(source.Integers[y]);
                }

                return order != 0 ? order : i.CompareTo(j);
            }

            for (var i = 0; i < length; i++)
            {
                order[i] = i;
            }

            Array.Sort(order, Compare);
            for (var i = 0; i < length; i++)
            {
                if (node.Indices)
                {
                    ((long[])numbers)[start + (i * inner)] = order[i];
                }
                else
                {
                    Array.Copy((Array?)source.Floats ?? source.Integers!, start + (order[i] * inner), numbers, start + (i * inner), 1);
                }
            }
        }

        return TensorValue.Own(node.Type.Element, shape, numbers);
    }

    private static T[] Contract<T>(Run run, int outputs, long[] sizes, long[][] strides, T[][] factors)
        where T : struct, INumber<T>
    {
        var result = new T[TensorValue.CountOf(sizes.AsSpan(0, outputs))];
        var summed = TensorValue.CountOf(sizes.AsSpan(outputs));
        var index = new long[sizes.Length];
        var at = new long[factors.Length];
        for (var e = 0; e < result.Length; e++)
        {
            var sum = T.Zero;
            for (var s = 0; s < summed; s++)
            {
                run.Breathe(s);
                var product = factors[0][at[0]];
                for (var k = 1; k < factors.Length; k++)
                {
                    product *= factors[k][at[k]];
                }

                sum += product;
                Advance(index, sizes, outputs, sizes.Length, at, strides);
            }

            result[e] = sum;
            Advance(index, sizes, 0, outputs, at, strides);
        }

        return result;
    }

    // One step of the axes first … end-1 in row-major order; behind the last element it starts again.
    private static void Advance(long[] index, long[] sizes, int first, int end, long[] at, long[][] strides)
    {
        for (var axis = end - 1; axis >= first; axis--)
        {
            var wraps = ++index[axis] == sizes[axis];
            for (var k = 0; k < at.Length; k++)
            {
                at[k] += wraps ? -strides[k][axis] * (sizes[axis] - 1) : strides[k][axis];
            }

            if (!wraps)
            {
                return;
            }

            index[axis] = 0;
        }
    }

    private static TensorValue ArgBest(bool largest, long[] shape, TensorValue source, long[] to, long[] within)
    {
        var best = new long[TensorValue.CountOf(shape)];
        var where = new int[best.Length];
        Array.Fill(best, -1);

        // The first nan beats everything, and nothing beats it.
        bool Beats(int e, int held)
        {
            if (source.Floats is not { } x)
            {
                return largest ? source.Integers![e] > source.Integers[held] : source.Integers![e] < source.Integers[held];
            }

            return !double.IsNaN(x[held]) && (double.IsNaN(x[e]) || (largest ? x[e] > x[held] : x[e] < x[held]));
        }

        ForEach(source.Shape, to, within, (e, at, number) =>
        {
            if (best[at] < 0 || Beats(e, where[at]))
            {
                (best[at], where[at]) = (number, e);
            }
        });
        return TensorValue.Own(ElementType.I64, shape, best);
    }

    // Calls with the element's number, that of its result, and its number among the reduced.
    private static void ForEach(long[] shape, long[] to, long[] within, Action<int, long, long> action)
    {
        var count = TensorValue.CountOf(shape);
        var index = new long[shape.Length];
        var at = new long[2];
        long[][] strides = [to, within];
        for (var e = 0; e < count; e++)
        {
            action(e, at[0], at[1]);
            Advance(index, shape, 0, shape.Length, at, strides);
        }
    }

    private static (double Start, Func<double, double, double> Combine) FloatReducer(ReduceKind kind) => kind switch
    {
        ReduceKind.Sum => (0, static (x, y) => x + y),
        ReduceKind.Prod => (1, static (x, y) => x * y),
        ReduceKind.Max => (double.NegativeInfinity, Math.Max),
        ReduceKind.Min => (double.PositiveInfinity, Math.Min),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static (long Start, Func<long, long, long> Combine) IntegerReducer(ReduceKind kind, ElementType element) => kind switch
    {
        ReduceKind.Sum => (0, static (x, y) => unchecked(x + y)),
        ReduceKind.Prod => (1, static (x, y) => unchecked(x * y)),
        ReduceKind.Max => (IntegerMeaning.Range(element).Low, Math.Max),
        ReduceKind.Min => (IntegerMeaning.Range(element).High, Math.Min),
        ReduceKind.Any => (0, static (x, y) => x | y),
        ReduceKind.All => (1, static (x, y) => x & y),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
