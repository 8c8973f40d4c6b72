using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>
/// Scans and iterates. Integer states go through any operations; float states through steps that shrink errors:
/// s' = s/2 + c, or s' = tanh(W s / 2^k + c).
/// </summary>
internal sealed partial class RandomGraphMaker
{
    private void Loop()
    {
        var steps = Chance(3) ? RandomSize(5) : SizeExpr.Constant(_random.Next(6));
        if (Concrete(steps) > 20)
        {
            return;
        }

        var iterates = Chance(3);
        var start = Pick(_pool);
        var body = new GraphAssembler("body", _graph.Dims);
        var step = body.Input("step", TensorType.Scalar(ElementType.I64), InputKind.Step);
        var state = body.Input("s", start.Type, InputKind.State);
        var captured = Partner(start);
        var captures = new List<RandomValue> { captured };
        var capture = body.Input("c", captured.Type, InputKind.Capture);
        double error = 0;
        NodeId next;
        if (!start.Element.IsFloat())
        {
            next = IntegerStep(body, start.Type, step, state, capture, depth: 0);
        }
        else
        {
            (next, error) = FloatStep(body, start, captured, state, capture, captures);
            if (next.Value < 0)
            {
                return;
            }
        }

        body.Output("s", next);
        var emit = body.Map(start.Element == ElementType.Bool ? MapOp.Not : Pick([MapOp.Neg, MapOp.Abs]), Chance(2) ? next : state);
        if (iterates)
        {
            // Until a step number, which is inside the limit or not.
            var limit = body.Splat(Scalar.Integer(ElementType.I64, _random.Next(8)));
            body.Output("until", body.Map(MapOp.GreaterEqual, step, limit));
        }
        else
        {
            body.Output("e", emit);
        }

        RandomValue[] operands = [start, .. captures];
        var list = captures.Select(c => c.Id).ToValueList();
        Node node = iterates
            ? new IterateNode(start.Type, steps, [start.Id], list, body.ToGraph())
            : new ScanNode(start.Type, steps, [start.Id], list, body.ToGraph());
        var types = LoopTypes.Results(node);
        if (types.Any(t => t.Shape.Aggregate(1.0, (n, s) => n * Concrete(s)) > options.MaxElements)
            || Alone(node, operands, types.Count) is not { } values || !values.All(v => Meaningful(v, error)))
        {
            return;
        }

        var id = Commit(node, operands);
        for (var i = 0; i < types.Count; i++)
        {
            var result = _graph.Result(id, i);
            Keep(new RandomValue(result, types[i], values[i], error, !types[i].Element.IsFloat()));
        }
    }

    // A few operations on the state, the capture and the step number; now and then with a scan inside.
    private NodeId IntegerStep(GraphAssembler body, TensorType type, NodeId step, NodeId state, NodeId capture, int depth)
    {
        var values = new List<NodeId> { state, capture };
        if (type.Element != ElementType.Bool)
        {
            values.Add(body.Broadcast(body.Cast(step, type.Element), type.Shape, []));
        }

        for (var i = 1 + _random.Next(4); i > 0; i--)
        {
            var (a, b) = (Pick(values), Pick(values));
            values.Add(type.Element == ElementType.Bool
                ? body.Map(Pick([MapOp.And, MapOp.Or, MapOp.Equal, MapOp.NotEqual]), a, b)
                : _random.Next(4) == 0
                    ? body.Map(MapOp.Select, body.Map(Pick([MapOp.Less, MapOp.Equal, MapOp.GreaterEqual]), a, b), b, a)
                    : body.Map(Pick([MapOp.Add, MapOp.Sub, MapOp.Mul, MapOp.Div, MapOp.Rem, MapOp.Min, MapOp.Max]), a, b));
        }

        if (depth == 0 && Chance(5))
        {
            var inner = new GraphAssembler("inner", _graph.Dims);
            var innerStep = inner.Input("step", TensorType.Scalar(ElementType.I64), InputKind.Step);
            var innerState = inner.Input("s", type, InputKind.State);
            inner.Output("s", IntegerStep(inner, type, innerStep, innerState, inner.Input("c", type, InputKind.Capture), depth: 1));
            values.Add(body.Result(body.Scan(_random.Next(4), [Pick(values)], [Pick(values)], inner.ToGraph()), 0));
        }

        return values[^1];
    }

    // The next state, and a bound on the error of all its values.
    private (NodeId Next, double Error) FloatStep(
        GraphAssembler body, RandomValue start, RandomValue captured, NodeId state, NodeId capture, List<RandomValue> captures)
    {
        var u = Exactness.Roundoff(start.Element);
        var none = (new NodeId(-1), 0.0);
        if (!start.IsFinite || !captured.IsFinite)
        {
            return none;
        }

        var weights = start.Type is { Rank: 1 } && start.Type.Shape[0] is var n
            ? _pool.FirstOrDefault(v => v.Element == start.Element && v.Type.Shape.SequenceEqual([n, n]) && v.IsFinite && v.IsExact && v.Largest < 64)
            : null;
        if (weights is null)
        {
            // |s| stays below 2 |c| + |s0|, errors below twice those of a step.
            var half = body.Splat(Scalar.Float(start.Element, 0.5), start.Type.Shape);
            var size = start.Largest + (2 * captured.Largest);
            return (body.Map(MapOp.Add, body.Map(MapOp.Mul, state, half), capture), start.Error + (2 * captured.Error) + (8 * u * size));
        }

        captures.Add(weights);
        var w = body.Input("w", weights.Type, InputKind.Capture);
        var count = Math.Max(1, Concrete(start.Type.Shape[0]));
        var shrink = Math.ScaleB(1, -(int)Math.Ceiling(Math.Log2((2 * count * Math.Max(weights.Largest, 0.25)) + 1)));
        var product = body.Contract([w, state], [[0, 1], [1]], [0]);
        var scaled = body.Map(MapOp.Mul, product, body.Splat(Scalar.Float(start.Element, shrink), start.Type.Shape));
        var next = body.Map(MapOp.Tanh, body.Map(MapOp.Add, scaled, capture));
        var largest = Math.Max(1, start.Largest);
        return shrink < (start.Element == ElementType.F16 ? 1e-3 : 1e-9) || count * weights.Largest * largest > Exactness.Limit(start.Element)
            ? none
            : (next, (2 * start.Error) + (2.5 * captured.Error) + ((4 * count) + 40) * u * (largest + captured.Largest));
    }
}
