using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// s[i, j] on a fill v = e:  s[i, j] = if a[i, j] != fill(a) then e else v, stored as a is.
internal sealed partial class EntryBinder
{
    /// <summary>What a left side stands on.</summary>
    private sealed record Support(SupportSyntax Syntax, TensorValue Tensor, Operand Fill)
    {
        public string Name => Syntax.Tensor.Span.Text;
    }

    /// <summary>The tensor behind <c>on</c>, which gives the indices of the left side their ranges; null where there is none, or after an error.</summary>
    private Support? BindSupport(TargetSyntax target, IReadOnlyList<LeftAxis>? left, Scope scope, out bool good)
    {
        good = true;
        if (target.Support is not { } written)
        {
            return null;
        }

        good = false;
        var tensor = Settle(BindName(written.Tensor, scope), written.Tensor.Span);
        var fill = new Operand(written.Fill is null ? NumberValue.Of(SizeExpr.Zero) : BindExpression(written.Fill, scope), written.Fill?.Span ?? written.Span);
        if (tensor is null || !IsFill(fill.Value, fill.Span))
        {
            return null;
        }

        if (tensor.Shape.Count == 0)
        {
            Error(SizeDiagnostics.RankNeeded, written.Tensor.Span, ["`on`"]);
            return null;
        }

        var support = new Support(written, tensor, fill);
        if (left is not null && left.Count > tensor.Shape.Count)
        {
            WrongSupport(target, support, $"has {AxisCount(left.Count)}");
            return null;
        }

        good = true;
        for (var axis = 0; axis < left?.Count; axis++)
        {
            if (left[axis].Members is not [var index])
            {
                continue;
            }

            // With fewer indices than axes the right side has the others, or the shapes differ: the right side tells.
            if (left.Count < tensor.Shape.Count)
            {
                index.Fallback ??= tensor.Shape[axis];
            }
            else
            {
                UseSupport(index, tensor.Shape[axis], support);
            }
        }

        return support;
    }

    private void UseSupport(OpenIndex index, SizeExpr size, Support support)
    {
        var use = new PlainUse(size, support.Syntax.Tensor.Span, $"{size} here: {support.Name} is {Describe(support.Tensor)}", null);
        if (!index.Label.IsSolved)
        {
            index.First = use;
            index.Label.Solve(size);
        }
        else if (!index.IsBroken && !_proof.Equal(index.Label.Size, size))
        {
            TwoRanges(index, use, null);
        }
    }

    private void WrongSupport(TargetSyntax target, Support support, string fact) => Error(
        FormatDiagnostics.SupportShape,
        target.Name.Span,
        [target.Name.Text, fact, support.Name, Describe(support.Tensor)],
        [new DiagnosticLabel(support.Syntax.Tensor.Span, $"this is {Describe(support.Tensor)}")],
        $"the axes of {support.Name} are those of {target.Name.Text}, in their order");

    /// <param name="target">The left side.</param>
    /// <param name="support">What it stands on.</param>
    /// <param name="value">Without the left side's indices: they are axes.</param>
    /// <param name="span">Of the right side.</param>
    private Value StandOn(TargetSyntax target, Support support, Value value, SourceSpan span)
    {
        if (value is TupleValue)
        {
            NotOneValue(value, span);
            return ErrorValue.Instance;
        }

        // A whole right side may be repeated along axes, as in y on a = 1; with indices there is one element for each.
        var shape = support.Tensor.Shape;
        var fits = target.Subscripts is null ? Broadcast(shape, value.Shape) is { } both && SameShape(both, shape) : SameShape(value.Shape, shape);
        if (!fits)
        {
            WrongSupport(target, support, value.Shape.Count == 0 ? "is a scalar" : $"is {Shown(value.Shape)}");
            return ErrorValue.Instance;
        }

        var on = support.Tensor;
        var storage = on.Storage ?? new Storage(null, Scalar.Of(on.Type.Element, 0));
        var nothing = Emit(new TypedLiteral(NewId(), new ValueType(on.Type.Element, [], []), support.Syntax.Span, storage.Fill));
        var test = EmitMap(Numbers.MapName(BinaryOperator.NotEqual), ElementType.Bool, support.Syntax.Span, on, nothing);
        return value is UntypedValue
            ? Defer(Union(value.Labels, on.Labels), shape, [new Operand(value, span), support.Fill], isFloat: false, span, Make)
            : Make(value.Element!.Value, span) ?? (Value)ErrorValue.Instance;

        TensorValue? Make(ElementType element, SourceSpan use)
        {
            // 0 if nothing else is said: of bools, false.
            var chosen = support.Syntax.Fill is null ? Scalar.Of(element, 0) : FillOf(support.Fill.Value, element, support.Fill.Span);
            if (chosen is not { } fill || Coerce(value, element, span) is not { } there)
            {
                return null;
            }

            var elsewhere = Emit(new TypedLiteral(NewId(), new ValueType(element, [], []), support.Fill.Span, fill));
            return EmitMap("select", element, target.Span, test, there, elsewhere).With(new Storage(storage.Format?.WithFill(fill), fill));
        }
    }
}
