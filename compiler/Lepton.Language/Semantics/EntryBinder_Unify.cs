using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Arguments against the types of parameters: f32[B, 2 * D + 1] against f32[M, 9] solves B = M and D = 4.
internal sealed partial class EntryBinder
{
    private enum Match
    {
        Good,

        /// <summary>More than one unknown: to be tried again when others are solved.</summary>
        Open,
        Bad,
    }

    /// <summary>A size in a parameter's type that could not be matched yet.</summary>
    private sealed record OpenMatch(ExpressionSyntax Pattern, SizeExpr Actual, ParameterSyntax Parameter, Value Argument, SourceSpan Span);

    /// <summary>Gives the parameter its value: the argument, converted to the parameter's type, whose unknowns are solved.</summary>
    private Value BindArgument(ParameterSyntax parameter, Value argument, SourceSpan span, Scope scope, List<OpenMatch> open)
    {
        if (argument is ErrorValue)
        {
            return argument;
        }

        if (parameter.Type is not { } type)
        {
            return argument;
        }

        if (ArgumentElement(type, argument, span, scope) is not { } element || !MatchShape(parameter, type, argument, span, scope, open))
        {
            return ErrorValue.Instance;
        }

        var format = FormatOf(type, element, argument.Shape, scope, out var good);
        if (!good || (type.Format?.Fill is not null && !HasFill(argument, format!.FillOf(element), span)))
        {
            return ErrorValue.Instance;
        }

        // An integer that is known now stays known: it may be a size inside.
        if (argument is NumberValue { Integer: { } size } && element.IsInteger())
        {
            if (size.AsConstant is { } c && Scalar.Wrap(element, c) != c)
            {
                return Error(TypeDiagnostics.LiteralDoesNotFit, span, [size, element.Name()]);
            }

            return argument;
        }

        return argument is IndexValue && element == ElementType.I64 ? argument : Coerce(argument, element, span) ?? (Value)ErrorValue.Instance;
    }

    private ElementType? ArgumentElement(TypeSyntax type, Value argument, SourceSpan span, Scope scope)
    {
        var name = type.Element.Text;
        if (ElementTypes.Parse(name) is not null || scope.Frame.Elements.ContainsKey(name) || !IsVariable(name))
        {
            return ElementOf(type, scope);
        }

        if (argument is TupleValue)
        {
            NotOneValue(argument, span);
            return null;
        }

        var element = argument.Element ?? ((UntypedValue)argument).DefaultElement;
        scope.Frame.Elements[name] = element;
        return element;
    }

    /// <summary>A type variable begins with a capital letter: <c>T</c>.</summary>
    private static bool IsVariable(string element) => char.IsUpper(element[0]);

    private bool MatchShape(ParameterSyntax parameter, TypeSyntax type, Value argument, SourceSpan span, Scope scope, List<OpenMatch> open)
    {
        var actual = argument.Shape;
        var rest = type.Shape.ToList().FindIndex(i => i.Rest is not null);
        var fixedCount = type.Shape.Count - (rest >= 0 ? 1 : 0);
        if (rest >= 0 ? actual.Count < fixedCount : actual.Count != fixedCount)
        {
            ShapeMismatch(parameter, argument, span, scope);
            return false;
        }

        var restCount = actual.Count - fixedCount;
        var axis = 0;
        foreach (var item in type.Shape)
        {
            if (item.Rest is { } name)
            {
                var sizes = actual.Skip(axis).Take(restCount).ToValueList();
                axis += restCount;
                if (scope.Frame.Rests.TryGetValue(name.Text, out var known) ? !SameShape(known, sizes) : !scope.Frame.Rests.TryAdd(name.Text, sizes))
                {
                    ShapeMismatch(parameter, argument, span, scope);
                    return false;
                }

                continue;
            }

            var size = actual[axis++];
            var match = MatchSize(item.Size!, size, scope);
            if (match == Match.Bad)
            {
                ShapeMismatch(parameter, argument, span, scope);
                return false;
            }

            if (match == Match.Open)
            {
                open.Add(new OpenMatch(item.Size!, size, parameter, argument, span));
            }
        }

        return true;
    }

