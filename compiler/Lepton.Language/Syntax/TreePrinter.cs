using System.Text;
using Lepton.Abi;

namespace Lepton.Language.Syntax;

/// <summary>
/// The tree as one S-expression for each declaration, without places: two texts that print the same mean the same.
/// <c>y[i] = -x[i] + 1</c> is <c>(= (y i) (+ (neg (at x i)) 1))</c>.
/// </summary>
public static class TreePrinter
{
    public static string Print(FileSyntax file)
    {
        var text = new StringBuilder();
        foreach (var declaration in file.Declarations)
        {
            Declaration(text, declaration);
            text.Append('\n');
        }

        return text.ToString();
    }

    public static string Print(ExpressionSyntax expression)
    {
        var text = new StringBuilder();
        ExpressionPrinter.Print(text, expression);
        return text.ToString();
    }

    private static void Declaration(StringBuilder text, DeclarationSyntax declaration)
    {
        switch (declaration)
        {
            case ImportSyntax import:
                text.Append(import.IsPath ? $"(import \"{import.Target}\")" : $"(import {import.Target})");
                break;
            case DimSyntax dim:
                text.Append($"(dim {dim.Name}");
                ExpressionPrinter.Optional(text, " ", dim.Size);
                text.Append(')');
                break;
            case ConstSyntax constant:
                text.Append($"(const {constant.Name}");
                ExpressionPrinter.Type(text, constant.Type);
                ExpressionPrinter.Optional(text, " ", constant.Value);
                text.Append(')');
                break;
            case ParamSyntax param:
                text.Append($"(param {param.Name}");
                ExpressionPrinter.Type(text, param.Type);
                ExpressionPrinter.Optional(text, " ~", param.Initializer);
                text.Append(')');
                break;
            case FunctionSyntax function:
                Function(text, function);
                break;
            case FormatSyntax format:
                Format(text, format);
                break;
            case PlanSyntax plan:
                text.Append(PlanPrinter.Print(plan));
                break;
            case LaterDeclarationSyntax later:
                text.Append($"(later {later.Keyword})");
                break;
            default:
                throw new InvalidOperationException(declaration.GetType().Name);
        }
    }

    // (format bsr(b c) (i j) (i / b dense) …)
    private static void Format(StringBuilder text, FormatSyntax format)
    {
        text.Append($"(format {format.Name}");
        text.Append(format.Blocks.Count > 0 ? $"({string.Join(' ', format.Blocks)})" : string.Empty);
        text.Append($" ({string.Join(' ', format.Axes)})");
        text.Append(format.Index == null ? string.Empty : $":{format.Index}");
        foreach (var level in format.Levels)
        {
            text.Append($" ({level.Axis}");
            ExpressionPrinter.Optional(text, level.Part == LevelPart.Outer ? " / " : " % ", level.Block);
            text.Append($" {level.Kind}{(level.Modifier == null ? string.Empty : $" {level.Modifier}")})");
        }

        text.Append(')');
    }

    private static void Function(StringBuilder text, FunctionSyntax function)
    {
        text.Append($"(fn {function.Name}");
        if (function.IndexParameters.Count > 0)
        {
            text.Append($"[{string.Join(' ', function.IndexParameters)}]");
        }

        text.Append(" (");
        ExpressionPrinter.Join(text, " ", function.Parameters, parameter =>
        {
            text.Append(parameter.Name);
            ExpressionPrinter.Type(text, parameter.Type);
            ExpressionPrinter.Optional(text, "=", parameter.Default);
        });
        text.Append(')');
        if (function.Results.Count > 0)
        {
            text.Append(" (->");
            foreach (var result in function.Results)
            {
                text.Append(' ').Append(result.Name?.Text ?? "_");
                ExpressionPrinter.Type(text, result.Type);
            }

            text.Append(')');
        }

        ExpressionPrinter.Optional(text, " ", function.Body);
        Statements(text, function.Statements);
        text.Append(')');
    }

    private static void Statements(StringBuilder text, IEnumerable<StatementSyntax> statements)
    {
        foreach (var statement in statements)
        {
            text.Append(' ');
            Statement(text, statement);
        }
    }

    private static void Statement(StringBuilder text, StatementSyntax statement)
    {
        switch (statement)
        {
            case EquationSyntax equation:
                Equation(text, equation);
                break;
            case StateSyntax state:
                text.Append("(state ");
                Equation(text, state.Equation);
                text.Append(')');
                break;
            case EmitSyntax emit:
                text.Append("(emit ");
                Equation(text, emit.Equation);
                text.Append(')');
                break;
            case ScanSyntax scan:
                text.Append($"(scan {scan.Index}");
                ExpressionPrinter.Optional(text, " ", scan.Count);
                Statements(text, scan.Body);
                text.Append(')');
                break;
            case IterateSyntax iterate:
                text.Append("(iterate");
                ExpressionPrinter.Optional(text, " ", iterate.Until);
                ExpressionPrinter.Optional(text, " max ", iterate.Max);
                Statements(text, iterate.Body);
                text.Append(')');
                break;
            case LaterStatementSyntax later:
                text.Append($"(later {later.Keyword})");
                break;
            default:
                throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private static void Equation(StringBuilder text, EquationSyntax equation)
    {
        text.Append(equation.Operator switch
        {
            EquationOperator.Define => "(= ",
            EquationOperator.Add => "(+= ",
            EquationOperator.Multiply => "(*= ",
            EquationOperator.Max => "(max= ",
            _ => "(min= ",
        });
        ExpressionPrinter.Join(text, " ", equation.Targets, target => Target(text, target));
        ExpressionPrinter.Optional(text, " ", equation.Value);
        if (equation.Where.Count > 0)
        {
            text.Append(" where");
            Statements(text, equation.Where);
        }

        text.Append(')');
    }

    private static void Target(StringBuilder text, TargetSyntax target)
    {
        text.Append(target.Subscripts == null ? string.Empty : "(").Append(target.Name).Append(target.Prime ? "'" : string.Empty);
        foreach (var axis in target.Subscripts ?? [])
        {
            text.Append(' ');
            if (axis.Index != null)
            {
                ExpressionPrinter.Print(text, axis.Index);
            }
            else
            {
                ExpressionPrinter.Binders(text, "(group ", axis.Group);
                text.Append(')');
            }

            ExpressionPrinter.Optional(text, ":", axis.Size);
        }

        text.Append(target.Subscripts == null ? string.Empty : ")");
        ExpressionPrinter.Type(text, target.Type);
        if (target.Support is { } support)
        {
            ExpressionPrinter.Optional(text, " on ", support.Tensor);
            ExpressionPrinter.Optional(text, " fill ", support.Fill);
        }
    }
}
