using System.Runtime.CompilerServices;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Limits of a run of the interpreter.</summary>
/// <param name="MaxElements">The most elements of one tensor; each costs 8 bytes.</param>
public sealed record InterpreterOptions(long MaxElements = 1L << 28, CancellationToken Cancel = default);

/// <summary>
/// Runs a graph by plain loops, one operation after the other: slow, and obviously what the operations mean. Only operations that an output
/// needs are run. Sums and products of floats are accumulated in f64 and rounded once; everything else has its type's own arithmetic.
/// </summary>
public static class Interpreter
{
    /// <summary>Runs with sizes that follow from the shapes of the inputs.</summary>
    public static IReadOnlyList<TensorValue> Run(Graph graph, IReadOnlyList<TensorValue> inputs) => Run(graph, inputs, SizeBinding.Infer(graph, inputs));

    /// <summary>
    /// Runs a graph; inputs and results are in the graph's order. Throws <see cref="GraphRunException"/> for bad inputs, broken constraints,
    /// tensors above the limit, and indices out of range.
    /// </summary>
    public static IReadOnlyList<TensorValue> Run(Graph graph, IReadOnlyList<TensorValue> inputs, Func<string, long> sizes, InterpreterOptions? options = null)
    {
        var run = new Run(graph, sizes, options ?? new InterpreterOptions());
        SizeBinding.Check(graph, sizes);
        if (inputs.Count != graph.Inputs.Count)
        {
            throw new GraphRunException(GraphRunError.Input, $"{graph.Name} takes {graph.Inputs.Count} tensors, not {inputs.Count}");
        }

        for (var i = 0; i < inputs.Count; i++)
        {
            var input = (InputNode)graph[graph.Inputs[i]];
            var shape = run.ShapeOf(input.Type);
            if (inputs[i].Element != input.Type.Element || !inputs[i].Shape.AsSpan().SequenceEqual(shape))
            {
                throw new GraphRunException(
                    GraphRunError.Input,
                    $"{input.Label} is {input.Type} = {input.Type.Element.Name()}[{string.Join(", ", shape)}], not {inputs[i].Element.Name()}[{string.Join(", ", inputs[i].Shape)}]");
            }
        }

        return run.Graph(graph, inputs);
    }
}

/// <summary>One run: sizes, limits, and which values of each graph are needed how long.</summary>
internal sealed class Run(Graph root, Func<string, long> sizes, InterpreterOptions options)
{
    private readonly Dictionary<Graph, Plan> _plans = [];

    /// <summary>Nodes that an output needs, and for each node the values that it uses last.</summary>
    private sealed record Plan(bool[] Needed, int[][] UsedLast);

    public Graph Root => root;

    public TensorValue[] Graph(Graph graph, IReadOnlyList<TensorValue> inputs)
    {
        if (!_plans.TryGetValue(graph, out var plan))
        {
            _plans.Add(graph, plan = MakePlan(graph));
        }

        var values = new TensorValue[]?[graph.Nodes.Count];
        var evaluator = new Evaluator(this, graph, values);
        for (var i = 0; i < inputs.Count; i++)
        {
            values[graph.Inputs[i].Value] = [inputs[i]];
        }

        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            if (!plan.Needed[i] || graph.Nodes[i] is InputNode)
            {
                continue;
            }

            options.Cancel.ThrowIfCancellationRequested();
            values[i] = graph.Nodes[i].Accept(evaluator);
            foreach (var used in plan.UsedLast[i])
            {
                values[used] = null;
            }
        }

        return graph.Outputs.Select(o => values[o.Node.Value]![0]).ToArray();
    }

    public long Size(SizeExpr size)
    {
        try
        {
            return size.AsConstant ?? size.Evaluate(sizes);
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            throw new GraphRunException(GraphRunError.TooLarge, $"the size {size} has no value in 64 bits");
        }
    }

    /// <summary>The shape in numbers; throws when a size is negative or the tensor above the limit.</summary>
    public long[] ShapeOf(TensorType type) => ShapeOf(type.Shape);

    public long[] ShapeOf(ValueList<SizeExpr> sizesOf)
    {
        var shape = new long[sizesOf.Count];
        var count = 1L;
        var empty = false;
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = Size(sizesOf[axis]);
            if (shape[axis] < 0)
            {
                throw new GraphRunException(GraphRunError.Input, $"the size {sizesOf[axis]} is {shape[axis]}");
            }

            empty |= shape[axis] == 0;
            count = shape[axis] == 0 ? count : count > options.MaxElements / shape[axis] ? options.MaxElements + 1 : count * shape[axis];
        }

        return empty || count <= options.MaxElements
            ? shape
            : throw new GraphRunException(GraphRunError.TooLarge, $"[{string.Join(", ", shape)}] has more than {options.MaxElements} elements");
    }

    /// <summary>Called in long loops.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Breathe(long step)
    {
        if ((step & 0xFFFF) == 0)
        {
            options.Cancel.ThrowIfCancellationRequested();
        }
    }

    private static Plan MakePlan(Graph graph)
    {
        var needed = new bool[graph.Nodes.Count];
        var last = new List<int>[graph.Nodes.Count];
        var kept = new bool[graph.Nodes.Count];
        foreach (var output in graph.Outputs)
        {
            needed[output.Node.Value] = kept[output.Node.Value] = true;
        }

        for (var i = needed.Length - 1; i >= 0; i--)
        {
            last[i] = [];
            if (!needed[i])
            {
                continue;
            }

            foreach (var operand in graph.Nodes[i].Operands)
            {
                if (!needed[operand.Value])
                {
                    needed[operand.Value] = true;
                    last[i].Add(operand.Value);
                }
            }
        }

        return new Plan(needed, last.Select(l => l.Where(v => !kept[v]).ToArray()).ToArray());
    }
}
