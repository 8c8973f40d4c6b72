using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Calls of built-in functions: arguments to parameters by position and name, then one case each.
internal sealed partial class EntryBinder
{
    private sealed record BuiltinCall(Builtin Callee, SourceSpan Span, List<Operand> Positional, Dictionary<string, Operand> Named)
    {
        public Operand? this[string parameter] =>
            Named.TryGetValue(parameter, out var named) ? named
            : Callee.Parameters.ToList().IndexOf(parameter) is >= 0 and var at && at < Positional.Count ? Positional[at]
            : null;

        public Operand First => this[Callee.Parameters[0]]!.Value;
    }

    private Value BindBuiltin(Builtin builtin, CallSyntax call, Scope scope)
    {
        if (call.IndexArguments.Count > 0)
        {
            return Error(FunctionDiagnostics.IndexArguments, call.IndexArguments[0].Span, [builtin.Name, "no indices", call.IndexArguments.Count]);
        }

        var bound = new BuiltinCall(builtin, call.Span, [], []);
        foreach (var argument in call.Arguments)
        {
            var operand = new Operand(BindExpression(argument.Value, scope), argument.Value.Span);
            if (operand.Value is TupleValue)
            {
                NotOneValue(operand.Value, operand.Span);
                return ErrorValue.Instance;
            }

            if (argument.Name is not { } name)
            {
                bound.Positional.Add(operand);
            }
            else if (!TakesName(builtin, name.Text))
            {
                var names = OptionNames(builtin).Concat(builtin.Parameters).ToList();
                return Error(FunctionDiagnostics.UnknownArgument, name.Span, [builtin.Name, name.Text], help: Suggest(name.Text, names) ?? "it has " + string.Join(", ", names));
            }
            else if (!bound.Named.TryAdd(name.Text, operand))
            {
                return Error(FunctionDiagnostics.GivenTwice, name.Span, [name.Text]);
            }
        }

        if (!builtin.IsVariadic && bound.Positional.Count > builtin.Parameters.Count)
        {
            var extra = bound.Positional[builtin.Parameters.Count];
            return Error(FunctionDiagnostics.TooManyArguments, extra.Span, [builtin.Name, Count(builtin.Parameters.Count, "argument"), bound.Positional.Count],
                help: $"write {builtin.Name}({string.Join(", ", builtin.Parameters)})" + (builtin.Parameters[^1] is "shape" or "axes" ? $", {builtin.Parameters[^1]} a list: [0, 1]" : ""));
        }

        for (var i = 0; i < builtin.Required; i++)
        {
            if (bound.Positional.Count <= i && !bound.Named.ContainsKey(builtin.Parameters[i]))
            {
                return Error(FunctionDiagnostics.MissingArgument, call.Callee.Span, [builtin.Name, builtin.Parameters[i].TrimEnd('…')]);
            }
        }

        return bound.Positional.Concat(bound.Named.Values).Any(o => o.Value is ErrorValue) ? ErrorValue.Instance : CallBuiltin(bound);
    }

    private static bool TakesName(Builtin builtin, string name) =>
        OptionNames(builtin).Contains(name) || (builtin.Parameters.Contains(name) && !name.EndsWith('…'));

    private static string[] OptionNames(Builtin builtin) => builtin.Name switch
    {
        "max" or "min" => ["axis", "keepdims"],
        "concat" or "stack" => ["axis"],
        _ => [],
    };

    private Value CallBuiltin(BuiltinCall call)
    {
        var name = call.Callee.Name;
        switch (name)
        {
            case "max" or "min" when call.Positional.Count > 1:
                return Extreme(call);
            case "max" or "min":
                return ReduceAxes(name, call.Positional[0], call["axis"], call["keepdims"], call.Span);
            case "sum" or "prod" or "mean" or "any" or "all" or "argmax" or "argmin":
                return ReduceAxes(name, call.First, call["axis"], call["keepdims"], call.Span);
            case "select":
                return call.First.Value is BoolValue known
                    ? call[known.Value ? "then" : "otherwise"]!.Value.Value
                    : Select(call.First, call["then"]!.Value, call["otherwise"]!.Value, call.Span);
            case "pow":
                return Binary(BinaryOperator.Power, call.First, call["y"]!.Value, call.Span);
            case "concat":
                return Concat(call.Positional, call.Named.TryGetValue("axis", out var axis) ? axis : null, call.Span);
            case "stack":
                return StackAt(call.Positional, call.Named.TryGetValue("axis", out var at) ? at : null, call.Span);
            case "transpose":
                return Transpose(call.First, call["axes"], call.Span);
            case "reshape":
                return Reshape(call.First, call["shape"]!.Value, call.Span);
            case "broadcast_to":
                return BroadcastTo(call.First, call["shape"]!.Value, call.Span);
            case "sort" or "argsort":
                return Sort(call);
            case "size":
                return Size(call.First, call["axis"], call.Span);
            case "rank":
                return NumberValue.Of((SizeExpr)call.First.Value.Shape.Count);
            case "iota":
                return Iota(call.First, call.Span);
            case "floordiv" or "ceildiv":
                return RoundedDivision(call);
            case "uniform" or "normal":
                return Random(call);
            default:
                return Elementwise(call);
        }
    }

