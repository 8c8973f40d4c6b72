using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// The type and shape rule of every operation, once: the assembler applies it when a node is made, the verifier to whole graphs. A visit
/// answers null, or which rule is broken.
/// </summary>
/// <param name="nodes">All nodes before the one that is checked.</param>
/// <param name="siteCount">The number of run-time checks there are, or -1 when not known yet.</param>
internal sealed class NodeRules(IReadOnlyList<Node> nodes, SizeFacts sizes, int siteCount) : NodeVisitor<string?>
{
    public override string? Visit(InputNode node) =>
        node.Kind == InputKind.Step && node.Type != TensorType.Scalar(ElementType.I64) ? "a step number is an i64 scalar"
        : node.Initializer is not null && node.Kind != InputKind.Parameter ? "only parameters have initializers"
        : node.Given is not null && (node.Kind != InputKind.Parameter || node.Format is not null || node.Given == node.Type.Element) ? "only dense parameters are rounded, to another type"
        : node.Format is null ? null
        : node.Kind is not (InputKind.Argument or InputKind.Parameter or InputKind.Capture) ? "a step number and states have no formats"
        : Stored(node.Format, node.Type);

    public override string? Visit(SplatNode node) => node.Value.Type == node.Type.Element ? null : $"a {node.Value.Type.Name()} in a {node.Type}";

    public override string? Visit(ConstantNode node) =>
        node.Type.Shape.Any(s => !s.IsConstant) ? "the shape of a constant is constant"
        : node.Type.Count.AsConstant != node.Values.Count ? $"{node.Values.Count} values for {node.Type}"
        : node.Values.Any(v => v.Type != node.Type.Element) ? "every value has the element type"
        : null;

    public override string? Visit(SizeNode node) => node.Type == TensorType.Scalar(ElementType.I64) ? null : "a size is an i64 scalar";

    public override string? Visit(IotaNode node) =>
        node.Type.Element != ElementType.I64 ? "iota is i64" : BadAxis(node.Axis, node.Type);

    public override string? Visit(MapNode node)
    {
        var elements = node.Arguments.Select(a => TypeOf(a).Element).ToArray();
        if (node.Op.ResultType(elements, node.Type.Element) is not { } element)
        {
            return $"{node.Name} does not take ({string.Join(", ", elements.Select(e => e.Name()))})";
        }

        if (element != node.Type.Element)
        {
            return $"{node.Name} gives {element.Name()}, not {node.Type.Element.Name()}";
        }

        foreach (var argument in node.Arguments)
        {
            if (!sizes.MayEqual(TypeOf(argument).Shape, node.Type.Shape))
            {
                return $"operand {argument} is {TypeOf(argument)}, not of the result's shape";
            }
        }

        return null;
    }

    public override string? Visit(ViewNode node)
    {
        var source = TypeOf(node.Source);
        return Elements(node, source)
            ?? (node.Access.Any(a => a.Data >= 0) ? "a view has no data indices" : null)
            ?? Fill(node.Fill, node.Access, source)
            ?? Access(node.Access, source, node.Type.Shape, 0);
    }

    public override string? Visit(FormatNode node) =>
        TypeOf(node.Source) is var source && source.Element != node.Type.Element ? $"{source} is not {node.Type}"
        : !sizes.MayEqual(source.Shape, node.Type.Shape) ? $"{source} is not {node.Type}"
        : Stored(node.Format, node.Type);

    public override string? Visit(ReshapeNode node)
    {
        var source = TypeOf(node.Source);
        return Elements(node, source) ?? (sizes.MayEqual(source.Count, node.Type.Count) ? null : $"{source} has not as many elements as {node.Type}");
    }

