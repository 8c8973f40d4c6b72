using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>
/// Names in functions that no entry reaches: such a function has no types to check, since these come from calls, but a name that means
/// nothing means nothing in every call. The dims, constants and parameters that nothing uses are bound too.
/// </summary>
internal static class UncalledFunctions
{
    public static void Check(FileSyntax file, FileScope scope, HashSet<FunctionSyntax> looked, DiagnosticReport report)
    {
        foreach (var function in file.Declarations.OfType<FunctionSyntax>())
        {
            if (!looked.Contains(function))
            {
                new Walk(function, scope, report).Function();
            }
        }

        EntryBinder.CheckDeclarations(file, scope, report);
    }

    private sealed class Walk(FunctionSyntax function, FileScope scope, DiagnosticReport report)
    {
        private readonly HashSet<string> _known =
        [
            .. function.Parameters.Select(p => p.Name.Text),
            .. function.IndexParameters.Select(p => p.Text),
            .. FreeNames.Defined(function.Statements),
            .. function.Parameters.Select(p => p.Type).Concat(function.Results.Select(r => r.Type)).OfType<TypeSyntax>().SelectMany(FreeNames.OfType),
        ];

        public void Function()
        {
            // A capital letter starts a type variable, but F32 is none.
            var types = function.Parameters.Select(p => p.Type).Concat(function.Results.Select(r => r.Type)).OfType<TypeSyntax>();
            foreach (var element in types.Select(t => t.Element).Where(e => ElementTypes.Parse(e.Text) is null))
            {
                if (!char.IsUpper(element.Text[0]) || ElementTypes.Parse(element.Text.ToLowerInvariant()) is not null)
                {
                    report.Add(TypeDiagnostics.UnknownElementType, element.Span, [element.Text], help: ForeignNames.OfElement(element.Text));
                }
            }

            foreach (var type in types.Where(t => t.Format is not null && t.Shape.All(s => s.Rest is null)))
            {
                EntryBinder.FindFormat(type.Format!, type, type.Shape.Count, scope, report.Add);
            }

            foreach (var statement in function.Statements)
            {
                FreeNames.Of(statement, (name, prime, inSubscript) => Name(name, prime, inSubscript, IsScatter(statement)));
            }

            if (function.Body is not null)
            {
                FreeNames.Of(function.Body, (name, prime, inSubscript) => Name(name, prime, inSubscript, false));
            }

            foreach (var parameter in function.Parameters.Where(p => p.Default is not null))
            {
                FreeNames.Of(parameter.Default!, (name, prime, inSubscript) => Name(name, prime, inSubscript, false));
            }
        }

        // The indices of a scatter are bound by being there.
        private static bool IsScatter(StatementSyntax statement) => statement switch
        {
            EquationSyntax equation => equation.Operator != EquationOperator.Define,
            ScanSyntax scan => scan.Body.Any(IsScatter),
            IterateSyntax iterate => iterate.Body.Any(IsScatter),
            _ => false,
        };

        private void Name(NameSyntax name, bool prime, bool inSubscript, bool inScatter)
        {
            if (prime || _known.Contains(name.Text) || EntryBinder.IsAlwaysThere(name.Text) || scope.FindValues(name.Text).Count > 0 || (inSubscript && inScatter))
            {
                return;
            }

            var help = NameSuggestion.Help(name.Text, _known.Concat(scope.ValueNames).Concat(["true", "false", "inf", "nan", "pi"]));
            help ??= inSubscript ? null : ForeignNames.OfValue(name.Text, _known.Contains);
            _known.Add(name.Text); // once is enough
            if (function.IsIncomplete || (help is null && scope.IsIncomplete))
            {
                return;
            }

            if (inSubscript)
            {
                report.Add(SizeDiagnostics.UnboundIndex, name.Span, [name.Text], help: help ?? $"bind it with a reducer: sum[{name.Text}] …, or put it on the left");
            }
            else if (scope.FindFunctions(name.Text).Count > 0 || Builtins.Find(name.Text) is not null)
            {
                report.Add(TypeDiagnostics.FunctionAsValue, name.Span, [name.Text], help: $"call it: {name.Text}(…)");
            }
            else
            {
                report.Add(TypeDiagnostics.UnknownName, name.Span, [name.Text], help: help);
            }
        }
    }
}
