using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Built-in functions that rearrange whole tensors.
internal sealed partial class EntryBinder
{
    private Value Transpose(Operand source, Operand? axes, SourceSpan span)
    {
        var rank = source.Value.Shape.Count;
        var order = Enumerable.Range(0, rank).Reverse().ToList();
        if (axes is { } given)
        {
            if (Axes(given, rank) is not { } written)
            {
                return ErrorValue.Instance;
            }

            if (written.Count != rank)
            {
                return Error(SizeDiagnostics.NotAPermutation, given.Span, [string.Join(", ", written), AxisCount(rank)]);
            }

            order = written;
        }

        return Permute(source.Value, order, span);
    }

    /// <summary><c>stack(a, b, axis = 1)</c>: the new axis is the first, and then moves to its place.</summary>
    private Value StackAt(List<Operand> parts, Operand? axis, SourceSpan span)
    {
        var value = Stack(parts, span);
        var rank = value.Shape.Count;
        if (axis is not { } given || value is ErrorValue)
        {
            return value;
        }

        return Axes(given, rank) is not [var at, ..] ? ErrorValue.Instance
            : at == 0 ? value
            : Permute(value, [.. Enumerable.Range(1, at), 0, .. Enumerable.Range(at + 1, rank - at - 1)], span);
    }

    private Value Permute(Value value, IReadOnlyList<int> order, SourceSpan span)
    {
        var shape = order.Select(i => value.Shape[i]).ToValueList();
        return Lift(value, value.Labels, shape, span, x =>
            Emit(new TypedTranspose(NewId(), new ValueType(x.Type.Element, x.Labels, shape), span, x.Id, order.ToValueList())));
    }

    /// <summary>A list of sizes, or one size; null after an error. -1 stays for reshape to fill in.</summary>
    private List<SizeExpr>? ShapeArgument(Operand given, bool allowsRest)
    {
        IReadOnlyList<NumberValue>? items = given.Value switch
        {
            NumberValue n => [n],
            ListValue { Shape.Count: 1 } list => list.Items,
            _ => null,
        };
        if (items is null || items.Any(i => i.Integer is null))
        {
            Error(SizeDiagnostics.NotASize, given.Span, [], [new DiagnosticLabel(given.Span, $"this is {Describe(given.Value)}")], "write a list of sizes: [B, 2 * H]");
            return null;
        }

        var sizes = new List<SizeExpr>();
        foreach (var item in items)
        {
            var size = item.Integer!;
            if (!(allowsRest && size.AsConstant == -1) && CheckExtent(size, given.Span) is null)
            {
                return null;
            }

            sizes.Add(size);
        }

        return sizes;
    }

    private Value Reshape(Operand source, Operand given, SourceSpan span)
    {
        if (ShapeArgument(given, allowsRest: true) is not { } sizes)
        {
            return ErrorValue.Instance;
        }

        var count = SizeExpr.Product(source.Value.Shape);
        var rest = sizes.FindIndex(s => s.AsConstant == -1);
        if (rest >= 0)
        {
            var known = SizeExpr.Product(sizes.Where((_, i) => i != rest));
            if (sizes.Count(s => s.AsConstant == -1) > 1 || known.AsConstant == 0)
            {
                return Error(SizeDiagnostics.ReshapeCount, given.Span, [Shown(source.Value.Shape), $"[{string.Join(", ", sizes)}]"], help: "one -1 at most, and no 0 beside it");
            }

            if (DivideExactly(count, known, given.Span) is not { } left)
            {
                return ErrorValue.Instance;
            }

            sizes[rest] = left;
        }

        var shape = sizes.ToValueList();
        if (!_proof.Equal(count, SizeExpr.Product(shape)))
        {
            return Error(
                SizeDiagnostics.ReshapeCount,
                given.Span,
                [Shown(source.Value.Shape), Shown(shape)],
                [new DiagnosticLabel(source.Span, $"{count} elements"), new DiagnosticLabel(given.Span, $"{SizeExpr.Product(shape)} elements")]);
        }

        return Lift(source.Value, source.Value.Labels, shape, span, x =>
            Emit(new TypedReshape(NewId(), new ValueType(x.Type.Element, x.Labels, shape), span, x.Id)));
    }

    private Value BroadcastTo(Operand source, Operand given, SourceSpan span)
    {
        if (ShapeArgument(given, allowsRest: false) is not { } sizes)
        {
            return ErrorValue.Instance;
        }

        var shape = sizes.ToValueList();
        if (source.Value.Shape.Count > shape.Count || Broadcast(shape, source.Value.Shape) is not { } both || !SameShape(both, shape))
        {
            return Error(SizeDiagnostics.SizesDiffer, given.Span, [Shown(source.Value.Shape), Shown(shape)], [new DiagnosticLabel(source.Span, $"this is {Describe(source.Value)}")]);
        }

        return Expand(source.Value, shape, span);
    }