    public override string? Visit(ContractNode node)
    {
        if (node.Factors.Count == 0 || node.Factors.Count != node.Labels.Count)
        {
            return "as many lists of labels as factors, at least one";
        }

        var sizeOf = new Dictionary<int, SizeExpr>();
        for (var k = 0; k < node.Factors.Count; k++)
        {
            var (type, labels) = (TypeOf(node.Factors[k]), node.Labels[k]);
            if (type.Element == ElementType.Bool || type.Element != node.Type.Element)
            {
                return $"factor {node.Factors[k]} is {type.Element.Name()}; all factors and the result are of one numeric type";
            }

            if (labels.Count != type.Rank || labels.Distinct().Count() != labels.Count || labels.Any(l => l < 0))
            {
                return $"factor {node.Factors[k]}: one label for each of its {type.Rank} axes, none twice";
            }

            for (var axis = 0; axis < labels.Count; axis++)
            {
                if (!sizeOf.TryAdd(labels[axis], type.Shape[axis]) && !sizes.MayEqual(sizeOf[labels[axis]], type.Shape[axis]))
                {
                    return $"label {labels[axis]} is both {sizeOf[labels[axis]]} and {type.Shape[axis]}";
                }
            }
        }

        return node.Output.Distinct().Count() != node.Output.Count || !node.Output.All(sizeOf.ContainsKey) ? "each output label is one of a factor and stands once"
            : !sizes.MayEqual(node.Output.Select(l => sizeOf[l]).ToValueList(), node.Type.Shape) ? $"the output labels give [{string.Join(", ", node.Output.Select(l => sizeOf[l]))}]"
            : null;
    }

    public override string? Visit(ReduceNode node)
    {
        var source = TypeOf(node.Source);
        if (!Ascending(node.Axes) || node.Axes.Any(a => a < 0 || a >= source.Rank))
        {
            return $"reduced axes are sorted, different, and inside {source}";
        }

        var (fits, element) = ReduceTypes(node.Kind, source.Element);
        return !fits ? $"{node.Kind} does not take {source.Element.Name()}"
            : element != node.Type.Element ? $"{node.Kind} of {source.Element.Name()} is {element.Name()}"
            : !sizes.MayEqual(Without(source.Shape, node.Axes), node.Type.Shape) ? $"the axes that stay of {source} are another shape"
            : null;
    }

    public override string? Visit(GatherNode node)
    {
        var source = TypeOf(node.Source);
        return Elements(node, source)
            ?? (node.Indices.Count == 0 ? "a gather has a data index" : null)
            ?? Indices(node.Indices, node.Access, node.Type.Shape)
            ?? Fill(node.Fill, node.Access, source)
            ?? Access(node.Access, source, node.Type.Shape, node.Indices.Count);
    }

    public override string? Visit(ScatterNode node)
    {
        var (start, updates) = (TypeOf(node.Base), TypeOf(node.Updates));
        return Elements(node, start)
            ?? (node.Type.Element == ElementType.Bool ? "a scatter combines numbers" : null)
            ?? (updates.Element != start.Element ? "updates are of the base's element type" : null)
            ?? (sizes.MayEqual(start.Shape, node.Type.Shape) ? null : "the result has the base's shape")
            ?? Indices(node.Indices, node.Access, updates.Shape)
            ?? Access(node.Access, node.Type, updates.Shape, node.Indices.Count);
    }

    public override string? Visit(ConcatNode node)
    {
        if (node.Parts.Count == 0 || BadAxis(node.Axis, node.Type) is not null)
        {
            return $"at least one part, and an axis of {node.Type}";
        }

        var sum = SizeExpr.Zero;
        foreach (var part in node.Parts)
        {
            var type = TypeOf(part);
            var shape = type.Shape.ToArray();
            if (type.Element != node.Type.Element || type.Rank != node.Type.Rank)
            {
                return $"part {part} is {type}";
            }

            sum += shape[node.Axis];
            shape[node.Axis] = node.Type.Shape[node.Axis];
            if (!sizes.MayEqual(shape.ToValueList(), node.Type.Shape))
            {
                return $"part {part} is {type}: the other axes agree";
            }
        }

        return sizes.MayEqual(sum, node.Type.Shape[node.Axis]) ? null : $"the parts add up to {sum}";
    }

