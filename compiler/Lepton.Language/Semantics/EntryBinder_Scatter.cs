using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// hist[bin[i]] += w[i]: all indices are the loop; each update goes to the place that the subscripts name.
internal sealed partial class EntryBinder
{
    /// <summary>One axis of the target while its size is not known yet.</summary>
    private sealed record ScatterAxis(TargetIndexSyntax Syntax, Value Value, SizeExpr? Written);

    private Value BindScatter(EquationSyntax equation, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        var target = equation.Targets[0];
        if (target.Subscripts is null || equation.Targets.Count > 1)
        {
            return Error(FunctionDiagnostics.CannotCombine, target.Span, [OperatorText(equation.Operator)]);
        }

        if (target.Support is { } support)
        {
            return Error(FormatDiagnostics.SupportPlace, support.Span, [$"with '{OperatorText(equation.Operator)}'"], help: "give the combined tensor a name, and define another on it");
        }

        var (firstCheck, firstOpen) = (_checks.Count, _open.Count);
        var loop = new List<OpenIndex>();
        var inner = new Scope(scope, scope.Frame) { Implicit = loop };
        var type = target.Type is not null ? TypeOf(target.Type, scope) : expected?.GetValueOrDefault(target.Prime ? target.Name.Text + "'" : target.Name.Text);
        var axes = target.Subscripts.Select(s => BindScatterAxis(s, inner)).ToList();
        if (equation.Where.Count > 0)
        {
            BindBlock(equation.Where, inner, null);
        }

        var value = BindExpression(equation.Value, inner);
        if (value is TupleValue)
        {
            NotOneValue(value, equation.Value.Span);
            value = ErrorValue.Instance;
        }

        var good = value is not ErrorValue && axes.All(a => a.Value is not ErrorValue);
        foreach (var index in loop)
        {
            var at = axes.FindIndex(a => (a.Value as IndexValue)?.Plain == index.Label);
            var fromType = at >= 0 && type is not null && at < type.Shape.Count ? type.Shape[at] : null;

            // The axis may be longer than the range; only an index without any other range takes it from the type.
            good &= Close(index, index.Label.IsSolved ? null : fromType, good);
        }

        _open.RemoveRange(firstOpen, _open.Count - firstOpen);
        var result = good ? Scatter(equation, target, axes, loop, value, type) : ErrorValue.Instance;
        FinishChecks(firstCheck);
        return result is ErrorValue || type is null ? result : CheckType(result, type, target.Span, target.Name.Text, target.Type?.Span);
    }

    private static string OperatorText(EquationOperator op) => op switch
    {
        EquationOperator.Add => "+=",
        EquationOperator.Multiply => "*=",
        EquationOperator.Max => "max=",
        _ => "min=",
    };

    private ScatterAxis BindScatterAxis(TargetIndexSyntax syntax, Scope inner)
    {
        if (syntax.Index is null)
        {
            return new ScatterAxis(syntax, Error(SizeDiagnostics.NotAnIndex, syntax.Span, [], help: "write the place as one expression: h * D + d"), null);
        }

        var value = BindIndexExpression(syntax.Index, inner);
        var written = syntax.Size is null ? null : BindExtent(syntax.Size, inner);
        if (value is IndexValue { Plain: { Step: null } plain } && written is not null)
        {
            _indices[plain].Fallback ??= written;
        }

        if (value is not ErrorValue && (value.Element?.IsInteger() == false || value is UntypedValue { IsFloat: true } or BoolValue))
        {
            value = Error(TypeDiagnostics.WrongOperand, syntax.Index.Span, ["a subscript", "an integer", Describe(value)], help: SubscriptHelp(value));
        }
        else if (value.Shape.Count > 0)
        {
            value = Error(SizeDiagnostics.ScalarNeeded, syntax.Index.Span, ["a subscript on the left", Shown(value.Shape)], help: "write the index: hist[bin[i]]");
        }

        return new ScatterAxis(syntax, syntax.Size is not null && written is null ? ErrorValue.Instance : value, written);
    }