    private Value Expand(Value value, ValueList<SizeExpr> shape, SourceSpan span) => value.Shape == shape ? value : Lift(value, value.Labels, shape, span, x =>
        Emit(new TypedBroadcast(NewId(), new ValueType(x.Type.Element, x.Labels, shape), span, x.Id)));

    private Value Concat(List<Operand> parts, Operand? axisArgument, SourceSpan span)
    {
        var axis = 0;
        var rank = parts.Max(p => p.Value.Shape.Count);
        if (parts.FirstOrDefault(p => p.Value.Shape.Count == 0) is { Value: not null } scalar)
        {
            return Error(SizeDiagnostics.RankNeeded, scalar.Span, ["concat"], help: "stack(a, b), or [a, b], puts scalars beside each other");
        }

        if (axisArgument is { } given)
        {
            if (Axes(given, rank) is not { Count: > 0 } axes)
            {
                return ErrorValue.Instance;
            }

            axis = axes[0];
        }

        return Concat(parts, axis, span);
    }

    private Value Concat(List<Operand> parts, int axis, SourceSpan span)
    {
        var first = parts[0].Value.Shape;
        var total = SizeExpr.Zero;
        ValueList<IndexLabel> labels = [];
        foreach (var part in parts)
        {
            var shape = part.Value.Shape;
            if (shape.Count != first.Count || shape.Where((s, i) => i != axis && !_proof.Equal(s, first[i])).Any())
            {
                return Error(
                    SizeDiagnostics.SizesDiffer,
                    part.Span,
                    [Shown(first), Shown(shape)],
                    [new DiagnosticLabel(parts[0].Span, $"this is {Describe(parts[0].Value)}"), new DiagnosticLabel(part.Span, $"this is {Describe(part.Value)}")],
                    $"all sizes but that of axis {axis} must be equal");
            }

            total += shape[axis];
            labels = Union(labels, part.Value.Labels);
        }

        if (!Common([.. parts], out var common))
        {
            return ErrorValue.Instance;
        }

        var result = first.Select((s, i) => i == axis ? total : s).ToValueList();
        TensorValue? Make(ElementType element, SourceSpan use)
        {
            var made = parts.Select(p => Coerce(p.Value, element, p.Span)).ToList();
            return made.Contains(null) ? null : Emit(new TypedConcat(NewId(), new ValueType(element, labels, result), span, made.Select(m => m!.Id).ToValueList(), axis));
        }

        return common is { } known ? Make(known, span) ?? (Value)ErrorValue.Instance : Defer(labels, result, parts, isFloat: false, span, Make);
    }

    private Value Sort(BuiltinCall call)
    {
        var (source, indices) = (call.First, call.Callee.Name == "argsort");
        var shape = source.Value.Shape;
        if (shape.Count == 0)
        {
            return Error(SizeDiagnostics.RankNeeded, source.Span, [call.Callee.Name]);
        }

        var axis = shape.Count - 1;
        if (call["axis"] is { } given)
        {
            if (Axes(given, shape.Count) is not { Count: 1 } axes)
            {
                return ErrorValue.Instance;
            }

            axis = axes[0];
        }

        if (!IsTrue(call["descending"], out var descending) || Settle(source.Value, source.Span) is not { } x)
        {
            return ErrorValue.Instance;
        }

        var result = Emit(new TypedSort(
            NewId(), x.Type with { Element = indices ? ElementType.I64 : x.Type.Element }, call.Span, x.Id, axis, descending, indices));
        if (indices)
        {
            WithRange(result, new FixedRange(SizeExpr.Zero, shape[axis] - SizeExpr.One));
        }

        return result;
    }

    private Value Size(Operand source, Operand? axis, SourceSpan span)
    {
        var shape = source.Value.Shape;
        if (axis is not { } given)
        {
            return NumberValue.Of(SizeExpr.Product(shape));
        }

        return Axes(given, shape.Count) is { Count: > 0 } axes ? NumberValue.Of(SizeExpr.Product(axes.Select(a => shape[a]))) : ErrorValue.Instance;
    }

    // iota(n)[i] = i
    private Value Iota(Operand count, SourceSpan span)
    {
        if (ShapeArgument(count, allowsRest: false) is not { Count: 1 } sizes)
        {
            return ErrorValue.Instance;
        }

        var label = SolvedLabel("i", sizes[0], span);
        var index = MakeIndex(IndexValue.Of(label), span);
        var result = Emit(new TypedTabulate(NewId(), new ValueType(ElementType.I64, [], [sizes[0]]), span, index.Id, [label]));
        return WithRange(result, new FixedRange(SizeExpr.Zero, sizes[0] - SizeExpr.One));
    }
}