    public override string? Visit(SortNode node)
    {
        var source = TypeOf(node.Source);
        return BadAxis(node.Axis, source)
            ?? (node.Type.Element != (node.Indices ? ElementType.I64 : source.Element) ? $"sort gives {source.Element.Name()}, or i64 positions" : null)
            ?? (sizes.MayEqual(source.Shape, node.Type.Shape) ? null : "a sort keeps the shape");
    }

    public override string? Visit(ScanNode node) =>
        node.Count.AsConstant < 0 ? "a scan has no negative number of steps" : Body(node, node.Body, node.States, node.Captures, until: false);

    public override string? Visit(IterateNode node) =>
        node.Max.AsConstant < 0 ? "an iterate has no negative number of steps" : Body(node, node.Body, node.States, node.Captures, until: true);

    public override string? Visit(ResultNode node)
    {
        if (nodes[node.Source.Value] is not (ScanNode or IterateNode))
        {
            return "results are taken of a scan or iterate";
        }

        var results = LoopTypes.Results(nodes[node.Source.Value]);
        return node.Index < 0 || node.Index >= results.Count ? $"{node.Source} has {results.Count} results" : SameType(results[node.Index], node.Type, "result");
    }

    internal static ValueList<SizeExpr> Without(ValueList<SizeExpr> shape, ValueList<int> axes) =>
        shape.Where((_, axis) => !axes.Contains(axis)).ToValueList();

    /// <summary>Whether a reducer takes an element type, and what it gives.</summary>
    internal static (bool Fits, ElementType Result) ReduceTypes(ReduceKind kind, ElementType source) => kind switch
    {
        ReduceKind.Any or ReduceKind.All => (source == ElementType.Bool, ElementType.Bool),
        ReduceKind.ArgMax or ReduceKind.ArgMin => (true, ElementType.I64),
        _ => (source != ElementType.Bool, source),
    };

    private static bool Ascending(ValueList<int> axes)
    {
        for (var i = 1; i < axes.Count; i++)
        {
            if (axes[i] <= axes[i - 1])
            {
                return false;
            }
        }

        return true;
    }

    private static string? BadAxis(int axis, TensorType type) => axis >= 0 && axis < type.Rank ? null : $"{type} has no axis {axis}";

    private static string? Elements(Node node, TensorType source) =>
        node.Type.Element == source.Element ? null : $"{node.Name} keeps the element type {source.Element.Name()}";

    private static string? Fill(Scalar? fill, ValueList<AxisAccess> access, TensorType source) =>
        access.Any(a => a.Outside == Outside.Fill) != fill is not null ? "a fill value where an axis has 'else fill', and only there"
        : fill is { } value && value.Type != source.Element ? $"the fill value is {value.Type.Name()}"
        : null;

    private TensorType TypeOf(NodeId id) => nodes[id.Value].Type;

    private string? SameType(TensorType expected, TensorType actual, string what) =>
        expected.Element == actual.Element && sizes.MayEqual(expected.Shape, actual.Shape) ? null : $"{what} is {expected}, not {actual}";

    private string? Indices(ValueList<NodeId> indices, ValueList<AxisAccess> access, ValueList<SizeExpr> shape)
    {
        for (var k = 0; k < indices.Count; k++)
        {
            var type = TypeOf(indices[k]);
            if (type.Element is not (ElementType.I64 or ElementType.I32))
            {
                return $"data index {indices[k]} is {type.Element.Name()}: i64 or i32";
            }

            if (!sizes.MayEqual(type.Shape, shape))
            {
                return $"data index {indices[k]} is {type}, not of the shape [{string.Join(", ", shape)}]";
            }

            if (access.All(a => a.Data != k))
            {
                return $"data index {indices[k]} is not used by an axis";
            }
        }

        return null;
    }