    private Value Elementwise(BuiltinCall call)
    {
        var name = call.Callee.Name;
        Operand[] operands = [.. call.Callee.Parameters.Select(p => call[p]!.Value)];
        if (operands is [{ Value: NumberValue number }])
        {
            var constant = number.Integer?.AsConstant;
            switch (name)
            {
                case "abs" when constant is { } c and not long.MinValue:
                    return NumberValue.Of((SizeExpr)Math.Abs(c));
                case "abs" when number.Integer?.IsProvablyNonNegative() == true:
                case "floor" or "ceil" or "round" or "trunc" when number.Integer is not null:
                    return number;
                case "sign" when constant is { } s:
                    return NumberValue.Of((SizeExpr)Math.Sign(s));
                case "abs" or "sign" or "isnan" or "isfinite":
                    break;
                default:
                    return Numbers.Apply(name, number);
            }
        }

        return Apply(name, call.Callee.Typing!.Value, name, call.Span, operands);
    }

    // max(a, b, c) = max(max(a, b), c); sizes stay sizes.
    private Value Extreme(BuiltinCall call)
    {
        var (name, first) = (call.Callee.Name, call.Positional[0]);
        if (call.Named.Count > 0)
        {
            return Error(FunctionDiagnostics.TooManyArguments, call.Positional[1].Span, [$"{name} over an axis", "1 argument", call.Positional.Count]);
        }

        foreach (var next in call.Positional.Skip(1))
        {
            var value = first.Value is NumberValue { Form: SizeForm } a && next.Value is NumberValue { Form: SizeForm } b
                ? NumberValue.Of(name == "max" ? SizeExpr.Max(a.Integer!, b.Integer!) : SizeExpr.Min(a.Integer!, b.Integer!))
                : Apply(name, MapTyping.Numeric, name, call.Span, first, next);
            first = new Operand(value, first.Span.To(next.Span));
        }

        return first.Value;
    }

    private Value RoundedDivision(BuiltinCall call)
    {
        var (a, b) = (call.First, call["b"]!.Value);
        if (a.Value is NumberValue { Integer: { } x } && b.Value is NumberValue { Integer: { } y })
        {
            if (y.AsConstant == 0)
            {
                return Error(SizeDiagnostics.NotDivisible, call.Span, [x, y]);
            }

            return NumberValue.Of(call.Callee.Name == "floordiv" ? SizeExpr.FloorDiv(x, y) : SizeExpr.CeilDiv(x, y));
        }

        foreach (var operand in new[] { a, b })
        {
            if (operand.Value.Element?.IsInteger() == false || operand.Value is UntypedValue { IsFloat: true })
            {
                return Error(TypeDiagnostics.WrongOperand, operand.Span, [call.Callee.Name, "integers", Describe(operand.Value)], help: "'/' divides floats");
            }
        }

        // ceildiv(a, b) = -floordiv(-a, b)
        var up = call.Callee.Name == "ceildiv";
        var dividend = up ? a with { Value = Apply("neg", MapTyping.Numeric, "ceildiv", call.Span, a) } : a;
        var quotient = Apply("div", MapTyping.Numeric, call.Callee.Name, call.Span, dividend, b);
        return up ? Apply("neg", MapTyping.Numeric, "ceildiv", call.Span, new Operand(quotient, call.Span)) : quotient;
    }

    // uniform(seed, i, …): the same numbers for the same seed and indices, whatever computes them.
    private Value Random(BuiltinCall call)
    {
        if (call.Positional.Count is 1 or > 5)
        {
            return Error(FunctionDiagnostics.TooManyArguments, call.Span, [call.Callee.Name, "a seed and 1 to 4 indices", Count(call.Positional.Count, "argument")]);
        }

        var made = new List<TensorValue>();
        if (Fit(call.Span, [.. call.Positional]) is null)
        {
            return ErrorValue.Instance;
        }

        foreach (var operand in call.Positional)
        {
            if (operand.Value.Element is { } e && !e.IsInteger())
            {
                return Error(TypeDiagnostics.WrongOperand, operand.Span, [call.Callee.Name, "integers", Describe(operand.Value)]);
            }

            if (Coerce(operand.Value, ElementType.I64, operand.Span) is not { } good)
            {
                return ErrorValue.Instance;
            }

            made.Add(good);
        }

        return EmitMap(call.Callee.Name, ElementType.F32, call.Span, [.. made]);
    }
}
