using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// Makers of operations that compute the result's type by the shape rule and check the operands. The only simplification: a view, reshape
/// or cast that changes nothing is its source.
/// </summary>
public static class AssemblerOps
{
    public static NodeId Input(
        this GraphAssembler graph, string label, TensorType type, InputKind kind = InputKind.Argument, string? initializer = null, TensorFormat? format = null) =>
        Checked(graph, new InputNode(type, kind, label, initializer) { Format = format });

    /// <summary>y = x, stored in a format.</summary>
    public static NodeId Format(this GraphAssembler graph, NodeId source, TensorFormat format) =>
        Checked(graph, new FormatNode(graph.TypeOf(source), source, format));

    public static NodeId Splat(this GraphAssembler graph, Scalar value, ValueList<SizeExpr> shape = default) =>
        Checked(graph, new SplatNode(new TensorType(value.Type, shape), value));

    /// <summary>A small integer everywhere, in any element type.</summary>
    public static NodeId Splat(this GraphAssembler graph, TensorType type, long value) =>
        Checked(graph, new SplatNode(type, Scalar.Of(type.Element, value)));

    public static NodeId Constant(this GraphAssembler graph, TensorType type, ValueList<Scalar> values) =>
        Checked(graph, new ConstantNode(type, values));

    public static NodeId Size(this GraphAssembler graph, SizeExpr size) => Checked(graph, new SizeNode(size));

    public static NodeId Iota(this GraphAssembler graph, ValueList<SizeExpr> shape, int axis) =>
        Checked(graph, new IotaNode(new TensorType(ElementType.I64, shape), axis));

    /// <summary>y[i…] = op(a[i…], …). All arguments are of one shape; for <see cref="MapOp.Cast"/> see the method of that name.</summary>
    public static NodeId Map(this GraphAssembler graph, MapOp op, params ReadOnlySpan<NodeId> arguments)
    {
        Span<ElementType> elements = stackalloc ElementType[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            elements[i] = graph.TypeOf(arguments[i]).Element;
        }

        var list = ValueList.Create(arguments);
        return op.ResultType(elements) is { } element
            ? Checked(graph, new MapNode(new TensorType(element, graph.TypeOf(list[0]).Shape), op, list))
            : throw new CompilerBugException("graph", $"{op.Info().Name} does not take ({string.Join(", ", list.Select(a => graph.TypeOf(a)))})");
    }

    public static NodeId Cast(this GraphAssembler graph, NodeId source, ElementType element)
    {
        var type = graph.TypeOf(source);
        return type.Element == element ? source : Checked(graph, new MapNode(type.WithElement(element), MapOp.Cast, [source]));
    }

    /// <summary>y[i…] = x[access(i…)], over <paramref name="shape"/>.</summary>
    public static NodeId View(this GraphAssembler graph, NodeId source, ValueList<SizeExpr> shape, ValueList<AxisAccess> access, Scalar? fill = null)
    {
        var type = graph.TypeOf(source);
        var identity = shape == type.Shape;
        for (var axis = 0; identity && axis < access.Count; axis++)
        {
            // An axis of size 1 is reached at 0, whichever way it is written.
            identity = access[axis].AsPlainAxis == axis || (shape[axis] == SizeExpr.One && access[axis] == AxisAccess.At(SizeExpr.Zero));
        }

        return identity ? source : Checked(graph, new ViewNode(new TensorType(type.Element, shape), source, access, fill));
    }

    /// <summary>Result axis a is source axis permutation[a].</summary>
    public static NodeId Transpose(this GraphAssembler graph, NodeId source, ValueList<int> permutation)
    {
        var shape = graph.TypeOf(source).Shape;
        Require(permutation.Order().SequenceEqual(Enumerable.Range(0, shape.Count)), $"{permutation} is not a permutation of {shape.Count} axes");
        var access = new AxisAccess[shape.Count];
        for (var axis = 0; axis < access.Length; axis++)
        {
            access[permutation[axis]] = AxisAccess.Axis(axis);
        }

        return graph.View(source, permutation.Select(a => shape[a]).ToValueList(), access.ToValueList());
    }