    private Value Scatter(EquationSyntax equation, TargetSyntax target, List<ScatterAxis> axes, List<OpenIndex> loop, Value value, TensorInfo? type)
    {
        if (value.Shape.Count > 0)
        {
            return Error(SizeDiagnostics.ScalarNeeded, equation.Value.Span, ["the update", Shown(value.Shape)], help: "write its indices");
        }

        var subscripts = new TypedSubscript[axes.Count];
        var sizes = new SizeExpr[axes.Count];
        var labels = value.Labels.ToHashSet();
        for (var i = 0; i < axes.Count; i++)
        {
            var axis = axes[i];
            var plain = (axis.Value as IndexValue)?.Plain is { Step: null } p ? p : null;
            var size = axis.Written ?? (type is not null && i < type.Shape.Count ? type.Shape[i] : plain?.Size);
            if (size is null)
            {
                return Error(SizeDiagnostics.NoScatterSize, axis.Syntax.Span, [i, target.Name.Text], help: $"write it: {target.Name.Text}[{axis.Syntax.Span.Text}: 10]");
            }

            sizes[i] = size;
            if (ScatterSubscript(axis, size, subscripts, i, target, loop, labels) is { } error)
            {
                return error;
            }
        }

        if (value.Element == ElementType.Bool)
        {
            return Error(TypeDiagnostics.WrongOperand, equation.Value.Span, [$"'{OperatorText(equation.Operator)}'", "numbers", "bool"], help: "convert it: i32(…)");
        }

        var over = loop.Select(l => l.Label).ToValueList();
        var rest = labels.Where(l => !over.Contains(l)).OrderBy(l => l.Id).ToValueList();
        var kind = equation.Operator switch
        {
            EquationOperator.Add => TypedScatterKind.Add,
            EquationOperator.Multiply => TypedScatterKind.Mul,
            EquationOperator.Max => TypedScatterKind.Max,
            _ => TypedScatterKind.Min,
        };
        var shape = sizes.ToValueList();
        return Lift(value, rest, shape, target.Span, updates =>
            Emit(new TypedScatter(NewId(), new ValueType(updates.Type.Element, rest, shape), target.Span, kind, null, updates.Id, over, subscripts)));
    }

    private ErrorValue? ScatterSubscript(
        ScatterAxis axis, SizeExpr size, TypedSubscript[] into, int at, TargetSyntax target, List<OpenIndex> loop, HashSet<IndexLabel> labels)
    {
        var span = axis.Syntax.Span;
        var fact = $"axis {at} of {target.Name.Text} has size {size}";
        var place = new CheckedSubscript(into, at, target.Span, loop.Select(l => l.Label).ToValueList());
        var affine = axis.Value switch
        {
            NumberValue { Integer: { } constant } => new IndexValue(constant, []),
            IndexValue index when index.Terms.All(t => t.Label.Step is null) => index,
            _ => null,
        };
        if (affine is not null && !IsInReach(affine.Offset, affine.Terms, span))
        {
            return ErrorValue.Instance;
        }

        if (affine is not null)
        {
            into[at] = new AffineSubscript(affine.Offset, affine.Terms, TypedOutside.Never);
            labels.UnionWith(affine.Labels);
            RequireInside(new AffineRange(affine.Offset, affine.Terms), size, span, fact, place, isData: false);
            return null;
        }

        if (Settle(axis.Value, span) is not { } data)
        {
            return ErrorValue.Instance;
        }

        if (data.Type.Element is not (ElementType.I64 or ElementType.I32))
        {
            data = Cast(data, ElementType.I64, span);
        }

        labels.UnionWith(data.Labels);
        into[at] = new DataSubscript(data.Id, TypedOutside.Never, -1);
        RequireInside(_ranges.GetValueOrDefault(data.Id) ?? new UnknownRange(), size, span, fact, place, isData: true);
        return null;
    }
}
