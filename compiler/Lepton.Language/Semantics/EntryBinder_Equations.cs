using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// name[i, (j, k): sizes] = value: opens the indices, binds the value, gives each index its range, and makes axes of the indices.
internal sealed partial class EntryBinder
{
    /// <summary>One axis of a left side: an index, or several that are joined.</summary>
    private sealed record LeftAxis(IReadOnlyList<OpenIndex> Members, SourceSpan Span);

    private void BindEquation(EquationSyntax equation, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        if (_doubles.Contains(equation))
        {
            return;
        }

        var values = equation.Operator == EquationOperator.Define
            ? EquationValues(equation, scope, expected)
            : [BindScatter(equation, scope, expected)];
        for (var i = 0; i < equation.Targets.Count; i++)
        {
            var target = equation.Targets[i];
            var name = target.Prime ? target.Name.Text + "'" : target.Name.Text;

            // A name that a cycle or a second definition made wrong stays so.
            if (scope.Find(name) is not ErrorValue)
            {
                scope.Set(name, values[i]);
            }
        }
    }

    private Value[] EquationValues(EquationSyntax equation, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        var (firstCheck, firstOpen) = (_checks.Count, _open.Count);
        var inner = new Scope(scope, scope.Frame) { IsEquation = true };
        var lefts = new List<IReadOnlyList<LeftAxis>?>();
        var opened = new Dictionary<string, OpenIndex>();
        var types = new List<TensorInfo?>();
        var supports = new List<(Support? Support, bool IsGood)>();
        foreach (var target in equation.Targets)
        {
            if (target.Prime && !IsState(target.Name.Text, scope))
            {
                Error(FunctionDiagnostics.PrimeOutsideLoop, target.Name.Span, [target.Name.Text]);
            }

            types.Add(target.Type is not null ? TypeOf(target.Type, scope) : expected?.GetValueOrDefault(target.Prime ? target.Name.Text + "'" : target.Name.Text));
            lefts.Add(target.Subscripts is null ? null : OpenLeft(target.Subscripts, inner, opened));
            supports.Add((BindSupport(target, lefts[^1], scope, out var good), good));
        }

        if (equation.Where.Count > 0)
        {
            BindBlock(equation.Where, inner, null);
        }

        var value = BindExpression(equation.Value, inner);
        var values = Apart(value, equation);
        var results = new Value[values.Count];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = FinishTarget(equation.Targets[i], lefts[i], types[i], supports[i].IsGood ? values[i] : ErrorValue.Instance, supports[i].Support, equation.Value.Span);
        }