    /// <summary>
    /// Source axis s lies along result axis axes[s]; an axis of size 1 is repeated there, and with axes[s] = -1 it is dropped. Result axes
    /// that no source axis lies along repeat the whole.
    /// </summary>
    public static NodeId Broadcast(this GraphAssembler graph, NodeId source, ValueList<SizeExpr> shape, ValueList<int> axes)
    {
        var type = graph.TypeOf(source);
        Require(axes.Count == type.Rank && axes.All(a => a < shape.Count), $"{axes} does not place the axes of {type}");
        var access = axes.Select((to, from) =>
            to >= 0 && (type.Shape[from] == shape[to] || type.Shape[from] != SizeExpr.One) ? AxisAccess.Axis(to) : AxisAccess.At(SizeExpr.Zero));
        return graph.View(source, shape, access.ToValueList());
    }

    /// <summary>y[i…] = x[start + step*i…]; a step may be negative.</summary>
    public static NodeId Slice(
        this GraphAssembler graph, NodeId source, ValueList<SizeExpr> start, ValueList<SizeExpr> sizes, ValueList<long>? step = null)
    {
        Require(start.Count == sizes.Count && (step is null || step.Value.Count == sizes.Count), "start, size and step for each axis");
        return graph.View(source, sizes, start.Select((s, axis) =>
            new AxisAccess(s, [new AffineTerm(axis, step is { } steps ? steps[axis] : 1)])).ToValueList());
    }

    /// <summary>y[…, i, …, u] = x[…, offset + stride*i + dilation*u, …]: the window's axis comes last.</summary>
    public static NodeId Window(
        this GraphAssembler graph,
        NodeId source,
        int axis,
        SizeExpr count,
        SizeExpr size,
        SizeExpr? stride = null,
        SizeExpr? dilation = null,
        SizeExpr? offset = null,
        Outside outside = Outside.Never,
        Scalar? fill = null)
    {
        var type = graph.TypeOf(source);
        var shape = type.Shape.ToArray();
        shape[axis] = count;
        var access = Enumerable.Range(0, type.Rank).Select(a => a != axis
            ? AxisAccess.Axis(a)
            : new AxisAccess(
                offset ?? SizeExpr.Zero,
                [new AffineTerm(a, stride ?? SizeExpr.One), new AffineTerm(type.Rank, dilation ?? SizeExpr.One)],
                outside));
        return graph.View(source, [.. shape, size], access.ToValueList(), fill);
    }

    /// <summary>Grows each axis by what stands before and behind it, filled with <paramref name="fill"/>.</summary>
    public static NodeId Pad(this GraphAssembler graph, NodeId source, ValueList<SizeExpr> before, ValueList<SizeExpr> behind, Scalar fill)
    {
        var type = graph.TypeOf(source);
        Require(before.Count == type.Rank && behind.Count == type.Rank, "padding for each axis");
        var access = before.Select((b, axis) => b == SizeExpr.Zero && behind[axis] == SizeExpr.Zero
            ? AxisAccess.Axis(axis)
            : new AxisAccess(-b, [new AffineTerm(axis, SizeExpr.One)], Outside.Fill)).ToValueList();
        var shape = type.Shape.Select((s, axis) => before[axis] + s + behind[axis]).ToValueList();
        return graph.View(source, shape, access, access.Any(a => a.Outside == Outside.Fill) ? fill : null);
    }

    public static NodeId Reshape(this GraphAssembler graph, NodeId source, ValueList<SizeExpr> shape)
    {
        var type = graph.TypeOf(source);
        return type.Shape == shape ? source : Checked(graph, new ReshapeNode(new TensorType(type.Element, shape), source));
    }

    /// <summary>y[output] = Σ Π factors[labels]; sizes follow from the labels.</summary>
    public static NodeId Contract(this GraphAssembler graph, ValueList<NodeId> factors, ValueList<ValueList<int>> labels, ValueList<int> output)
    {
        Require(factors.Count > 0 && factors.Count == labels.Count, "labels for each factor");
        var sizeOf = new Dictionary<int, SizeExpr>();
        for (var k = 0; k < factors.Count; k++)
        {
            var shape = graph.TypeOf(factors[k]).Shape;
            Require(labels[k].Count == shape.Count, $"{labels[k]} for {graph.TypeOf(factors[k])}");
            for (var axis = 0; axis < shape.Count; axis++)
            {
                sizeOf.TryAdd(labels[k][axis], shape[axis]);
            }
        }

        Require(output.All(sizeOf.ContainsKey), $"output labels {output} are not labels of a factor");
        var type = new TensorType(graph.TypeOf(factors[0]).Element, output.Select(l => sizeOf[l]).ToValueList());
        return Checked(graph, new ContractNode(type, factors, labels, output));
    }