    /// <summary>Tries what was open again, until nothing changes.</summary>
    private void MatchOpen(List<OpenMatch> open, Scope scope)
    {
        for (var progress = true; progress && open.Count > 0;)
        {
            progress = false;
            foreach (var item in open.ToList())
            {
                var match = MatchSize(item.Pattern, item.Actual, scope);
                if (match != Match.Open)
                {
                    open.Remove(item);
                    progress = true;
                }

                if (match == Match.Bad)
                {
                    ShapeMismatch(item.Parameter, item.Argument, item.Span, scope);
                }
            }
        }

        foreach (var item in open)
        {
            var unknown = Unknowns(item.Pattern, scope).First();
            Error(
                SizeDiagnostics.UnsolvedSize,
                item.Pattern.Span,
                [unknown],
                help: $"use {unknown} alone as a size in a parameter's type, or pass it as an argument of its own");
            foreach (var name in Unknowns(item.Pattern, scope))
            {
                scope.Set(name, ErrorValue.Instance);
            }
        }
    }

    private void ShapeMismatch(ParameterSyntax parameter, Value argument, SourceSpan span, Scope scope)
    {
        // Solved variables are shown with what they stand for, since that is the other fact.
        var facts = FreeNames.OfType(parameter.Type!)
            .Where(n => scope.Frame.Sizes.GetValueOrDefault(n) is { } s && s.AsVariable != n)
            .Select(n => $"{n} = {scope.Frame.Sizes[n]}").Distinct().ToList();
        var wanted = parameter.Type!.Span.Text + (facts.Count == 0 ? "" : $" with {string.Join(", ", facts)}");
        Error(
            SizeDiagnostics.WrongShape,
            span,
            ["this argument", argument.Shape.Count == 0 ? "[] (a scalar)" : Shown(argument.Shape), wanted],
            [new DiagnosticLabel(parameter.Span, $"{parameter.Name.Text} is {wanted}")]);
    }

    private bool SameShape(ValueList<SizeExpr> a, ValueList<SizeExpr> b)
    {
        for (var i = 0; i < a.Count; i++)
        {
            if (a.Count != b.Count || !_proof.Equal(a[i], b[i]))
            {
                return false;
            }
        }

        return a.Count == b.Count;
    }

    private static List<string> Unknowns(ExpressionSyntax pattern, Scope scope) =>
        FreeNames.OfSize(pattern).Where(n => scope.Frame.Sizes.TryGetValue(n, out var s) && s is null && scope.Find(n) is null).ToList();

    // pattern = actual, with at most one unknown: undone operator by operator, from the outside.
    private Match MatchSize(ExpressionSyntax pattern, SizeExpr actual, Scope scope)
    {
        var unknowns = Unknowns(pattern, scope);
        if (unknowns.Count == 0)
        {
            return BindSize(pattern, scope) is not { } size || _proof.Equal(size, actual) ? Match.Good : Match.Bad;
        }

        if (unknowns.Count > 1)
        {
            return Match.Open;
        }

        switch (pattern)
        {
            case NameExpressionSyntax name:
                scope.Frame.Sizes[name.Name.Text] = actual;
                scope.Set(name.Name.Text, NumberValue.Of(actual));
                return Match.Good;
            case UnarySyntax { Operator: UnaryOperator.Negate } unary:
                return MatchSize(unary.Operand, -actual, scope);
            case BinarySyntax binary:
                return MatchBinary(binary, actual, scope);
            default:
                return Match.Open;
        }
    }

    private Match MatchBinary(BinarySyntax binary, SizeExpr actual, Scope scope)
    {
        var last = binary.Rest[^1];
        ExpressionSyntax head = binary.Rest.Count == 1
            ? binary.First
            : new BinarySyntax(binary.First.Span.To(binary.Rest[^2].Operand.Span), binary.First, [.. binary.Rest.SkipLast(1)]);
        var inHead = Unknowns(head, scope).Count > 0;
        if (BindSize(inHead ? last.Operand : head, scope) is not { } known)
        {
            return Match.Good;
        }

        SizeExpr? wanted = last.Operator switch
        {
            BinaryOperator.Add => actual - known,
            BinaryOperator.Subtract => inHead ? actual + known : known - actual,
            BinaryOperator.Divide when inHead => actual * known,
            BinaryOperator.Multiply when known.AsConstant != 0 && !(actual.AsConstant % known.AsConstant is not (null or 0)) =>
                DivideExactly(actual, known, binary.Span),
            BinaryOperator.Multiply => null,
            _ => null,
        };
        return wanted is null || wanted.UpperBound() < 0 ? Match.Bad : MatchSize(inHead ? head : last.Operand, wanted, scope);
    }
}
