using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// Random programs in index notation over sparse and dense tensors: one to four operands of rank 0 to 4, any formats, mode orders and fills; a sum
/// of products, or an expression with sums, maxima, choices and what stands on an operand, reduced over some indices; results stored in formats.
/// Numbers are small integers, of which all sums are exact: every right implementation gives the same.
/// </summary>
internal sealed class SparsePrograms
{
    private static readonly string[] Names = ["I", "J", "K", "L"];
    private static readonly long[][] Sizes = [[], [0, 1, 2, 3, 5, 8, 11, 12], [0, 1, 2, 3, 4, 6, 7, 10, 12], [0, 1, 2, 3, 4, 6, 8, 9], [0, 1, 2, 3, 4, 6]];

    private readonly Random _random;
    private readonly GraphAssembler _graph;
    private readonly long[] _sizes;
    private readonly SizeExpr[] _shape;
    private readonly ElementType _element;

    // With infinite fills there are only operations that make no nan of them.
    private readonly bool _isInfinite;
    private readonly List<TensorValue> _inputs = [];

    private SparsePrograms(int seed)
    {
        _random = new Random(unchecked(seed * (int)0x9E3779B1));
        var labels = 1 + _random.Next(4);
        _sizes = [.. Enumerable.Range(0, labels).Select(_ => Pick(Sizes[labels][(Chance(12) ? 0 : 1)..]))];
        var symbols = Enumerable.Range(0, labels).Where(_ => Chance(2)).ToHashSet();
        _shape = [.. _sizes.Select((s, i) => symbols.Contains(i) ? SizeExpr.Variable(Names[i]) : SizeExpr.Constant(s))];
        _element = Pick([ElementType.F32, ElementType.F32, ElementType.F64, ElementType.I32, ElementType.I64]);
        _isInfinite = _element.IsFloat() && Chance(10);
        _graph = new GraphAssembler("g", symbols.Order().Select(i => Names[i]).ToValueList());
    }