    /// <summary>Reduces the axes (in any order) away.</summary>
    public static NodeId Reduce(this GraphAssembler graph, ReduceKind kind, NodeId source, ValueList<int> axes)
    {
        var (type, sorted) = (graph.TypeOf(source), axes.Order().ToValueList());
        return Checked(graph, new ReduceNode(
            new TensorType(NodeRules.ReduceTypes(kind, type.Element).Result, NodeRules.Without(type.Shape, sorted)), kind, source, sorted));
    }

    public static NodeId Gather(
        this GraphAssembler graph, NodeId source, ValueList<NodeId> indices, ValueList<SizeExpr> shape, ValueList<AxisAccess> access, Scalar? fill = null) =>
        Checked(graph, new GatherNode(new TensorType(graph.TypeOf(source).Element, shape), source, indices, access, fill));

    public static NodeId Scatter(
        this GraphAssembler graph, ScatterKind kind, NodeId start, NodeId updates, ValueList<NodeId> indices, ValueList<AxisAccess> access) =>
        Checked(graph, new ScatterNode(graph.TypeOf(start), kind, start, updates, indices, access));

    public static NodeId Concat(this GraphAssembler graph, ValueList<NodeId> parts, int axis)
    {
        Require(parts.Count > 0 && axis >= 0 && axis < graph.TypeOf(parts[0]).Rank, "a part, and one of its axes");
        if (parts.Count == 1)
        {
            return parts[0];
        }

        var first = graph.TypeOf(parts[0]);
        var shape = first.Shape.ToArray();
        shape[axis] = parts.Aggregate(SizeExpr.Zero, (sum, p) => sum + (graph.TypeOf(p) is { } type && axis < type.Rank ? type.Shape[axis] : SizeExpr.Zero));
        return Checked(graph, new ConcatNode(new TensorType(first.Element, shape.ToValueList()), parts, axis));
    }

    public static NodeId Sort(this GraphAssembler graph, NodeId source, int axis, bool descending = false, bool indices = false)
    {
        var type = graph.TypeOf(source);
        return Checked(graph, new SortNode(indices ? type.WithElement(ElementType.I64) : type, source, axis, descending, indices));
    }

    public static NodeId Scan(this GraphAssembler graph, SizeExpr count, ValueList<NodeId> states, ValueList<NodeId> captures, Graph body) =>
        Checked(graph, TypedLoop(new ScanNode(TensorType.Scalar(ElementType.Bool), count, states, captures, body)));

    public static NodeId Iterate(this GraphAssembler graph, SizeExpr max, ValueList<NodeId> states, ValueList<NodeId> captures, Graph body) =>
        Checked(graph, TypedLoop(new IterateNode(TensorType.Scalar(ElementType.Bool), max, states, captures, body)));

    public static NodeId Result(this GraphAssembler graph, NodeId loop, int index)
    {
        var results = LoopTypes.Results(graph[loop]);
        Require(index >= 0 && index < results.Count, $"{loop} has {results.Count} results");
        return Checked(graph, new ResultNode(results[index], loop, index));
    }

    private static Node TypedLoop(Node loop) => LoopTypes.Results(loop) is { Count: > 0 } results ? loop with { Type = results[0] } : loop;

    private static NodeId Checked(GraphAssembler graph, Node node)
    {
        foreach (var operand in node.Operands)
        {
            Require((uint)operand.Value < (uint)graph.Nodes.Count, $"{node.Name} uses {operand}, which is not there yet");
        }

        return node.Accept(new NodeRules(graph.Nodes, SizeFacts.Lenient, -1)) is { } problem
            ? throw new CompilerBugException("graph", $"{node.Name} : {node.Type}: {problem}")
            : graph.Add(node);
    }

    private static void Require(bool holds, string rule)
    {
        if (!holds)
        {
            throw new CompilerBugException("graph", rule);
        }
    }
}
