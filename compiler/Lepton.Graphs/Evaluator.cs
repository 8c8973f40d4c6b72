using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>The meaning of each operation on tensors. A visit answers the node's values: one, but for loops all results.</summary>
internal sealed class Evaluator(Run run, Graph graph, TensorValue[]?[] values) : NodeVisitor<TensorValue[]>
{
    public override TensorValue[] Visit(InputNode node) => throw new CompilerBugException("interpreter", $"input {node.Label} has no value");

    public override TensorValue[] Visit(SplatNode node)
    {
        var shape = run.ShapeOf(node.Type);
        var numbers = New(node.Type.Element, shape);
        if (numbers is double[] floats)
        {
            Array.Fill(floats, node.Value.AsDouble);
        }
        else
        {
            Array.Fill((long[])numbers, node.Value.Bits);
        }

        return [TensorValue.Own(node.Type.Element, shape, numbers)];
    }

    public override TensorValue[] Visit(ConstantNode node) => [TensorValue.Own(
        node.Type.Element,
        run.ShapeOf(node.Type),
        node.Type.Element.IsFloat() ? node.Values.Select(v => v.AsDouble).ToArray() : node.Values.Select(v => v.Bits).ToArray())];

    public override TensorValue[] Visit(SizeNode node) => [TensorValue.Own(ElementType.I64, [], new[] { run.Size(node.Size) })];

    public override TensorValue[] Visit(IotaNode node)
    {
        var shape = run.ShapeOf(node.Type);
        var inner = TensorValue.CountOf(shape.AsSpan(node.Axis + 1));
        var numbers = new long[TensorValue.CountOf(shape)];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = i / inner % shape[node.Axis];
        }

        return [TensorValue.Own(ElementType.I64, shape, numbers)];
    }

    public override TensorValue[] Visit(MapNode node)
    {
        var arguments = node.Arguments.Select(Value).ToArray();
        var shape = run.ShapeOf(node.Type);
        foreach (var argument in arguments)
        {
            SameShape(node, shape, argument);
        }

        return [EvaluateMap.Run(node, shape, arguments)];
    }

    public override TensorValue[] Visit(ViewNode node)
    {
        var (source, shape) = (Value(node.Source), run.ShapeOf(node.Type));
        var places = EvaluateAccess.Places(run, node.Access, source.Shape, shape, []);
        return [EvaluateAccess.Take(source, shape, places, node.Fill)];
    }

    public override TensorValue[] Visit(FormatNode node) => [Value(node.Source)];

    public override TensorValue[] Visit(ReshapeNode node) => [Value(node.Source).Reshaped(run.ShapeOf(node.Type))];

    public override TensorValue[] Visit(ContractNode node) =>
        [EvaluateReduce.Contract(run, node, run.ShapeOf(node.Type), node.Factors.Select(Value).ToArray())];

    public override TensorValue[] Visit(ReduceNode node) => [EvaluateReduce.Reduce(node, run.ShapeOf(node.Type), Value(node.Source))];

    public override TensorValue[] Visit(GatherNode node)
    {
        var (source, shape) = (Value(node.Source), run.ShapeOf(node.Type));
        var places = EvaluateAccess.Places(run, node.Access, source.Shape, shape, Data(node, node.Indices, shape));
        return [EvaluateAccess.Take(source, shape, places, node.Fill)];
    }

    public override TensorValue[] Visit(ScatterNode node)
    {
        var (start, updates) = (Value(node.Base), Value(node.Updates));
        var places = EvaluateAccess.Places(run, node.Access, start.Shape, updates.Shape, Data(node, node.Indices, updates.Shape));
        return [EvaluateAccess.Scatter(node.Kind, start, updates, places)];
    }

    public override TensorValue[] Visit(ConcatNode node)
    {
        var shape = run.ShapeOf(node.Type);
        var numbers = New(node.Type.Element, shape);
        var row = TensorValue.CountOf(shape.AsSpan(node.Axis));
        var rows = TensorValue.CountOf(shape.AsSpan(0, node.Axis));
        var at = 0;
        foreach (var part in node.Parts.Select(Value))
        {
            // An outer row of the result is an outer row of each part, one behind the other.
            var length = TensorValue.CountOf(part.Shape.AsSpan(node.Axis));
            for (var i = 0; i < rows; i++)
            {
                Array.Copy((Array?)part.Floats ?? part.Integers!, i * length, numbers, (i * row) + at, length);
            }

            at += length;
        }

        return rows == 0 || at == row
            ? [TensorValue.Own(node.Type.Element, shape, numbers)]
            : throw new CompilerBugException("interpreter", $"the parts of {GraphText.Describe(node)} do not add up");
    }

    public override TensorValue[] Visit(SortNode node) => [EvaluateReduce.Sort(node, Value(node.Source))];

    public override TensorValue[] Visit(ScanNode node)
    {
        var count = run.Size(node.Count);
        if (count < 0)
        {
            throw new GraphRunException(GraphRunError.Input, $"the number of steps {node.Count} is {count}");
        }

        var types = LoopTypes.Results(node);
        var states = node.States.Select(Value).ToArray();
        var captures = node.Captures.Select(Value).ToArray();
        var emitShapes = types.Skip(states.Length).Select(t => run.ShapeOf(t)).ToArray();
        var emits = emitShapes.Select((shape, i) => New(types[states.Length + i].Element, shape)).ToArray();
        for (long step = 0; step < count; step++)
        {
            var results = run.Graph(node.Body, [StepNumber(step), .. states, .. captures]);
            states = results[..states.Length];
            for (var i = 0; i < emits.Length; i++)
            {
                var emitted = results[states.Length + i];
                Array.Copy((Array?)emitted.Floats ?? emitted.Integers!, 0, emits[i], step * emitted.Count, emitted.Count);
            }
        }

        return [.. states, .. emits.Select((numbers, i) => TensorValue.Own(types[states.Length + i].Element, emitShapes[i], numbers))];
    }

    public override TensorValue[] Visit(IterateNode node)
    {
        var max = run.Size(node.Max);
        var states = node.States.Select(Value).ToArray();
        var captures = node.Captures.Select(Value).ToArray();
        var until = false;
        for (long step = 0; step < max && !until; step++)
        {
            var results = run.Graph(node.Body, [StepNumber(step), .. states, .. captures]);
            states = results[..^1];
            until = results[^1].Integers![0] != 0;
        }

        return states;
    }

    public override TensorValue[] Visit(ResultNode node) => [values[node.Source.Value]![node.Index]];

    internal static Array New(ElementType element, long[] shape)
    {
        var count = TensorValue.CountOf(shape);
        return element.IsFloat() ? new double[count] : new long[count];
    }

    private static TensorValue StepNumber(long step) => TensorValue.Own(ElementType.I64, [], new[] { step });

    private TensorValue Value(NodeId id) =>
        values[id.Value] is { Length: > 0 } results ? results[0] : throw new CompilerBugException("interpreter", $"{id} of {graph.Name} has no value");

    private long[][] Data(Node node, ValueList<NodeId> indices, long[] shape) => indices.Select(i =>
    {
        SameShape(node, shape, Value(i));
        return Value(i).Integers!;
    }).ToArray();

    private static void SameShape(Node node, long[] shape, TensorValue value)
    {
        if (!value.Shape.AsSpan().SequenceEqual(shape))
        {
            throw new CompilerBugException("interpreter", $"{GraphText.Describe(node)}: an operand is [{string.Join(", ", value.Shape)}], not [{string.Join(", ", shape)}]");
        }
    }
}
