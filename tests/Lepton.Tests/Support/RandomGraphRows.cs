using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>Softmax and norms over rows, attention, and cells that are run step by step.</summary>
internal sealed partial class RandomGraphMaker
{
    private void Rows()
    {
        var element = FloatElement();
        var rank = 1 + _random.Next(3);
        var x = Small(element, [.. Enumerable.Range(0, rank).Select(i => Axis(i == rank - 1 ? 67 : rank == 2 ? 67 : 9))]);
        int[] axes = Chance(4) ? [0] : [rank - 1];
        axes = rank > 1 && Chance(5) ? [.. Enumerable.Range(0, rank)] : axes;
        RandomValue? y = Chance(3) ? Then(MapOp.Add, x, NewInput(element, x.Type.Shape)) : x;
        switch (_random.Next(4))
        {
            case 0:
                Softmax(y, axes);
                break;
            case 1:
                Behind(Norm(y, axes, isCentred: true));
                break;
            case 2:
                Norm(y, axes, isCentred: false);
                break;
            default:
                // Several results of one row.
                Reduced(ReduceKind.Max, y, axes);
                Reduced(ReduceKind.ArgMax, y, axes);
                Reduced(ReduceKind.Sum, Then(MapOp.Mul, y, y), axes);
                break;
        }
    }

    private RandomValue? Along(RandomValue? rows, RandomValue like, int[] axes) =>
        Repeated(rows, like.Type.Shape, [.. Enumerable.Range(0, like.Type.Rank).Except(axes)]);

    // e = exp(x - max x), e / Σ e
    private RandomValue? Softmax(RandomValue? x, int[] axes)
    {
        if (x is null)
        {
            return null;
        }

        var e = Then(MapOp.Exp, Then(MapOp.Sub, x, Along(Reduced(ReduceKind.Max, x, axes), x, axes)));
        return e is null ? null : Then(MapOp.Div, e, Along(Reduced(ReduceKind.Sum, e, axes), e, axes));
    }

    // d = x - mean x or x, d / sqrt(mean d² + 1/4) · g
    private RandomValue? Norm(RandomValue? x, int[] axes, bool isCentred)
    {
        if (x is null)
        {
            return null;
        }

        var count = Math.Max(1, axes.Aggregate(1L, (n, a) => n * Concrete(x.Type.Shape[a])));
        RandomValue? Mean(RandomValue? of) => Reduced(ReduceKind.Sum, of, axes) is { } sum ? Then(MapOp.Mul, sum, Number(1.0 / count, sum)) : null;
        var d = isCentred ? Then(MapOp.Sub, x, Along(Mean(x), x, axes)) : x;
        var variance = Mean(Then(MapOp.Mul, d, d));
        var scale = variance is null ? null : Then(MapOp.Rsqrt, Then(MapOp.Add, variance, Number(0.25, variance)));
        var y = Then(MapOp.Mul, d, Along(scale, x, axes));
        return y is null || Chance(2) ? y : Then(MapOp.Mul, y, Repeated(Small(x.Element, x.Type.Shape[^1]), x.Type.Shape, x.Type.Rank - 1));
    }

    // softmax(scale · q · kᵀ + mask) · v, with one batch axis or none.
    private void Attention()
    {
        var element = Pick([ElementType.F32, ElementType.F32, ElementType.F64, ElementType.F16]);
        var batch = Chance(2) ? new[] { Axis(3) } : [];
        var (rows, keys, depth, features) = (Axis(67), Axis(67), Axis(33, maySymbol: false), Axis(33, maySymbol: false));
        if (Chance(2))
        {
            // So many scores of known sizes that they are not stored.
            (rows, keys, depth, features) = (_random.Next(64, 68), _random.Next(64, 68), Axis(9, maySymbol: false), Axis(9, maySymbol: false));
        }

        if (Concrete(keys) == 0)
        {
            return;
        }

        // Labels: 0 batch, 1 rows, 2 keys, 3 depth, 4 features.
        int[] b = batch.Length > 0 ? [0] : [], labelsQ = [.. b, 1, 3], labelsK = [.. b, 2, 3], labelsV = [.. b, 2, 4], scores = [.. b, 1, 2];
        var q = NewInput(element, [.. batch, rows, depth], _ => _random.Next(-4, 5) / 8.0);
        var k = NewInput(element, [.. batch, keys, depth], _ => _random.Next(-4, 5) / 4.0);
        var v = Small(element, [.. batch, keys, features]);
        var s = Product(q, [.. labelsQ], k, [.. labelsK], [.. scores]);
        s = s is null || Chance(3) ? s : Then(MapOp.Mul, s, Number(0.5, s));
        if (s is not null && Chance(3))
        {
            var mask = NewInput(ElementType.Bool, [rows, keys], i => Chance(4) ? 0 : 1);
            s = Then(MapOp.Select, Repeated(mask, s.Type.Shape, s.Type.Rank - 2, s.Type.Rank - 1), s, Number(-200, s));
        }
        else if (s is not null && Chance(2))
        {
            s = Then(MapOp.Select, Repeated(Seen(rows, keys), s.Type.Shape, s.Type.Rank - 2, s.Type.Rank - 1), s, Number(Chance(2) ? double.NegativeInfinity : -2000, s));
        }
        else if (s is not null && Chance(3))
        {
            s = Then(MapOp.Add, s, Repeated(Small(element, rows, keys), s.Type.Shape, s.Type.Rank - 2, s.Type.Rank - 1));
        }

        if (Softmax(s, [b.Length + 1]) is { } p)
        {
            Behind(Product(p, [.. scores], v, [.. labelsV], [.. Shuffled([.. b, 1, 4])]));
        }
    }

