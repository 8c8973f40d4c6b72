using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>
/// What has strategies of its own: products of matrices, convolutions, pools. Axes of 0 to 67 elements. A piece that does not come to a
/// meaningful end leaves what it has made so far.
/// </summary>
internal sealed partial class RandomGraphMaker
{
    // Around the widths of vectors and of register tiles; most of the time any size up to 67.
    private static readonly long[] EdgeSizes = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67];

    /// <summary>A piece of a network, and now and then something behind it.</summary>
    private void Network()
    {
        switch (options.Winograd && Chance(2) ? 2 : _random.Next(10))
        {
            case 0:
            case 1:
                MatrixProduct();
                break;
            case 2:
            case 3:
                Convolution();
                break;
            case 4:
                Pool();
                break;
            case 5:
                Attention();
                break;
            case 6:
                Rows();
                break;
            case 7:
                Cell();
                break;
            case 8:
                Chain();
                break;
            case 9 when Chance(3):
                Columns();
                break;
            default:
                Moves();
                break;
        }
    }

    /// <summary>A size of at most <paramref name="most"/>, at times as a variable; 0 is rare.</summary>
    private SizeExpr Axis(long most, bool maySymbol = true)
    {
        var fitting = maySymbol ? _sizes.Where(s => s.Value <= most).ToList() : [];
        if (fitting.Count > 0 && Chance(2))
        {
            return SizeExpr.Variable(Pick(fitting).Key);
        }

        var size = options.Axis is { } wanted && _random.Next(2) == 0 ? wanted
            : Chance(40) ? 0 : Chance(3) ? _random.NextInt64(1, 68) : Pick(EdgeSizes);
        return size <= most ? size : _random.NextInt64(1, Math.Max(1, most) + 1);
    }

    private ElementType FloatElement() => Pick([ElementType.F32, ElementType.F32, ElementType.F32, ElementType.F64, ElementType.F16, ElementType.BF16]);

    private RandomValue Small(ElementType element, params SizeExpr[] shape) => NewInput(element, shape.ToValueList(), _ => _random.Next(-6, 7) / 4.0);

    private RandomValue? Repeated(RandomValue? small, ValueList<SizeExpr> shape, params int[] axes) => small is null
        ? null : Move(new ViewNode(small.Type with { Shape = shape }, small.Id, axes.Select(AxisAccess.Axis).ToValueList(), null), small);

    private RandomValue? Then(MapOp op, params RandomValue?[] arguments) => arguments.All(a => a is not null) ? Map(op, [.. arguments.Select(a => a!)]) : null;

    private RandomValue? Number(double value, RandomValue like) => Leaf(new SplatNode(like.Type, Scalar.Float(like.Element, value)));

    private RandomValue? Reduced(ReduceKind kind, RandomValue? source, params int[] axes)
    {
        if (source is null)
        {
            return null;
        }

        var kept = source.Type.Shape.Where((_, a) => !axes.Contains(a)).ToValueList();
        var count = axes.Aggregate(1L, (n, a) => n * Concrete(source.Type.Shape[a]));
        return Try(
            new ReduceNode(new TensorType(kind is ReduceKind.ArgMax or ReduceKind.ArgMin ? ElementType.I64 : source.Element, kept), kind, source.Id, [.. axes]),
            [source],
            result => Exactness.Reduce(kind, source, Math.Max(count, 1), result));
    }

    private RandomValue? Product(RandomValue a, ValueList<int> labelsA, RandomValue b, ValueList<int> labelsB, ValueList<int> output)
    {
        var sizes = labelsA.Zip(a.Type.Shape).Concat(labelsB.Zip(b.Type.Shape)).DistinctBy(p => p.First).ToDictionary(p => p.First, p => p.Second);
        var summed = sizes.Where(s => !output.Contains(s.Key)).Aggregate(1L, (n, s) => n * Concrete(s.Value));
        var type = new TensorType(a.Element, output.Select(l => sizes[l]).ToValueList());
        return Try(
            new ContractNode(type, [a.Id, b.Id], [labelsA, labelsB], output), [a, b], result => Contracted(a.Element, [a, b], Math.Max(summed, 1), result));
    }

    // Another algorithm than the sum as written may be taken: Winograd's rounds up to 64 times as much.
    private double? Contracted(ElementType element, RandomValue[] factors, long count, TensorValue result)
    {
        var written = Exactness.Sum(element, factors, count, result);
        return written is null || !options.Winograd || !element.IsFloat() || factors.Any(f => !f.IsFinite) ? written
            : written + (128 * Exactness.Roundoff(element.ComputeType()) * count * factors.Aggregate(1.0, (p, f) => p * f.Largest))
                + (2 * Exactness.Rounding(element, Exactness.Largest(result)));
    }

    private T[] Shuffled<T>(params T[] list)
    {
        if (Chance(2))
        {
            _random.Shuffle(list);
        }

        return list;
    }

    // Batches, rows, columns and sums of one or two axes each, in any order: transposed operands and results.
    private void MatrixProduct()
    {
        var element = Chance(4) ? Pick([ElementType.I32, ElementType.I32, ElementType.I32, ElementType.I64, ElementType.U8]) : FloatElement();
        long left = 60_000;
        var sizes = new List<SizeExpr>();
        int[] Labels(int most, long largest)
        {
            var made = new int[_random.Next(most + 1)];
            for (var i = 0; i < made.Length; i++)
            {
                var size = Axis(Math.Min(largest, left));
                left /= Math.Max(1, Concrete(size));
                (made[i], sizes) = (sizes.Count, [.. sizes, size]);
            }

            return made;
        }

        var (n, k, m) = (Labels(1, 67), Labels(2, 67), Labels(2, 67));
        (n, m) = Chance(2) ? (n, m) : (m, n);
        var batch = Labels(1, 4);
        int[] labelsA = Shuffled([.. batch, .. m, .. k]), labelsB = Shuffled([.. Chance(4) ? [] : batch, .. k, .. n]);

        // Sums in i32 of narrower numbers are multiplied in pairs.
        var narrow = element == ElementType.I32 && !Chance(4) ? Pick([ElementType.I8, ElementType.U8, ElementType.I16, ElementType.Bool]) : element;
        RandomValue? Side(int[] labels) => CastTo(NewInput(narrow, labels.Select(l => sizes[l]).ToValueList()), element);
        if (Side(labelsA) is not { } a || Side(labelsB) is not { } b)
        {
            return;
        }

        a = Chance(4) ? Then(Pick([MapOp.Neg, MapOp.Abs]), a) ?? a : a;
        var (f, g) = Chance(2) ? ((a, labelsA), (b, labelsB)) : ((b, labelsB), (a, labelsA));
        Behind(Product(f.Item1, [.. f.Item2], g.Item1, [.. g.Item2], [.. Shuffled([.. batch, .. m, .. n])]));
    }

    // Bias along some axis, activation, residual.
    private void Behind(RandomValue? value)
    {
        if (value is not null && value.Type.Rank > 0 && value.Element.IsFloat() && Chance(2))
        {
            var axis = _random.Next(value.Type.Rank);
            var bias = Small(value.Element, value.Type.Shape[axis]);
            value = Then(MapOp.Add, value, Repeated(bias, value.Type.Shape, axis)) ?? value;
        }

        if (value is not null && value.Element.IsFloat() && Chance(2))
        {
            value = Chance(3) ? Then(MapOp.Tanh, value) : Then(MapOp.Max, value, Number(0, value));
        }

        if (value is not null && value.Element != ElementType.Bool && Chance(3))
        {
            value = Then(MapOp.Add, value, NewInput(value.Element, value.Type.Shape));
        }

        if (value is not null && Chance(6))
        {
            CastTo(value, Pick([ElementType.F16, ElementType.F32, ElementType.F64]));
        }
    }

    // y[b, o, i, j] = Σ x[b, g, c, s·i + d·p - pad, …] · w[o, g?, c, p, q], over one or two axes of an image; outside of it something else.
    private void Convolution()
    {
        var element = FloatElement();
        var (axes, groups) = (Chance(3) && !options.Winograd ? 1 : 2, Chance(3) ? 2 + _random.Next(3) : 1);
        var (channels, results, batch) = (1 + _random.Next(Chance(2) ? 3 : 9), 1 + _random.Next(Chance(2) ? 4 : 9), Chance(3) ? 2 : 1);
        var isGrouped = groups > 1;
        var depthwise = isGrouped && Chance(2);
        (channels, results) = depthwise ? (1, 1 + (_random.Next(3) / 2)) : (channels, results);
        groups = depthwise ? Pick([3, 7, 8, 16, 17]) : groups;
        long room = 40_000 / (batch * groups * channels);
        var taps = Enumerable.Range(0, axes).Select(_ => options.Winograd ? 3L : Pick([1L, 2, 3, 3, 3, 5])).ToArray();
        var (image, windows, shape) = (new List<SizeExpr>(), new List<AxisAccess>(), new List<SizeExpr>());
        var most = axes == 1 ? 67 : Math.Max(2, (long)Math.Sqrt(room / taps.Aggregate(1L, (a, b) => a * b)));
        var mode = options.Winograd ? Outside.Fill : Pick([Outside.Fill, Outside.Fill, Outside.Fill, Outside.Clamp, Outside.Wrap, Outside.Reflect]);
        for (var a = 0; a < axes; a++)
        {
            var (stride, dilation, pad) = options.Winograd || Chance(2) ? (1, 1, 1) : (1 + _random.Next(3), 1 + _random.Next(2), _random.Next(3));
            var size = Axis(Math.Min(most, 67), maySymbol: a == 0);
            var output = Chance(options.Winograd ? 6 : 3) ? Axis(Math.Min(most, 67), maySymbol: false) : stride == 1 ? size : SizeExpr.CeilDiv(size, stride);

            // Clamp, wrap and reflect need an axis that is known not to be empty.
            var outside = size.AsConstant > 0 || output == size ? mode : Outside.Fill;
            windows.Add(new AxisAccess(-pad, [new AffineTerm(3 + a, stride), new AffineTerm(3 + axes + a, dilation)], outside));
            image.Add(size);
            shape.Add(output);
        }

        var x = NewInput(element, [batch, groups, channels, .. image], _ => _random.Next(-6, 7) / 4.0);
        var space = new TensorType(element, [batch, groups, channels, .. shape, .. taps.Select(SizeExpr.Constant)]);
        Scalar? fill = windows.Any(a => a.Outside == Outside.Fill) ? Scalar.Float(element, Chance(4) ? 1 : 0) : null;
        var view = Move(new ViewNode(space, x.Id, [AxisAccess.Axis(0), AxisAccess.Axis(1), AxisAccess.Axis(2), .. windows], fill), x);
        if (view is null)
        {
            return;
        }

        // Labels: 0 batch, 1 group, 2 channel, 3 … places, then taps, then results.
        var places = Enumerable.Range(3, axes).ToArray();
        var tapLabels = Enumerable.Range(3 + axes, axes).ToArray();
        var last = 3 + (2 * axes);
        int[] labelsW = [.. isGrouped ? [1] : Array.Empty<int>(), last, 2, .. tapLabels];
        SizeExpr[] sizesW = [.. isGrouped ? [groups] : Array.Empty<SizeExpr>(), results, channels, .. taps.Select(SizeExpr.Constant)];
        var w = NewInput(element, sizesW.ToValueList(), _ => _random.Next(-6, 7) / 4.0);
        int[] output2 = Chance(3) ? [0, .. places, 1, last] : [0, 1, last, .. places];
        ValueList<int> labelsX = [0, 1, 2, .. places, .. tapLabels];
        Behind(Chance(2)
            ? Product(view, labelsX, w, [.. labelsW], [.. output2])
            : Product(w, [.. labelsW], view, labelsX, [.. output2]));
    }

    // A reduction over windows of an image, one or two axes, with or without overlap.
    private void Pool()
    {
        var element = Chance(4) ? Pick([ElementType.I32, ElementType.U8]) : FloatElement();
        var axes = Chance(3) ? 1 : 2;
        SizeExpr channels = 1 + _random.Next(5);
        var (image, shape, access, taps) = (new List<SizeExpr>(), new List<SizeExpr>(), new List<AxisAccess> { AxisAccess.Axis(0) }, new List<SizeExpr>());
        for (var a = 0; a < axes; a++)
        {
            var (taken, stride, pad) = (1 + _random.Next(4), 1 + _random.Next(3), _random.Next(2));
            var size = Axis(axes == 1 ? 67 : 33);
            image.Add(size);
            taps.Add(taken);
            shape.Add(SizeExpr.CeilDiv(size, stride));
            access.Add(new AxisAccess(-pad, [new AffineTerm(1 + a, stride), new AffineTerm(1 + axes + a, 1)], Outside.Fill));
        }

        var x = Chance(2) ? NewInput(element, [channels, .. image]) : Then(MapOp.Abs, NewInput(element, [channels, .. image]));
        if (x is null)
        {
            return;
        }

        var space = new TensorType(element, [channels, .. shape, .. taps]);
        var windows = Move(new ViewNode(space, x.Id, access.ToValueList(), Scalar.Of(element, 0)), x);
        var pooled = Reduced(Pick([ReduceKind.Max, ReduceKind.Max, ReduceKind.Sum, ReduceKind.Min, ReduceKind.ArgMax]), windows, [.. Enumerable.Range(1 + axes, axes)]);
        Behind(pooled);
    }

    // Sums along many lines.
    private void Columns()
    {
        var element = Pick([ElementType.F32, ElementType.F64, ElementType.I32]);
        var x = NewInput(element, [_random.Next(16, 68), _random.Next(100, 300)]);
        Reduced(Pick([ReduceKind.Sum, ReduceKind.Max, ReduceKind.Min]), x, 0);
    }

    // Whole copies in another order, joined pieces, and long straight work: squares in registers, streamed stores, edges apart.
    private void Moves()
    {
        var element = RandomElement();
        var rank = 2 + _random.Next(2);
        var shape = Enumerable.Range(0, rank).Select(i => Axis(rank == 2 ? 67 : i == 0 ? 4 : 33)).ToArray();
        var x = NewInput(element, shape.ToValueList());
        var order = Enumerable.Range(0, rank).ToArray();
        _random.Shuffle(order);

        // Result axis order[a] runs along the source's axis a.
        var turned = new SizeExpr[rank];
        for (var a = 0; a < rank; a++)
        {
            turned[order[a]] = shape[a];
        }

        var copy = Move(new ViewNode(new TensorType(element, turned.ToValueList()), x.Id, order.Select(AxisAccess.Axis).ToValueList(), null), x);
        if (copy is not null && element != ElementType.Bool && Chance(2))
        {
            Then(MapOp.Add, copy, NewInput(element, copy.Type.Shape));
        }

        if (Chance(2))
        {
            Reduced(element == ElementType.Bool ? ReduceKind.Any : Pick([ReduceKind.Sum, ReduceKind.Max, ReduceKind.ArgMin]), x, [.. Enumerable.Range(0, rank).Where(_ => Chance(2))]);
        }
    }
}