        _open.RemoveRange(firstOpen, _open.Count - firstOpen);
        FinishChecks(firstCheck);
        return results;
    }

    private static bool IsState(string name, Scope scope)
    {
        for (var s = scope; s is not null; s = s.Parent)
        {
            if (s.States?.Contains(name) == true)
            {
                return true;
            }
        }

        return false;
    }

    // (q, r) = f(x)
    private IReadOnlyList<Value> Apart(Value value, EquationSyntax equation)
    {
        var count = equation.Targets.Count;
        switch (value)
        {
            case TupleValue tuple when tuple.Items.Count == count:
                return tuple.Items;
            case TupleValue or ErrorValue when count > 1 || value is ErrorValue:
            case not TupleValue when count > 1:
                if (value is not ErrorValue)
                {
                    var results = value is TupleValue t ? t.Items.Count : 1;
                    Error(FunctionDiagnostics.ResultCount, equation.Targets[0].Name.Span.To(equation.Targets[^1].Span), [count, Count(results, "result")]);
                }

                return Enumerable.Repeat<Value>(ErrorValue.Instance, count).ToList();
            case TupleValue:
                NotOneValue(value, equation.Value.Span);
                return [ErrorValue.Instance];
            default:
                return [value];
        }
    }

    private List<LeftAxis>? OpenLeft(IReadOnlyList<TargetIndexSyntax> subscripts, Scope inner, Dictionary<string, OpenIndex> opened)
    {
        var axes = new List<LeftAxis>();
        var seen = new HashSet<string>();
        var good = true;
        foreach (var subscript in subscripts)
        {
            if (subscript.Group.Count > 0)
            {
                var members = subscript.Group.Select(m => Open(m.Name, m.Size)).ToList();
                good &= members.All(m => m is not null);
                axes.Add(new LeftAxis(members.OfType<OpenIndex>().ToList(), subscript.Span));
            }
            else if (subscript.Index is NameExpressionSyntax { Prime: false } name)
            {
                var index = Open(name.Name, subscript.Size);
                good &= index is not null;
                axes.Add(new LeftAxis(index is null ? [] : [index], subscript.Span));
            }
            else
            {
                good = false;
                if (subscript.Index is MissingExpressionSyntax)
                {
                    continue; // the parser has said so
                }

                Error(SizeDiagnostics.NotAnIndex, subscript.Span, [], help: "'+=' combines into computed places: hist[bin[i]] += 1");
                OpenBroken(subscript.Index, inner);
            }
        }

        return good ? axes : null;

        OpenIndex? Open(NameSyntax name, ExpressionSyntax? size)
        {
            if (!seen.Add(name.Text))
            {
                Error(SizeDiagnostics.IndexTwice, name.Span, [name.Text]);
                return null;
            }

            // Several targets of one equation share their indices; an index parameter is itself.
            if (!opened.TryGetValue(name.Text, out var index))
            {
                index = inner.Frame.IndexParameters.Contains(name.Text) && inner.Find(name.Text) is OpenIndex own ? own : OpenLabel(name.Text, name.Span);
                opened[name.Text] = index;
                inner.Set(name.Text, index);
            }

            Declare(index, size, inner);
            return index;
        }
    }

    // The indices that a wrong left side was meant to bind are no news on the right.
    private void OpenBroken(ExpressionSyntax? wrong, Scope inner)
    {
        if (wrong is null)
        {
            return;
        }

        FreeNames.Of(wrong, (name, _, inSubscript) =>
        {
            if (inner.Find(name.Text) is null && inner.Frame.File.FindValues(name.Text).Count == 0)
            {
                var index = OpenLabel(name.Text, name.Span);
                index.IsBroken = true;
                inner.Set(name.Text, index);
            }
        });
    }

    private Value FinishTarget(TargetSyntax target, IReadOnlyList<LeftAxis>? left, TensorInfo? type, Value value, Support? support, SourceSpan span)
    {
        if (target.Subscripts is not null)
        {
            if (left is null)
            {
                return ErrorValue.Instance;
            }

            var axes = 0;
            var good = true;
            foreach (var axis in left)
            {
                var fromType = type is not null && axes < type.Shape.Count ? type.Shape[axes] : null;
                good &= CloseAxis(axis, good ? fromType : null, value is not ErrorValue); // one disagreement with the type is enough
                axes++;
            }

            if (value is ErrorValue || !good)
            {
                return ErrorValue.Instance;
            }

            value = Tabulate(value, left, target.Span);
        }

        if (support is not null && value is not ErrorValue)
        {
            value = StandOn(target, support, value, span);
        }

        // The next value of a state is compared with the state when the loop ends: there both are in sight.
        return type is null || target.Prime ? value : CheckType(value, type, target.Subscripts is null ? span : target.Span, target.Name.Text, target.Type?.Span);
    }

    private bool CloseAxis(LeftAxis axis, SizeExpr? fromType, bool report)
    {
        if (axis.Members.Count == 1)
        {
            return Close(axis.Members[0], fromType, report);
        }

        // (h, d) on an axis of known size: one unknown member is what the others leave.
        var open = axis.Members.Where(m => !m.Label.IsSolved).ToList();
        if (fromType is not null && open.Count == 1)
        {
            var others = SizeExpr.Product(axis.Members.Where(m => m.Label.IsSolved).Select(m => m.Label.Size));
            if (DivideExactly(fromType, others, axis.Span) is not { } size)
            {
                return false;
            }

            return Close(open[0], size, report);
        }

        var good = true;
        foreach (var member in axis.Members)
        {
            good &= Close(member, null, report);
        }

        return good;
    }

    private Value Tabulate(Value value, IReadOnlyList<LeftAxis> left, SourceSpan span)
    {
        var labels = left.SelectMany(a => a.Members).Select(m => m.Label).ToValueList();
        var sizes = labels.Select(l => l.Size).ToList();
        var rest = value.Labels.Where(l => !labels.Contains(l)).ToValueList();
        ValueList<SizeExpr> flat = [.. sizes, .. value.Shape];
        ValueList<SizeExpr> joined = [.. left.Select(a => SizeExpr.Product(a.Members.Select(m => m.Label.Size))), .. value.Shape];
        return Lift(value, rest, joined, span, source =>
        {
            var result = Emit(new TypedTabulate(NewId(), new ValueType(source.Type.Element, rest, flat), span, source.Id, labels));
            CopyRange(source, result);
            return left.All(a => a.Members.Count == 1) ? result : Emit(new TypedReshape(NewId(), new ValueType(source.Type.Element, rest, joined), span, result.Id));
        });
    }

    /// <summary>Applies an operation that keeps the element type; to a value whose type is open as soon as that is decided.</summary>
    private Value Lift(Value value, ValueList<IndexLabel> labels, ValueList<SizeExpr> shape, SourceSpan span, Func<TensorValue, TensorValue> operation)
    {
        if (value is UntypedValue untyped && (untyped as DeferredValue)?.Depth is null or < DeferredValue.MaxDepth)
        {
            var depth = (untyped as DeferredValue)?.Depth ?? 0;
            return new DeferredValue(labels, shape, untyped.IsFloat, depth + 1, Body, (element, use) => Coerce(value, element, span) is { } made ? operation(made) : null);
        }

        return Settle(value, span) is { } settled ? operation(settled) : ErrorValue.Instance;
    }

    /// <summary>The value with the given type, or an error that shows both.</summary>
    private Value CheckType(Value value, TensorInfo type, SourceSpan span, string name, SourceSpan? typeSpan)
    {
        if (value is ErrorValue)
        {
            return value;
        }

        if (value is TupleValue)
        {
            NotOneValue(value, span);
            return ErrorValue.Instance;
        }

        IEnumerable<DiagnosticLabel> labels = typeSpan is { } place ? [new DiagnosticLabel(place, "declared here")] : [];
        if (!SameShape(value.Shape, type.Shape))
        {
            return Error(SizeDiagnostics.WrongShape, span, [name, ShownOrScalar(value.Shape), ShownOrScalar(type.Shape)], labels);
        }

        if (value is not UntypedValue && !Widens(value.Element!.Value, type.Element))
        {
            return Error(
                TypeDiagnostics.WrongElement,
                span,
                [name, Describe(value), type.Element.Name()],
                labels,
                $"convert it: {type.Element.Name()}(…)");
        }

        return Coerce(value, type.Element, span) is { } made ? StoredAs(made, type) : ErrorValue.Instance;
    }

    private static string ShownOrScalar(ValueList<SizeExpr> shape) => shape.Count == 0 ? "[] (a scalar)" : Shown(shape);
}
