using System.Globalization;
using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Calls: a function's body is bound again with the caller's values in place of its parameters.
internal sealed partial class EntryBinder
{
    private bool _isTooLarge;

    private Value BindCall(CallSyntax call, Scope scope)
    {
        var name = call.Callee.Text;
        var found = scope.Frame.File.FindFunctions(name);
        if (found.Count > 1)
        {
            return Ambiguous(call.Callee, found[0].File, found[1].File);
        }

        if (found.Count == 1)
        {
            return BindUserCall(found[0].Item, found[0].File, call, scope);
        }

        if (Builtins.Find(name) is { } builtin)
        {
            return Dense(BindBuiltin(builtin, call, scope));
        }

        if (ElementTypes.Parse(name) is { } element || (scope.Frame.Elements.TryGetValue(name, out element) && element is var _))
        {
            return Dense(BindCast(element, call, scope));
        }

        // The arguments are looked at all the same: their own mistakes should not wait for this one.
        foreach (var argument in call.Arguments)
        {
            BindExpression(argument.Value, scope);
        }

        if (name == "grad")
        {
            return Error(TypeDiagnostics.LaterLearning, call.Callee.Span, ["'grad'"]);
        }

        if (scope.Find(name) is not null || scope.Frame.File.FindValues(name).Count > 0)
        {
            return Error(TypeDiagnostics.ValueAsFunction, call.Callee.Span, [name], help: $"an element of a tensor is {name}[…]");
        }

        var near = Suggest(name, scope.Frame.File.FunctionNames.Concat(Builtins.Names)) ?? ForeignNames.OfFunction(name, n => scope.Find(n) is not null);
        if (near is null && (scope.Frame.File.IsIncomplete || scope.Frame.Function.IsIncomplete))
        {
            return ErrorValue.Instance; // it may be what could not be read
        }

        return Error(FunctionDiagnostics.UnknownFunction, call.Callee.Span, [name], help: scope.Frame.File.LibraryHelp(name) ?? near);
    }

    private Value BindCast(ElementType element, CallSyntax call, Scope scope)
    {
        if (call.Arguments.Count != 1 || call.Arguments[0].Name is not null || call.IndexArguments.Count > 0)
        {
            return Error(FunctionDiagnostics.TooManyArguments, call.Span, [element.Name(), "1 argument", call.Arguments.Count]);
        }

        var span = call.Arguments[0].Value.Span;
        var value = BindExpression(call.Arguments[0].Value, scope);
        if (value is UntypedValue { IsFloat: true } && !element.IsFloat() && value is NumberValue { Form.AsConstant: { } constant })
        {
            return Coerce(NumberValue.Of(double.IsFinite(constant) ? (SizeExpr)(long)Math.Truncate(constant) : SizeExpr.Zero), element, span) ?? (Value)ErrorValue.Instance;
        }

        if (value is UntypedValue untyped && element != ElementType.Bool && (element.IsFloat() || !untyped.IsFloat))
        {
            return Coerce(value, element, span) ?? (Value)ErrorValue.Instance;
        }

        return Settle(value, span) is { } typed ? Cast(typed, element, call.Span) : ErrorValue.Instance;
    }

    private Value BindUserCall(FunctionSyntax function, FileScope file, CallSyntax call, Scope scope)
    {
        if (RefuseRecursion(function, call) is { } refused)
        {
            return refused;
        }

        var (firstOpen, firstCheck) = (_open.Count, _checks.Count);
        var inner = new Scope(scope, scope.Frame);
        if (function.IsIncomplete)
        {
            // What is wrong with it has been said, and its parameters may not be all.
            foreach (var argument in call.Arguments)
            {
                BindExpression(argument.Value, inner);
            }

            return ErrorValue.Instance;
        }

        var indices = IndexArguments(function, call, inner);
        var arguments = Arguments(function, call, inner);
        if (indices is null || arguments is null)
        {
            return ErrorValue.Instance;
        }

        OpenAxes(indices, arguments);
        if (arguments.Any(a => a?.Value is ErrorValue) || indices.Any(i => i.Index is null))
        {
            return ErrorValue.Instance;
        }

        var results = Inline(function, file, call, indices, arguments);
        if (results is null)
        {
            foreach (var own in indices)
            {
                own.Index!.IsBroken |= !own.Index.Label.IsSolved;
            }
        }

        var values = new List<Value>();
        foreach (var (_, value, _) in results ?? [])
        {
            values.Add(CloseAxes(indices, value, call));
        }

        _open.RemoveRange(firstOpen, _open.Count - firstOpen);
        FinishChecks(firstCheck);
        return values.Count switch
        {
            0 => ErrorValue.Instance,
            1 => values[0],
            _ => new TupleValue(values),
        };
    }

