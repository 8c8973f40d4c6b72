using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

internal sealed partial class EntryBinder
{
    /// <summary>A value with the place where it is written.</summary>
    private readonly record struct Operand(Value Value, SourceSpan Span);

    /// <summary>A name, and what a function returns, is stored as it was defined; all else is dense, also where its value is the same.</summary>
    private Value BindExpression(ExpressionSyntax expression, Scope scope) =>
        expression is NameExpressionSyntax or CallSyntax ? BindStored(expression, scope) : Dense(BindStored(expression, scope));

    private Value BindStored(ExpressionSyntax expression, Scope scope)
    {
        switch (expression)
        {
            case NumberSyntax number:
                return BindNumber(number);
            case BoolSyntax truth:
                return new BoolValue(truth.Value);
            case NameExpressionSyntax name:
                return BindName(name, scope);
            case UnarySyntax unary:
                return BindUnary(unary, scope);
            case BinarySyntax binary:
                return BindBinary(binary, scope);
            case IfSyntax choice:
                return BindIf(choice, scope);
            case ReduceSyntax reduce:
                return BindReduce(reduce, scope);
            case CallSyntax call:
                return BindCall(call, scope);
            case AccessSyntax access:
                return BindAccess(access, scope);
            case ListSyntax list:
                return BindList(list, scope);
            case LaterExpressionSyntax later:
                return Error(TypeDiagnostics.LaterLearning, later.Span, [$"'{later.Keyword}'"]);
            default:
                // Missing: the parser has reported it.
                return ErrorValue.Instance;
        }
    }

