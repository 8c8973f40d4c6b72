using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// A function's body: `= value where …`, or a block that defines the named results.
internal sealed partial class EntryBinder
{
    private const string UnnamedResult = "result";

    /// <summary>The results in order; erroneous ones have error values.</summary>
    private List<(string Name, Value Value, SourceSpan Span)> BindFunctionBody(Scope scope)
    {
        var function = scope.Frame.Function;
        var types = new Dictionary<string, TensorInfo>();
        foreach (var result in function.Results)
        {
            if (result is { Type: { } written, Name: var name } && TypeOf(written, scope) is { } type)
            {
                types.TryAdd(name?.Text ?? UnnamedResult, type);
            }
        }

        if (function.Body is { } body)
        {
            BindBlock(function.Statements, scope, null);
            return ExpressionResults(function, body, BindExpression(body, scope), types);
        }

        if (function.Results.Count > 0 && function.Results.All(r => r.Name is not null))
        {
            BindBlock(function.Statements, scope, types);
            return NamedResults(function, scope, types);
        }

        // One result without a name: what the block defines, if that is one thing.
        var defined = FreeNames.Defined(function.Statements).ToList();
        if (defined.Count != 1 || function.Results.Count > 1)
        {
            BindBlock(function.Statements, scope, null);
            var place = function.Results.FirstOrDefault(r => r.Name is null)?.Span ?? function.Name.Span;
            if (!function.IsIncomplete)
            {
                Error(TypeDiagnostics.NoSingleResult, place, [defined.Count], help: "name the result: -> (y: …), and define y in the block");
            }

            return [(UnnamedResult, ErrorValue.Instance, place)];
        }

        if (types.Remove(UnnamedResult, out var single))
        {
            types[defined[0]] = single;
        }

        BindBlock(function.Statements, scope, types);
        var value = scope.Find(defined[0]) as Value ?? ErrorValue.Instance;
        return [(defined[0], Checked(value, types.GetValueOrDefault(defined[0]), function.Name.Span, defined[0], null), function.Name.Span)];
    }

    private List<(string Name, Value Value, SourceSpan Span)> ExpressionResults(
        FunctionSyntax function, ExpressionSyntax body, Value value, Dictionary<string, TensorInfo> types)
    {
        var count = Math.Max(function.Results.Count, 1);
        var values = value is TupleValue tuple ? tuple.Items : [value];
        if (function.Results.Count > 0 && values.Count != count && value is not ErrorValue)
        {
            Error(FunctionDiagnostics.ResultCount, body.Span, [count, Count(values.Count, "result")]);
            value = ErrorValue.Instance;
        }

        if (value is ErrorValue)
        {
            values = Enumerable.Repeat(value, count).ToList();
        }

        var results = new List<(string, Value, SourceSpan)>();
        for (var i = 0; i < values.Count; i++)
        {
            var result = i < function.Results.Count ? function.Results[i] : null;
            var name = result?.Name?.Text ?? (values.Count == 1 ? UnnamedResult : $"{UnnamedResult}{i}");
            results.Add((name, Checked(values[i], types.GetValueOrDefault(name), body.Span, name, result?.Type?.Span), body.Span));
        }

        return results;
    }

    private List<(string Name, Value Value, SourceSpan Span)> NamedResults(FunctionSyntax function, Scope scope, Dictionary<string, TensorInfo> types)
    {
        var places = FreeNamesPlaces(function.Statements);
        var results = new List<(string, Value, SourceSpan)>();
        foreach (var result in function.Results)
        {
            var name = result.Name!.Text;
            Value value;
            switch (scope.Find(name))
            {
                case Value found:
                    value = found;
                    break;
                case null when function.IsIncomplete:
                    value = ErrorValue.Instance;
                    break;
                default:
                    value = Error(
                        TypeDiagnostics.ResultNotDefined,
                        result.Name.Span,
                        [name],
                        help: Suggest(name, FreeNames.Defined(function.Statements)) ?? $"add an equation: {name} = …");
                    break;
            }

            var place = places.TryGetValue(name, out var span) ? span : result.Span;
            results.Add((name, Checked(value, types.GetValueOrDefault(name), place, name, result.Type?.Span), place));
        }

        return results;
    }

    private static Dictionary<string, SourceSpan> FreeNamesPlaces(IReadOnlyList<StatementSyntax> statements)
    {
        var places = new Dictionary<string, SourceSpan>();
        foreach (var target in statements.SelectMany(FreeNames.Definitions))
        {
            places.TryAdd(target.Name.Text, target.Span);
        }

        return places;
    }

    private Value Checked(Value value, TensorInfo? type, SourceSpan span, string name, SourceSpan? typeSpan) =>
        type is null ? value : CheckType(value, type, span, name == UnnamedResult ? "the result" : name, typeSpan);
}