    private ErrorValue? RefuseRecursion(FunctionSyntax function, CallSyntax call)
    {
        for (var frame = _frame; frame is not null; frame = frame.Caller)
        {
            if (frame.Function != function)
            {
                continue;
            }

            var chain = new List<string> { function.Name.Text };
            for (var f = _frame; f != frame; f = f!.Caller)
            {
                chain.Insert(0, f!.Function.Name.Text);
            }

            return Error(
                FunctionDiagnostics.Recursion,
                call.Callee.Span,
                [function.Name.Text, string.Join(" -> ", chain.Prepend(function.Name.Text))],
                help: "functions are inlined, so repetition needs scan or iterate");
        }

        if (_frame.Depth >= MaxCallDepth)
        {
            return Error(FunctionDiagnostics.TooDeep, call.Callee.Span, [MaxCallDepth]);
        }

        if (_nextValue <= MaxOperations)
        {
            return null;
        }

        if (!_isTooLarge)
        {
            _isTooLarge = true;
            Error(FunctionDiagnostics.TooLarge, call.Callee.Span, [MaxOperations.ToString("N0", CultureInfo.InvariantCulture)]);
        }

        return ErrorValue.Instance;
    }

    /// <summary>One argument for each parameter; null in it: the default is to be taken. Null after an error.</summary>
    private List<Operand?>? Arguments(FunctionSyntax function, CallSyntax call, Scope scope)
    {
        var name = function.Name.Text;
        var given = new Operand?[function.Parameters.Count];
        var good = true;
        for (var i = 0; i < call.Arguments.Count; i++)
        {
            var argument = call.Arguments[i];
            var at = argument.Name is { } n ? function.Parameters.ToList().FindIndex(p => p.Name.Text == n.Text) : i;
            var operand = new Operand(BindExpression(argument.Value, scope), argument.Value.Span);
            if (operand.Value is TupleValue)
            {
                NotOneValue(operand.Value, operand.Span);
                operand = operand with { Value = ErrorValue.Instance };
            }

            if (at < 0)
            {
                good = false;
                Error(FunctionDiagnostics.UnknownArgument, argument.Name!.Span, [name, argument.Name.Text], help: Suggest(argument.Name.Text, function.Parameters.Select(p => p.Name.Text)));
            }
            else if (at >= given.Length)
            {
                Error(
                    FunctionDiagnostics.TooManyArguments,
                    argument.Span,
                    [name, Count(given.Length, "argument"), call.Arguments.Count],
                    [new DiagnosticLabel(function.Name.Span, "defined here")]);
                return null;
            }
            else if (given[at] is not null)
            {
                good = false;
                Error(FunctionDiagnostics.GivenTwice, argument.Span, [function.Parameters[at].Name.Text]);
            }
            else
            {
                given[at] = operand;
            }
        }

        for (var i = 0; i < given.Length; i++)
        {
            if (given[i] is null && function.Parameters[i].Default is null)
            {
                Error(
                    FunctionDiagnostics.MissingArgument,
                    call.Callee.Span,
                    [name, function.Parameters[i].Name.Text],
                    [new DiagnosticLabel(function.Parameters[i].Span, "this one")]);
                return null;
            }
        }

        return good ? [.. given] : null;
    }

    private List<(string Name, Value Value, SourceSpan Span)>? Inline(
        FunctionSyntax function, FileScope file, CallSyntax call, List<IndexArgument> indices, List<Operand?> arguments)
    {
        var frame = new Frame(function, file, _frame, call.Callee.Span);
        var scope = new Scope(null, frame);
        DeclareSizes(frame);
        for (var i = 0; i < indices.Count; i++)
        {
            scope.Set(function.IndexParameters[i].Text, indices[i].Index!);
            frame.IndexParameters.Add(function.IndexParameters[i].Text);
        }

        var open = new List<OpenMatch>();
        var good = true;
        for (var i = 0; i < arguments.Count; i++)
        {
            var parameter = function.Parameters[i];
            var (outer, span) = (_frame, parameter.Span);
            Value argument;
            if (arguments[i] is { } given)
            {
                (argument, span) = given;
            }
            else
            {
                // A default may use the parameters in front of it.
                _frame = frame;
                argument = BindExpression(parameter.Default!, scope);
                _frame = outer;
            }

            var value = BindArgument(parameter, argument, span, scope, open);
            scope.Set(parameter.Name.Text, value);
            good &= value is not ErrorValue;
        }

        if (!good)
        {
            return null;
        }

        MatchOpen(open, scope);
        var (caller, depth) = (_frame, _subscriptDepth);
        (_frame, _subscriptDepth) = (frame, 0);
        _inlined.Add(function);
        var results = BindFunctionBody(scope);
        (_frame, _subscriptDepth) = (caller, depth);
        return results;
    }
}
