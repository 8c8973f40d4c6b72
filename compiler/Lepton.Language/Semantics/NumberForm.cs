using Lepton.Abi;
using Lepton.Language.Syntax;

namespace Lepton.Language.Semantics;

/// <summary>A real number made of literals, sizes and functions of them. Constants are folded, so a form is as deep as its sizes are nested.</summary>
internal abstract record NumberForm(int Depth)
{
    /// <summary>The value when no size variable is in it.</summary>
    public virtual double? AsConstant => null;
}

internal sealed record ConstantForm(double Value) : NumberForm(0)
{
    public override double? AsConstant => Value;
}

internal sealed record SizeForm(SizeExpr Size) : NumberForm(0)
{
    public override double? AsConstant => Size.AsConstant;
}

/// <summary>An elementwise operation by its name.</summary>
internal sealed record OperationForm(string Op, ValueList<NumberForm> Arguments) : NumberForm(Arguments.Max(a => a.Depth) + 1);

/// <summary>Arithmetic of numbers that are known while binding.</summary>
internal static class Numbers
{
    /// <summary>a op b, or null when it must be computed by the program. Throws <see cref="OverflowException"/> beyond 64 bits.</summary>
    public static NumberValue? Combine(BinaryOperator op, NumberValue a, NumberValue b)
    {
        var form = Form(op, a, b);
        if (form.Depth > DeferredValue.MaxDepth)
        {
            return null;
        }

        if (a.Integer is not { } left || b.Integer is not { } right)
        {
            return new NumberValue(null, form);
        }

        SizeExpr? integer = op switch
        {
            BinaryOperator.Add => left + right,
            BinaryOperator.Subtract => left - right,
            BinaryOperator.Multiply => left * right,
            BinaryOperator.Divide => right.AsConstant == 0 ? SizeExpr.Zero : SizeExpr.FloorDiv(left, right),
            BinaryOperator.Remainder => right.AsConstant == 0 ? SizeExpr.Zero : SizeExpr.Mod(left, right),
            BinaryOperator.Power => Power(left, right),
            _ => null,
        };
        return integer is null ? null : new NumberValue(integer, IsExact(op, left, right, a, b) ? new SizeForm(integer) : form);
    }

    public static NumberValue Negate(NumberValue a) => new(
        a.Integer is { } i ? -i : null,
        a.Form is SizeForm s ? new SizeForm(-s.Size) : a.Form.AsConstant is { } c ? new ConstantForm(-c) : new OperationForm("neg", [a.Form]));

    /// <summary>A float function of a number: <c>sqrt(D)</c>.</summary>
    public static NumberValue Apply(string op, NumberValue a) =>
        new(null, a.Form.AsConstant is { } x && Fold(op, x) is { } y ? new ConstantForm(y) : new OperationForm(op, [a.Form]));

    /// <summary>a &lt; b and so on, when both are constants or (for equality) the same size.</summary>
    public static bool? Compare(BinaryOperator op, NumberValue a, NumberValue b)
    {
        int order;
        if (a.Integer is { } left && b.Integer is { } right && (left - right).AsConstant is { } difference)
        {
            order = Math.Sign(difference);
        }
        else if (a.Form.AsConstant is { } x && b.Form.AsConstant is { } y && !double.IsNaN(x) && !double.IsNaN(y))
        {
            order = x.CompareTo(y);
        }
        else
        {
            return null;
        }

        return op switch
        {
            BinaryOperator.Equal => order == 0,
            BinaryOperator.NotEqual => order != 0,
            BinaryOperator.Less => order < 0,
            BinaryOperator.LessEqual => order <= 0,
            BinaryOperator.Greater => order > 0,
            _ => order >= 0,
        };
    }

    private static bool IsExact(BinaryOperator op, SizeExpr left, SizeExpr right, NumberValue a, NumberValue b) =>
        a.Form is SizeForm && b.Form is SizeForm
        && (op != BinaryOperator.Divide || (right.AsConstant != 0 && SizeExpr.FloorDiv(left, right) * right == left))
        && (op != BinaryOperator.Remainder || right.AsConstant != 0);

    private static SizeExpr? Power(SizeExpr left, SizeExpr right)
    {
        if (right.AsConstant is not (>= 0 and <= 64) || (left.AsConstant is null && right.AsConstant > 8))
        {
            return null;
        }

        var product = SizeExpr.One;
        for (var i = 0; i < right.AsConstant; i++)
        {
            product *= left;
        }

        return product;
    }

    private static NumberForm Form(BinaryOperator op, NumberValue a, NumberValue b)
    {
        if (a.Form.AsConstant is { } x && b.Form.AsConstant is { } y)
        {
            return new ConstantForm(op switch
            {
                BinaryOperator.Add => x + y,
                BinaryOperator.Subtract => x - y,
                BinaryOperator.Multiply => x * y,
                BinaryOperator.Divide => x / y,
                BinaryOperator.Remainder => x - (y * Math.Floor(x / y)),
                _ => Math.Pow(x, y),
            });
        }

        return new OperationForm(MapName(op), [a.Form, b.Form]);
    }

    /// <summary>The elementwise operation of an operator.</summary>
    public static string MapName(BinaryOperator op) => op switch
    {
        BinaryOperator.Or => "or",
        BinaryOperator.And => "and",
        BinaryOperator.Equal => "equal",
        BinaryOperator.NotEqual => "notequal",
        BinaryOperator.Less => "less",
        BinaryOperator.LessEqual => "lessequal",
        BinaryOperator.Greater => "greater",
        BinaryOperator.GreaterEqual => "greaterequal",
        BinaryOperator.Add => "add",
        BinaryOperator.Subtract => "sub",
        BinaryOperator.Multiply => "mul",
        BinaryOperator.Divide => "div",
        BinaryOperator.Remainder => "rem",
        _ => "pow",
    };

    /// <summary>The sign that the operator is written with.</summary>
    public static string Sign(BinaryOperator op) => op switch
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
        _ => "^",
    };

    // Rounded once to f64 here and once to the type in use; what is not in the list is left to the program.
    private static double? Fold(string op, double x) => op switch
    {
        "sqrt" => Math.Sqrt(x),
        "rsqrt" => 1 / Math.Sqrt(x),
        "cbrt" => Math.Cbrt(x),
        "exp" => Math.Exp(x),
        "log" => Math.Log(x),
        "log2" => Math.Log2(x),
        "log10" => Math.Log10(x),
        "sin" => Math.Sin(x),
        "cos" => Math.Cos(x),
        "tan" => Math.Tan(x),
        "tanh" => Math.Tanh(x),
        "atan" => Math.Atan(x),
        "floor" => Math.Floor(x),
        "ceil" => Math.Ceiling(x),
        "abs" => Math.Abs(x),
        _ => null,
    };
}