    // j ≤ i + shift, at times within a band, at times the others.
    private RandomValue? Seen(SizeExpr rows, SizeExpr keys)
    {
        var type = new TensorType(ElementType.I64, [rows, keys]);
        RandomValue Shifted(int by) => Then(MapOp.Add, Leaf(new IotaNode(type, 0)), Leaf(new SplatNode(type, Scalar.Integer(ElementType.I64, by))))!;
        var shift = _random.Next(-5, 20);
        var seen = Then(MapOp.LessEqual, Leaf(new IotaNode(type, 1)), Shifted(shift));
        return Chance(3) ? Then(MapOp.Not, seen)
            : Chance(3) ? Then(MapOp.And, seen, Then(MapOp.Less, Shifted(shift - _random.Next(20)), Leaf(new IotaNode(type, 1))))
            : seen;
    }

    // One step of a cell, in slices of one product; or steps over rows of an input.
    private void Cell()
    {
        var element = Pick([ElementType.F32, ElementType.F32, ElementType.F64, ElementType.F16]);
        if (Chance(3))
        {
            Steps(element);
            return;
        }

        var (rows, depth, width, gates) = (Axis(33, maySymbol: false), Axis(67, maySymbol: false), Pick([32L, 32, 64]), 2 + _random.Next(3));
        var (h, w) = (NewInput(element, [rows, depth], _ => _random.Next(-4, 5) / 8.0), NewInput(element, [depth, width * gates], _ => _random.Next(-4, 5) / 8.0));
        var g = Product(h, [0, 2], w, [2, 1], [0, 1]);
        g = g is null || Chance(2) ? g : Then(MapOp.Add, g, Repeated(Small(element, width * gates), g.Type.Shape, 1));
        RandomValue? sum = Small(element, rows, width);
        for (var i = 0; i < gates && g is not null && sum is not null; i++)
        {
            var slice = Move(
                new ViewNode(sum.Type, g.Id, [AxisAccess.Axis(0), new AxisAccess(i * width, [new AffineTerm(1, 1)])], null), g);
            slice = slice is null || Chance(3) ? slice : Then(MapOp.Tanh, slice);
            sum = Then(Chance(3) ? MapOp.Mul : MapOp.Add, sum, slice);
        }
    }

    // s' = s/2 + x[t] · w, or s' = s/2 + x[t]; what each step emits.
    private void Steps(ElementType element)
    {
        var (steps, rows, depth, width) = (Axis(17), Axis(9), Axis(33, maySymbol: false), Axis(33, maySymbol: false));
        var hasProduct = Chance(2);
        var start = Small(element, rows, width);
        var x = hasProduct ? NewInput(element, [steps, rows, depth], _ => _random.Next(-4, 5) / 8.0) : Small(element, steps, rows, width);
        var w = NewInput(element, [depth, width], _ => _random.Next(-4, 5) / 8.0);
        var body = new GraphAssembler("body", _graph.Dims);
        var step = body.Input("step", TensorType.Scalar(ElementType.I64), InputKind.Step);
        var state = body.Input("s", start.Type, InputKind.State);
        var rowsOfSteps = body.Input("x", x.Type, InputKind.Capture);
        var weights = body.Input("w", w.Type, InputKind.Capture);
        var now = x.Type.Shape.Skip(1).ToValueList();
        var number = body.Broadcast(step, now, []);
        var row = body.Gather(rowsOfSteps, [number], now, [AxisAccess.FromData(0, Outside.Never, -1), AxisAccess.Axis(0), AxisAccess.Axis(1)]);
        var taken = hasProduct ? body.Contract([row, weights], [[0, 2], [2, 1]], [0, 1]) : row;
        var half = body.Splat(Scalar.Float(element, 0.5), start.Type.Shape);
        var next = body.Map(MapOp.Add, body.Map(MapOp.Mul, state, half), taken);
        body.Output("s", next);
        body.Output("e", body.Map(MapOp.Neg, Chance(2) ? next : state));
        RandomValue[] operands = [start, x, w];
        var node = new ScanNode(start.Type, steps, [start.Id], [x.Id, w.Id], body.ToGraph());
        var types = LoopTypes.Results(node);
        var (u, count) = (Exactness.Roundoff(element), Math.Max(1, Concrete(depth)));
        var largest = hasProduct ? count * x.Largest * w.Largest : x.Largest;
        var error = (2 * (count + 8) * u * largest) + (16 * u * (start.Largest + largest));
        if (types.Any(t => t.Shape.Aggregate(1.0, (n, s) => n * Concrete(s)) > _mostElements)
            || Alone(node, operands, types.Count) is not { } values || !values.All(v => Meaningful(v, error)))
        {
            return;
        }

        var id = Commit(node, operands);
        for (var i = 0; i < types.Count; i++)
        {
            Keep(new RandomValue(_graph.Result(id, i), types[i], values[i], error, false));
        }
    }
}