    private string? Access(ValueList<AxisAccess> access, TensorType source, ValueList<SizeExpr> shape, int dataCount)
    {
        if (access.Count != source.Rank)
        {
            return $"{access.Count} accesses for the axes of {source}";
        }

        for (var axis = 0; axis < access.Count; axis++)
        {
            var a = access[axis];
            var problem = a.Data >= dataCount ? $"there is no data index {a.Data}"
                : a.Data >= 0 && (a.Offset != SizeExpr.Zero || a.Terms.Count > 0) ? "a data index stands alone"
                : a.Site >= 0 && (a.Data < 0 || a.Outside != Outside.Never) ? "only data indices without 'else' are checked at run time"
                : siteCount >= 0 && a.Site >= siteCount ? $"there is no site {a.Site}"
                : !Ascending(a.Terms.Select(t => t.Axis).ToValueList()) || a.Terms.Any(t => t.Axis < 0 || t.Axis >= shape.Count || t.Coefficient == SizeExpr.Zero)
                    ? "terms are sorted by axis, each axis once and of the result, no coefficient zero"
                : a.Outside is Outside.Clamp or Outside.Wrap or Outside.Reflect && !sizes.MayBeRead(source.Shape[axis], shape)
                    ? "clamp, wrap and reflect need an axis that is not empty"
                : a.Outside == Outside.Never && a.Data < 0 && sizes.OutsideAt(a, source.Shape[axis], shape) is { } range ? $"reaches {range}"
                : null;
            if (problem is not null)
            {
                return $"axis {axis} [{a}]: {problem}";
            }
        }

        return null;
    }

    private static string? Stored(TensorFormat format, TensorType type) =>
        format.Problem(type.Rank) ?? (format.Fill is { } fill && fill.Type != type.Element ? $"a {fill.Type.Name()} as the fill value of {type}" : null);

    private string? Body(Node loop, Graph body, ValueList<NodeId> states, ValueList<NodeId> captures, bool until)
    {
        if (body.Inputs.Count != 1 + states.Count + captures.Count)
        {
            return $"the body has {body.Inputs.Count} inputs for the step, {states.Count} states and {captures.Count} captures";
        }

        for (var i = 0; i < body.Inputs.Count; i++)
        {
            var kind = i == 0 ? InputKind.Step : i <= states.Count ? InputKind.State : InputKind.Capture;
            if (body[body.Inputs[i]] is not InputNode input || input.Kind != kind)
            {
                return $"body input {i} is a {kind}";
            }

            if (i > 0 && SameType(TypeOf(loop.Operands[i - 1]), input.Type, $"body input {i}") is { } problem)
            {
                return problem;
            }
        }

        if (until ? body.Outputs.Count != states.Count + 1 : body.Outputs.Count < states.Count)
        {
            return $"the body has {body.Outputs.Count} outputs for {states.Count} states{(until ? " and until" : "")}";
        }

        for (var i = 0; i < states.Count; i++)
        {
            if (SameType(TypeOf(states[i]), body[body.Outputs[i].Node].Type, $"state {i}") is { } problem)
            {
                return problem;
            }
        }

        if (until && body[body.Outputs[^1].Node].Type != TensorType.Scalar(ElementType.Bool))
        {
            return "until is a bool scalar";
        }

        var results = LoopTypes.Results(loop);
        return SameType(results.Count > 0 ? results[0] : TensorType.Scalar(ElementType.Bool), loop.Type, "the type of a loop, that of its first result,");
    }
}

/// <summary>The types of the results of scans and iterates.</summary>
public static class LoopTypes
{
    /// <summary>The final states, then (scan) the emits stacked along a new first axis.</summary>
    public static ValueList<TensorType> Results(Node loop) => loop switch
    {
        ScanNode scan => scan.Body.Outputs.Select((o, i) => i < scan.States.Count
            ? scan.Body[o.Node].Type
            : new TensorType(scan.Body[o.Node].Type.Element, [scan.Count, .. scan.Body[o.Node].Type.Shape])).ToValueList(),
        IterateNode iterate => iterate.Body.Outputs.Take(iterate.States.Count).Select(o => iterate.Body[o.Node].Type).ToValueList(),
        _ => throw new CompilerBugException("graph", $"{loop.Name} has no numbered results"),
    };
}
