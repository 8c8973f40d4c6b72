using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>
/// Random well-typed graphs of every operation, with inputs, for differential tests. Each operation is tried on concrete numbers while the
/// graph grows, so that its results stay meaningful: floats start as small dyadic rationals, inexact values never reach a step function, and
/// every output has a tolerance that a correct implementation keeps.
/// </summary>
public static class RandomGraphs
{
    /// <summary>The case of a seed; the same for ever (as long as this file is not changed).</summary>
    public static RandomCase Make(int seed, RandomGraphOptions? options = null) => new RandomGraphMaker(seed, options ?? new RandomGraphOptions()).Make();
}

/// <summary>A graph under construction: the values that there are, and what they are for the sizes of this case.</summary>
internal sealed partial class RandomGraphMaker(int seed, RandomGraphOptions options)
{
    // Around the widths of vectors, primes, and nothing at all.
    private static readonly long[] SizeChoices = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33];

    // The windows of a convolution, and what its results are made of, are larger than what single operations are tried on.
    private const int NetworkElements = 15;

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, long> _sizes = [];
    private readonly List<RandomValue> _pool = [];
    private readonly List<TensorValue> _inputs = [];
    private readonly HashSet<NodeId> _used = [];
    private readonly List<(NodeId Id, double Error)> _failing = [];
    private int _mostElements = options.MaxElements;
    private GraphAssembler _graph = new("random", []);

    public RandomCase Make()
    {
        for (var i = _random.Next(options.Symbolic ? 4 : 1); i > 0; i--)
        {
            // Small ones, since they are multiplied with each other; 0 is rare.
            _sizes[$"N{_sizes.Count}"] = Chance(12) ? 0 : Pick(SizeChoices[1..]);
        }

        _graph = new GraphAssembler("random", _sizes.Keys.ToValueList());
        for (var i = 1 + _random.Next(3); i > 0; i--)
        {
            NewInput(RandomElement(), RandomShape());
        }

        if (options.Networks)
        {
            Networks();
        }

        for (var tries = 0; tries < options.Nodes * 3 && _graph.Nodes.Count < options.Nodes + _inputs.Count; tries++)
        {
            Step();
        }

        // What nothing else uses is an output, and now and then something in the middle.
        var outputs = _pool.Where(v => !_used.Contains(v.Id) || Chance(8)).Reverse().Take(5).ToList();
        if (outputs.Count == 0)
        {
            outputs.Add(_pool[^1]);
        }

        for (var i = 0; i < outputs.Count; i++)
        {
            _graph.Output($"y{i}", outputs[i].Id);
        }

        // An operation that fails has no value; it is needed all the same.
        var tolerances = outputs.Select(o => o.Error).ToList();
        foreach (var (id, error) in _failing)
        {
            _graph.Output($"fails{id.Value}", id);
            tolerances.Add(error);
        }

        return new RandomCase(seed, _graph.ToGraph(), _sizes, _inputs, tolerances) { AllowsWinograd = options.Winograd };
    }

    private void Networks()
    {
        _mostElements = options.MaxElements * NetworkElements;
        for (var i = 1 + _random.Next(2); i > 0; i--)
        {
            Network();
        }

        _mostElements = options.MaxElements;
    }

    private void Step()
    {
        switch (_random.Next(options.Loops ? 32 : 30))
        {
            case < 11:
                Elementwise();
                break;
            case < 15:
                View();
                break;
            case 15:
                Reshape();
                break;
            case < 18:
                Contract();
                break;
            case < 21:
                Reduce();
                break;
            case < 23:
                Gather();
                break;
            case 23:
                Scatter();
                break;
            case 24:
                Concat();
                break;
            case 25:
                Sort();
                break;
            case 26:
                Leaf();
                break;
            case 27:
                NewInput(RandomElement(), RandomShape());
                break;
            case < 30:
                CastTo(Pick(_pool), RandomElement());
                break;
            default:
                Loop();
                break;
        }
    }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private long Concrete(SizeExpr size) => size.Evaluate(n => _sizes[n]);

    private ElementType RandomElement()
    {
        if (options.Elements is { } only)
        {
            return Pick(only);
        }

        return Chance(3) ? Pick(ElementTypes.All) : Chance(3) ? Pick([ElementType.F64, ElementType.F16, ElementType.BF16, ElementType.I32]) : ElementType.F32;
    }

    private SizeExpr RandomSize(long atMost)
    {
        if (_sizes.Count > 0 && Chance(2) && Pick(_sizes.ToList()) is var dim && dim.Value <= atMost)
        {
            return SizeExpr.Variable(dim.Key);
        }

        var choices = SizeChoices.Where(s => s <= atMost && (s > 0 || Chance(4))).ToList();
        return choices.Count == 0 ? SizeExpr.One : Pick(choices);
    }

    private ValueList<SizeExpr> RandomShape()
    {
        // Shapes that are there already come back, so that operations with two operands find partners.
        if (_pool.Count > 0 && Chance(2))
        {
            return Pick(_pool).Type.Shape;
        }

        var rank = Pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]);
        var shape = new SizeExpr[rank];
        long count = 1;
        for (var axis = 0; axis < rank; axis++)
        {
            shape[axis] = RandomSize(Math.Max(1, options.MaxElements / count / (1L << (rank - axis - 1))));
            count *= Math.Max(1, Concrete(shape[axis]));
        }

        return shape.ToValueList();
    }

    private RandomValue NewInput(ElementType element, ValueList<SizeExpr> shape, Func<int, double>? number = null)
    {
        var name = $"x{_inputs.Count}";
        var sizes = shape.Select(Concrete).ToArray();
        var values = new double[sizes.Aggregate(1L, (a, b) => a * b)];
        var extremes = element.IsInteger() && Chance(8);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = number is not null ? number(i)
                : element.IsFloat() ? _random.Next(-32, 33) / 4.0
                : element == ElementType.Bool ? _random.Next(2)
                : element == ElementType.U8 ? _random.Next(extremes ? 256 : 12)
                : _random.Next(-9, 10);
        }

        var value = TensorValue.Of(element, sizes, values);
        if (extremes && number is null)
        {
            var integers = value.AsIntegers.ToArray();
            for (var i = 0; i < integers.Length; i += 1 + _random.Next(4))
            {
                integers[i] = _random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(3) * 8;
            }

            value = TensorValue.OfIntegers(element, sizes, integers);
        }

        var id = _graph.Input(name, new TensorType(element, shape));
        _inputs.Add(value);
        return Keep(new RandomValue(id, _graph.TypeOf(id), value, 0, true));
    }

    private RandomValue Keep(RandomValue value)
    {
        _pool.Add(value);
        return value;
    }

    /// <summary>Adds an operation if its result is meaningful: runs it alone first.</summary>
    private RandomValue? Try(Node node, RandomValue[] operands, Func<TensorValue, double?> error, bool moves = false)
    {
        if (node.Type.Shape.Aggregate(1.0, (count, s) => count * Concrete(s)) > _mostElements)
        {
            return null;
        }

        if (Alone(node, operands, 1) is not [var value])
        {
            return null;
        }

        if (error(value) is not { } bound || !Meaningful(value, bound))
        {
            return null;
        }

        var id = Commit(node, operands);
        var zeros = !value.Element.IsFloat() || (moves ? operands[0].PlusZeros : node is MapNode { Op: MapOp.Cast } && !operands[0].Element.IsFloat());
        return Keep(new RandomValue(id, node.Type, value, value.Element.IsFloat() ? bound : 0, zeros));
    }

    private NodeId Commit(Node node, RandomValue[] operands)
    {
        foreach (var operand in operands)
        {
            _used.Add(operand.Id);
        }

        return _graph.Add(node);
    }

    /// <summary>The results of one operation on the values of its operands; null when it fails.</summary>
    private IReadOnlyList<TensorValue>? Alone(Node node, RandomValue[] operands, int results)
    {
        var graph = new GraphAssembler("alone", _graph.Dims);
        foreach (var site in _graph.ToGraph().Sites)
        {
            graph.AddSite(site);
        }

        var inputs = operands.Select((o, i) => graph.Input($"x{i}", o.Type)).ToValueList();
        var id = graph.Add(node.WithOperands(inputs));
        for (var i = 0; i < results; i++)
        {
            graph.Output($"y{i}", node is ScanNode or IterateNode ? graph.Result(id, i) : id);
        }

        try
        {
            GraphVerifier.Verify(graph.ToGraph(), "random graphs");
            return Interpreter.Run(graph.ToGraph(), operands.Select(o => o.Value).ToList(), n => _sizes[n]);
        }
        catch (GraphRunException)
        {
            return null;
        }
    }

    private bool Meaningful(TensorValue value, double bound)
    {
        if (!value.Element.IsFloat())
        {
            return true;
        }

        var largest = Exactness.Largest(value);
        var finite = true;
        foreach (var x in value.AsFloats)
        {
            finite &= double.IsFinite(x);
        }

        // Infinities and nans are let in rarely, and never where they could come or go by rounding.
        return largest <= Exactness.Limit(value.Element) && bound <= 0.02 * Math.Max(largest, 0.25) && (finite || Chance(3));
    }
}