    public static RandomCase Make(int seed)
    {
        var maker = new SparsePrograms(seed);
        maker.Build();
        var graph = maker._graph.ToGraph();
        GraphVerifier.Verify(graph);
        var sizes = maker._graph.Dims.ToDictionary(d => d, d => maker._sizes[Array.IndexOf(Names, d)]);
        return new RandomCase(seed, graph, sizes, maker._inputs, new double[graph.Outputs.Count]) { StaysInfinite = maker._isInfinite };
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private int[] Some(IEnumerable<int> labels, int least)
    {
        var all = labels.ToArray();
        _random.Shuffle(all);
        return all[..Math.Min(all.Length, _random.Next(least, all.Length + 1))];
    }

    private void Build()
    {
        // Inputs first, as graphs list them.
        var operands = Enumerable.Range(0, 1 + _random.Next(4)).Select(i => Operand($"x{i}", Some(Enumerable.Range(0, _sizes.Length), 0))).ToList();
        var space = operands.SelectMany(o => o.Labels).Distinct().ToArray();
        var output = Some(space, 0);
        var late = Chance(4) ? Operand("late", output) : null;
        var isProduct = !_isInfinite && Chance(2);
        var value = isProduct && space.Length > 0 && Chance(2)
            ? _graph.Contract(
                operands.Select(o => o.Node).ToValueList(), operands.Select(o => o.Labels.ToValueList()).ToValueList(), output.ToValueList())
            : Reduced(Expression(operands, space, isProduct), space, output, isProduct);
        Output("y", value, output);
        if (late is not null)
        {
            Output("z", Combined(Pick(Operations), value, late.Node), output);
        }
    }

    private MapOp[] Operations => _isInfinite ? [MapOp.Max, MapOp.Min, MapOp.Add] : [MapOp.Mul, MapOp.Mul, MapOp.Add, MapOp.Sub, MapOp.Max, MapOp.Min];

    private void Output(string name, NodeId value, int[] labels)
    {
        if (labels.Length > 0 && !Chance(3))
        {
            value = _graph.Format(value, Format(labels));
        }

        _graph.Output(name, value);
    }

    private Read Operand(string name, int[] labels)
    {
        var format = labels.Length > 0 && !Chance(4) ? Format(labels) : null;
        var shape = labels.Select(l => _shape[l]).ToValueList();
        var node = _graph.Add(new InputNode(new TensorType(_element, shape), InputKind.Argument, name) { Format = format });
        var fill = format?.FillOf(_element).AsDouble ?? 0;
        long[] dims = [.. labels.Select(l => _sizes[l])];
        _inputs.Add(TensorValue.Of(_element, dims, SparsePatterns.Fill(_random, dims, fill)));
        return new Read(node, labels, fill);
    }

    private TensorFormat Format(int[] labels)
    {
        var fill = _isInfinite && !Chance(3) ? double.NegativeInfinity : Pick([0, 0, 0, 0, 1, -2]);
        var format = SparsePatterns.Format(_random, [.. labels.Select(l => _sizes[l])]);
        return format.WithFill(_element.IsFloat() ? Scalar.Float(_element, fill) : Scalar.Integer(_element, (long)fill));
    }

    // Operands over all labels of the space, combined pair by pair.
    private NodeId Expression(List<Read> operands, int[] space, bool isProduct)
    {
        var shape = space.Select(l => _shape[l]).ToValueList();
        var type = new TensorType(_element, shape);
        var open = operands.Select(o =>
        {
            var wide = _graph.View(o.Node, shape, o.Labels.Select(l => AxisAccess.Axis(Array.IndexOf(space, l))).ToValueList());
            return isProduct ? wide : Changed(wide, o, type);
        }).ToList();
        while (open.Count > 1)
        {
            var (i, j) = (_random.Next(open.Count), _random.Next(open.Count - 1));
            j += j >= i ? 1 : 0;
            var both = isProduct ? _graph.Map(MapOp.Mul, open[i], open[j])
                : Chance(5) ? On(open[i], operands[0].Fill, open[j], type)
                : Combined(Pick(Operations), open[i], open[j]);
            open = [.. open.Where((_, k) => k != i && k != j), both];
        }

        return open[0];
    }

    private NodeId Changed(NodeId value, Read operand, TensorType type) => _random.Next(_isInfinite ? 30 : 12) switch
    {
        0 => _graph.Map(MapOp.Neg, value),
        1 => _graph.Map(MapOp.Abs, value),
        2 => _graph.Map(MapOp.Add, value, Number(type, 2)),
        3 => On(value, operand.Fill, Number(type, 3), type),
        4 => _graph.Cast(_graph.Map(MapOp.NotEqual, value, Number(type, operand.Fill)), _element),
        _ => value,
    };

    // if a != fill then b else a number: what is stored on a.
    private NodeId On(NodeId a, double fill, NodeId b, TensorType type) =>
        _graph.Map(MapOp.Select, _graph.Map(MapOp.NotEqual, a, Number(type, fill)), b, Number(type, _isInfinite ? double.NegativeInfinity : Pick([0, 0, 1])));

    private NodeId Combined(MapOp op, NodeId a, NodeId b) => _graph.Map(op, a, b);

    private NodeId Number(TensorType type, double value) =>
        _graph.Splat(_element.IsFloat() ? Scalar.Float(_element, value) : Scalar.Integer(_element, (long)value), type.Shape);

    // Reduced over what the output has not, its axes then put in order.
    private NodeId Reduced(NodeId value, int[] space, int[] output, bool isProduct)
    {
        var axes = Enumerable.Range(0, space.Length).Where(a => !output.Contains(space[a])).ToValueList();
        if (axes.Count > 0)
        {
            var kind = isProduct || Chance(2) ? ReduceKind.Sum : Pick([ReduceKind.Max, ReduceKind.Min]);
            value = _graph.Reduce(kind, value, axes);
        }

        var kept = space.Where(output.Contains).ToArray();
        return kept.SequenceEqual(output) ? value : _graph.Transpose(value, output.Select(l => Array.IndexOf(kept, l)).ToValueList());
    }

    private sealed record Read(NodeId Node, int[] Labels, double Fill);
}
