using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Sizes as they are written in shapes and ranges. Here, other than in a value, '/' is exact: N / 2 says that N is even.
internal sealed partial class EntryBinder
{
    /// <summary>Finds the size variables of a signature: names in shapes that are nothing else. Those of the entry itself stay symbolic.</summary>
    private void DeclareSizes(Frame frame)
    {
        var function = frame.Function;
        var taken = function.Parameters.Select(p => p.Name.Text).ToHashSet();
        var types = function.Parameters.Select(p => p.Type).Concat(function.Results.Select(r => r.Type)).OfType<TypeSyntax>();
        foreach (var item in types.SelectMany(t => t.Shape))
        {
            if (item.Size is null)
            {
                continue;
            }

            foreach (var name in FreeNames.OfSize(item.Size))
            {
                if (!taken.Contains(name) && frame.File.FindValues(name).Count == 0)
                {
                    frame.Sizes.TryAdd(name, frame.Caller is null ? SizeExpr.Variable(name) : null);
                }
            }
        }
    }

    /// <summary>A written size; null after an error.</summary>
    private SizeExpr? BindSize(ExpressionSyntax expression, Scope scope)
    {
        try
        {
            return SizeOf(expression, scope);
        }
        catch (OverflowException)
        {
            OverflowError(expression.Span);
            return null;
        }
    }

    private SizeExpr? SizeOf(ExpressionSyntax expression, Scope scope)
    {
        switch (expression)
        {
            case UnarySyntax { Operator: UnaryOperator.Negate } unary:
                return SizeOf(unary.Operand, scope) is { } negated ? -negated : null;
            case BinarySyntax binary when binary.Rest.All(r => r.Operator is >= BinaryOperator.Add and <= BinaryOperator.Remainder):
                var left = SizeOf(binary.First, scope);
                foreach (var tail in binary.Rest)
                {
                    var right = SizeOf(tail.Operand, scope);
                    left = left is null || right is null ? null : SizeArithmetic(tail.Operator, left, right, binary.First.Span.To(tail.Operand.Span));
                }

                return left;
            default:
                switch (BindExpression(expression, scope))
                {
                    case ErrorValue:
                        return null;
                    case NumberValue { Integer: { } size }:
                        return size;
                    case var other:
                        Error(
                            SizeDiagnostics.NotASize,
                            expression.Span,
                            [],
                            [new DiagnosticLabel(expression.Span, $"this is {Describe(other)}, known only at run time")]);
                        return null;
                }
        }
    }

    private SizeExpr? SizeArithmetic(BinaryOperator op, SizeExpr left, SizeExpr right, SourceSpan span) => op switch
    {
        BinaryOperator.Add => left + right,
        BinaryOperator.Subtract => left - right,
        BinaryOperator.Multiply => left * right,
        BinaryOperator.Remainder => right.AsConstant == 0 ? SizeExpr.Zero : SizeExpr.Mod(left, right),
        _ => DivideExactly(left, right, span),
    };

    /// <summary>left / right without a rest: checked now when both are known, else a condition of the entry.</summary>
    private SizeExpr? DivideExactly(SizeExpr left, SizeExpr right, SourceSpan span)
    {
        if (right.AsConstant == 0 || (left.AsConstant is { } l && right.AsConstant is { } r && l % r != 0))
        {
            Error(SizeDiagnostics.NotDivisible, span, [left, right], help: "use floordiv(a, b) or ceildiv(a, b) to round");
            return null;
        }

        var quotient = SizeExpr.FloorDiv(left, right);
        if (quotient * right != left && !_proof.Equal(quotient * right, left))
        {
            AddConstraint(SizeExpr.Mod(left, right), SizeExpr.Zero, atLeast: false, $"{left} is divided by {right} at {span.Location}");
            _proof.AddExact(left, right);
        }

        return quotient;
    }

    private void AddConstraint(SizeExpr left, SizeExpr right, bool atLeast, string reason)
    {
        if (!_constraints.Any(c => c.Left == left && c.Right == right && c.AtLeast == atLeast))
        {
            _constraints.Add(new SizeConstraint(left, right, atLeast, reason));
        }
    }

    /// <summary>A size that a range or a shape is given: refused when surely negative, a condition of the entry when it might be.</summary>
    private SizeExpr? BindExtent(ExpressionSyntax expression, Scope scope)
    {
        if (BindSize(expression, scope) is not { } size)
        {
            return null;
        }

        return CheckExtent(size, expression.Span);
    }

    private SizeExpr? CheckExtent(SizeExpr size, SourceSpan span)
    {
        if (size.UpperBound() < 0)
        {
            Error(SizeDiagnostics.NegativeSize, span, [size]);
            return null;
        }

        if (!_proof.IsNonNegative(size, []))
        {
            AddConstraint(size, SizeExpr.Zero, atLeast: true, $"the size {span.Text} at {span.Location} cannot be negative");
            _proof.AddNonNegative(size);
        }

        return size;
    }

    // ---- Types -----------------------------------------------------------------------------------------------------------------

    /// <param name="Element">Of its elements.</param>
    /// <param name="Shape">Its axes.</param>
    /// <param name="Format">null: dense.</param>
    /// <param name="HasFill">The type itself says the fill value.</param>
    private sealed record TensorInfo(ElementType Element, ValueList<SizeExpr> Shape, TensorFormat? Format = null, bool HasFill = false);

    /// <summary>A written type whose sizes and element are known; null after an error.</summary>
    private TensorInfo? TypeOf(TypeSyntax type, Scope scope)
    {
        if (ElementOf(type, scope) is not { } element || ShapeOf(type, scope) is not { } shape)
        {
            return null;
        }

        var format = FormatOf(type, element, shape, scope, out var good);
        return good ? new TensorInfo(element, shape, format, type.Format?.Fill is not null) : null;
    }

    private ElementType? ElementOf(TypeSyntax type, Scope scope)
    {
        var name = type.Element.Text;
        if (ElementTypes.Parse(name) is { } element)
        {
            return element;
        }

        if (scope.Frame.Elements.TryGetValue(name, out var solved))
        {
            return solved;
        }

        Error(TypeDiagnostics.UnknownElementType, type.Element.Span, [name], help: ForeignNames.OfElement(name));
        return null;
    }

    private ValueList<SizeExpr>? ShapeOf(TypeSyntax type, Scope scope)
    {
        var shape = new List<SizeExpr>();
        var good = true;
        foreach (var item in type.Shape)
        {
            if (item.Rest is { } rest)
            {
                if (scope.Frame.Rests.TryGetValue(rest.Text, out var sizes))
                {
                    shape.AddRange(sizes);
                }
                else
                {
                    Error(SizeDiagnostics.UnsolvedSize, rest.Span, ["..." + rest.Text]);
                    good = false;
                }
            }
            else if (BindExtentOfType(item.Size!, scope) is { } size)
            {
                shape.Add(size);
            }
            else
            {
                good = false;
            }
        }

        return good ? shape.ToValueList() : null;
    }

    // The sizes of an entry's own arguments are what they are: f32[N - 1] needs no condition, it is a fact.
    private SizeExpr? BindExtentOfType(ExpressionSyntax expression, Scope scope)
    {
        if (BindSize(expression, scope) is not { } size)
        {
            return null;
        }

        if (size.UpperBound() < 0)
        {
            Error(SizeDiagnostics.NegativeSize, expression.Span, [size]);
            return null;
        }

        _proof.AddNonNegative(size);
        return size;
    }
}
