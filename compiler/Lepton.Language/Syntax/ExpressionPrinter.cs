using System.Text;

namespace Lepton.Language.Syntax;

/// <summary>The expressions of <see cref="TreePrinter"/>.</summary>
internal static class ExpressionPrinter
{
    public static void Print(StringBuilder text, ExpressionSyntax expression)
    {
        switch (expression)
        {
            case NumberSyntax number:
                text.Append(number.Text);
                break;
            case BoolSyntax truth:
                text.Append(truth.Value ? "true" : "false");
                break;
            case NameExpressionSyntax name:
                text.Append(name.Name).Append(name.Prime ? "'" : string.Empty);
                break;
            case UnarySyntax unary:
                text.Append(unary.Operator == UnaryOperator.Not ? "(not " : "(neg ");
                Print(text, unary.Operand);
                text.Append(')');
                break;
            case BinarySyntax binary:
                Binary(text, binary);
                break;
            case IfSyntax choice:
                text.Append("(if ");
                Join(text, " ", [choice.Condition, choice.Then, choice.Otherwise], item => Print(text, item));
                text.Append(')');
                break;
            case ReduceSyntax reduce:
                text.Append($"({reduce.Reducer}");
                Binders(text, "[", reduce.Indices);
                text.Append("] ");
                Print(text, reduce.Body);
                text.Append(')');
                break;
            case CallSyntax call:
                text.Append($"(call {call.Callee}");
                if (call.IndexArguments.Count > 0)
                {
                    text.Append(" [");
                    Join(text, " ", call.IndexArguments, argument => Argument(text, argument));
                    text.Append(']');
                }

                text.Append(call.Arguments.Count > 0 ? " " : string.Empty);
                Join(text, " ", call.Arguments, argument => Argument(text, argument));
                text.Append(')');
                break;
            case AccessSyntax access:
                text.Append("(at ");
                Print(text, access.Tensor);
                foreach (var subscript in access.Subscripts)
                {
                    text.Append(' ');
                    Subscript(text, subscript);
                }

                text.Append(')');
                break;
            case ListSyntax list:
                text.Append("(list");
                foreach (var item in list.Items)
                {
                    Optional(text, " ", item);
                }

                text.Append(')');
                break;
            case LaterExpressionSyntax later:
                text.Append($"(later {later.Keyword})");
                break;
            case MissingExpressionSyntax:
                text.Append("<missing>");
                break;
            default:
                throw new InvalidOperationException(expression.GetType().Name);
        }
    }

    public static void Optional(StringBuilder text, string before, ExpressionSyntax? expression)
    {
        if (expression != null)
        {
            text.Append(before);
            Print(text, expression);
        }
    }

    public static void Join<T>(StringBuilder text, string between, IEnumerable<T> items, Action<T> print)
    {
        var first = true;
        foreach (var item in items)
        {
            text.Append(first ? string.Empty : between);
            print(item);
            first = false;
        }
    }

    public static void Binders(StringBuilder text, string before, IEnumerable<IndexBinderSyntax> binders)
    {
        text.Append(before);
        Join(text, " ", binders, binder =>
        {
            text.Append(binder.Name);
            Optional(text, ":", binder.Size);
        });
    }

    public static void Type(StringBuilder text, TypeSyntax? type)
    {
        if (type == null)
        {
            return;
        }

        text.Append(':').Append(type.Element);
        if (type.Shape.Count > 0)
        {
            text.Append('[');
            Join(text, " ", type.Shape, item =>
            {
                text.Append(item.Rest == null ? string.Empty : $"...{item.Rest}");
                Optional(text, string.Empty, item.Size);
            });
            text.Append(']');
        }

        if (type.Format is { } format)
        {
            text.Append($" in {format.Name}");
            text.Append(format.Blocks.Count > 0 ? "(" : string.Empty);
            Join(text, " ", format.Blocks, size => Print(text, size));
            text.Append(format.Blocks.Count > 0 ? ")" : string.Empty);
            Optional(text, " fill ", format.Fill);
        }
    }

    /// <summary>(+ a b c) for a + b + c; (+- a + b - c) where the operators of a level are mixed.</summary>
    private static void Binary(StringBuilder text, BinarySyntax binary)
    {
        var mixed = binary.Rest.Any(tail => tail.Operator != binary.Rest[0].Operator);
        text.Append(mixed ? "(" : $"({Sign(binary.Rest[0].Operator)} ");
        Print(text, binary.First);
        foreach (var tail in binary.Rest)
        {
            Optional(text, mixed ? $" {Sign(tail.Operator)} " : " ", tail.Operand);
        }

        text.Append(')');
    }

    private static string Sign(BinaryOperator @operator) => @operator switch
    {
        BinaryOperator.Or => "or",
        BinaryOperator.And => "and",
        BinaryOperator.Equal => "==",
        BinaryOperator.NotEqual => "!=",
        BinaryOperator.Less => "<",
        BinaryOperator.LessEqual => "<=",
        BinaryOperator.Greater => ">",
        BinaryOperator.GreaterEqual => ">=",
        BinaryOperator.Add => "+",
        BinaryOperator.Subtract => "-",
        BinaryOperator.Multiply => "*",
        BinaryOperator.Divide => "/",
        BinaryOperator.Remainder => "%",
        BinaryOperator.MatrixProduct => "@",
        BinaryOperator.Power => "^",
        _ => throw new ArgumentOutOfRangeException(nameof(@operator)),
    };

    private static void Argument(StringBuilder text, ArgumentSyntax argument)
    {
        text.Append(argument.Name == null ? string.Empty : $"{argument.Name}=");
        Print(text, argument.Value);
    }

    private static void Subscript(StringBuilder text, SubscriptSyntax subscript)
    {
        if (subscript.Slice is { } slice)
        {
            Optional(text, string.Empty, slice.Start);
            text.Append(':');
            Optional(text, string.Empty, slice.Stop);
            Optional(text, ":", slice.Step);
        }
        else if (subscript.Index is { } index)
        {
            Print(text, index);
            text.Append(subscript.Outside switch
            {
                OutsideMode.None => string.Empty,
                OutsideMode.Fill => " else ",
                var mode => $" else {mode.ToString().ToLowerInvariant()}",
            });
            Optional(text, string.Empty, subscript.Fill);
        }
        else
        {
            Binders(text, "(group ", subscript.Group);
            text.Append(')');
        }
    }
}