    private Value BindNumber(NumberSyntax number)
    {
        var text = number.Text.Replace("_", "", StringComparison.Ordinal);
        if (!number.IsInteger)
        {
            return NumberValue.Of(double.Parse(text, System.Globalization.CultureInfo.InvariantCulture));
        }

        return long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var value) ? NumberValue.Of((SizeExpr)value) : OverflowError(number.Span);
    }

    private Value BindUnary(UnarySyntax unary, Scope scope)
    {
        var operand = BindExpression(unary.Operand, scope);
        switch (operand)
        {
            case BoolValue truth when unary.Operator == UnaryOperator.Not:
                return new BoolValue(!truth.Value);
            case NumberValue number when unary.Operator == UnaryOperator.Negate:
                return Numbers.Negate(number);
            case IndexValue index when unary.Operator == UnaryOperator.Negate:
                return Affine(-index.Offset, index.Terms.Select(t => (t.Label, -t.Coefficient)));
            default:
                var not = unary.Operator == UnaryOperator.Not;
                return Apply(not ? "not" : "neg", not ? MapTyping.Logic : MapTyping.Numeric, not ? "'not'" : "'-'", unary.Span, new Operand(operand, unary.Operand.Span));
        }
    }

    private Value BindBinary(BinarySyntax binary, Scope scope)
    {
        // A loop, not a recursion: a sum may have 100,000 terms.
        var left = new Operand(BindExpression(binary.First, scope), binary.First.Span);
        foreach (var tail in binary.Rest)
        {
            var right = new Operand(BindExpression(tail.Operand, scope), tail.Operand.Span);
            var span = left.Span.To(right.Span);
            left = new Operand(Binary(tail.Operator, left, right, span), span);
        }

        return left.Value;
    }

    private Value Binary(BinaryOperator op, Operand left, Operand right, SourceSpan span)
    {
        if (left.Value is ErrorValue || right.Value is ErrorValue)
        {
            return ErrorValue.Instance;
        }

        if (op == BinaryOperator.MatrixProduct)
        {
            return MatMul(left, right, span);
        }

        try
        {
            if (BinaryNow(op, left.Value, right.Value) is { } known)
            {
                return known;
            }
        }
        catch (OverflowException)
        {
            return OverflowError(span);
        }

        // x^n of a float x and an integer n that is computed: the exponent is converted, it does not decide the type.
        if (op == BinaryOperator.Power && right.Value.Element?.IsInteger() == true
            && (left.Value.Element?.IsFloat() ?? (left.Value as UntypedValue)?.IsFloat) == true)
        {
            var element = left.Value.Element ?? ElementType.F32;
            right = right with { Value = Settle(right.Value, right.Span) is { } exponent ? Cast(exponent, element, right.Span) : ErrorValue.Instance };
        }

        var typing = op switch
        {
            BinaryOperator.Or or BinaryOperator.And => MapTyping.Logic,
            >= BinaryOperator.Equal and <= BinaryOperator.GreaterEqual => MapTyping.Compare,
            _ => MapTyping.Numeric,
        };
        return Apply(Numbers.MapName(op), typing, $"'{Numbers.Sign(op)}'", span, left, right);
    }

    /// <summary>What is known while binding: numbers, truths, and affine index arithmetic. Null: the program must compute it.</summary>
    private static Value? BinaryNow(BinaryOperator op, Value left, Value right)
    {
        switch (left, right)
        {
            case (NumberValue a, NumberValue b) when op is >= BinaryOperator.Equal and <= BinaryOperator.GreaterEqual:
                return Numbers.Compare(op, a, b) is { } truth ? new BoolValue(truth) : null;
            case (NumberValue a, NumberValue b):
                return Numbers.Combine(op, a, b);
            case (BoolValue a, BoolValue b):
                return op switch
                {
                    BinaryOperator.And => new BoolValue(a.Value && b.Value),
                    BinaryOperator.Or => new BoolValue(a.Value || b.Value),
                    BinaryOperator.Equal => new BoolValue(a.Value == b.Value),
                    BinaryOperator.NotEqual => new BoolValue(a.Value != b.Value),
                    _ => null,
                };
            case (IndexValue or NumberValue { Integer: not null }, IndexValue or NumberValue { Integer: not null }):
                return AffineNow(op, AsAffine(left), AsAffine(right));
            default:
                return null;
        }
    }

    private static IndexValue AsAffine(Value value) => value as IndexValue ?? new IndexValue(((NumberValue)value).Integer!, []);

    private static Value? AffineNow(BinaryOperator op, IndexValue a, IndexValue b) => op switch
    {
        BinaryOperator.Add => Affine(a.Offset + b.Offset, a.Terms.Concat(b.Terms)),
        BinaryOperator.Subtract => Affine(a.Offset - b.Offset, a.Terms.Concat(b.Terms.Select(t => (t.Label, -t.Coefficient)))),
        BinaryOperator.Multiply when b.Terms.Count == 0 => Affine(a.Offset * b.Offset, a.Terms.Select(t => (t.Label, t.Coefficient * b.Offset))),
        BinaryOperator.Multiply when a.Terms.Count == 0 => Affine(a.Offset * b.Offset, b.Terms.Select(t => (t.Label, t.Coefficient * a.Offset))),
        _ => null,
    };

    private static Value Affine(SizeExpr offset, IEnumerable<(IndexLabel Label, SizeExpr Coefficient)> terms)
    {
        var sums = new SortedDictionary<int, (IndexLabel Label, SizeExpr Coefficient)>();
        foreach (var (label, coefficient) in terms)
        {
            sums[label.Id] = (label, sums.TryGetValue(label.Id, out var known) ? known.Coefficient + coefficient : coefficient);
        }

        var kept = sums.Values.Where(t => t.Coefficient != SizeExpr.Zero).ToValueList();
        return kept.Count == 0 ? NumberValue.Of(offset) : new IndexValue(offset, kept);
    }

    private Value BindIf(IfSyntax choice, Scope scope)
    {
        var condition = BindExpression(choice.Condition, scope);
        if (condition is BoolValue known)
        {
            return BindExpression(known.Value ? choice.Then : choice.Otherwise, scope);
        }

        var then = BindExpression(choice.Then, scope);
        var otherwise = BindExpression(choice.Otherwise, scope);
        return Select(
            new Operand(condition, choice.Condition.Span), new Operand(then, choice.Then.Span), new Operand(otherwise, choice.Otherwise.Span), choice.Span);
    }

    private Value Select(Operand condition, Operand then, Operand otherwise, SourceSpan span)
    {
        if (condition.Value is ErrorValue || then.Value is ErrorValue || otherwise.Value is ErrorValue)
        {
            return ErrorValue.Instance;
        }

        if (condition.Value.Element != ElementType.Bool)
        {
            return Error(TypeDiagnostics.ConditionNotBool, condition.Span, [Describe(condition.Value)], help: "compare it, as in x != 0");
        }

        if (Fit(span, condition, then, otherwise) is not { } fit || !Common([then, otherwise], out var common) || Settle(condition.Value, condition.Span) is not { } test)
        {
            return ErrorValue.Instance;
        }

        TensorValue? Make(ElementType element, SourceSpan use) =>
            Coerce(then.Value, element, then.Span) is { } a && Coerce(otherwise.Value, element, otherwise.Span) is { } b
                ? EmitMap("select", element, span, test, a, b)
                : null;
        return common is { } known ? Make(known, span) ?? (Value)ErrorValue.Instance : Defer(fit.Labels, fit.Shape, [then, otherwise], isFloat: false, span, Make);
    }

    private Value BindList(ListSyntax list, Scope scope)
    {
        var items = list.Items.Select(i => new Operand(BindExpression(i, scope), i.Span)).ToList();
        if (items.Any(i => i.Value is ErrorValue))
        {
            return ErrorValue.Instance;
        }

        if (items.All(i => i.Value is NumberValue))
        {
            return new ListValue(items.Select(i => (NumberValue)i.Value).ToList(), [items.Count]);
        }

        if (items.FirstOrDefault(i => i.Value is TupleValue || !SameShape(i.Value.Shape, items[0].Value.Shape)) is { Value: not null } uneven)
        {
            return Error(TypeDiagnostics.UnevenList, uneven.Span, [], [new DiagnosticLabel(items[0].Span, $"the first is {Describe(items[0].Value)}")], "several tensors are arguments by themselves: concat(a, b)");
        }

        return items.All(i => i.Value is ListValue)
            ? new ListValue(items.SelectMany(i => ((ListValue)i.Value).Items).ToList(), [items.Count, .. items[0].Value.Shape])
            : Stack(items, list.Span);
    }

    // [a, b] of computed values: each gets a first axis of size 1, then one behind the other.
    private Value Stack(List<Operand> items, SourceSpan span)
    {
        var rows = items.Select(i => new Operand(AddAxis(i), i.Span)).ToList();
        return Concat(rows, 0, span);

        Value AddAxis(Operand item)
        {
            ValueList<SizeExpr> shape = [SizeExpr.One, .. item.Value.Shape];
            return Lift(item.Value, item.Value.Labels, shape, item.Span, source =>
                Emit(new TypedReshape(NewId(), new ValueType(source.Type.Element, source.Labels, shape), item.Span, source.Id)));
        }
    }
}
