using System.Runtime.ExceptionServices;
using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>
/// Syntax to typed program. Entries are the functions of the main file whose parameters all have types of known element and rank (one
/// without parameters needs a result type); everything else is inlined where it is called. Never throws for a program, whatever it is.
/// </summary>
public static class Binder
{
    // Calls nest to MaxCallDepth, expressions within each to the parser's limit: a host's thread may be too small for that.
    private const int StackSize = 512 << 20;

    public static TypedProgram Bind(FileSyntax file, ISourceLoader loader, DiagnosticReport report)
    {
        TypedProgram? program = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    program = BindHere(file, loader, report);
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            StackSize);
        thread.Start();
        thread.Join();
        failure?.Throw();
        return program!;
    }

    /// <summary>Whether a function can be compiled by itself and called from outside.</summary>
    public static bool IsEntry(FunctionSyntax function) =>
        function.IndexParameters.Count == 0
        && (function.Parameters.Count > 0 || function.Results.Any(r => r.Type is not null))
        && function.Parameters.All(p => p.Type is { } type
            && (ElementTypes.Parse(type.Element.Text) is not null || !char.IsUpper(type.Element.Text[0]))
            && type.Shape.All(s => s.Rest is null));

    private static TypedProgram BindHere(FileSyntax file, ISourceLoader loader, DiagnosticReport report)
    {
        var name = Path.GetFileNameWithoutExtension(file.Span.Source.Path);
        var main = new FileScopes(loader, report).Make(file, name);
        var looked = new HashSet<FunctionSyntax>();
        var entries = new List<TypedEntry>();
        foreach (var function in file.Declarations.OfType<FunctionSyntax>().Where(IsEntry))
        {
            // Each entry has a report of its own: one with errors must not spoil another.
            var own = new DiagnosticReport();
            var entry = new EntryBinder(function, main, own, looked).Bind();
            // A name that means nothing is one mistake, wherever it stands.
            var unknown = new HashSet<string>();
            foreach (var diagnostic in own.Diagnostics.OrderBy(d => d.Span.Start))
            {
                if (diagnostic.Kind != TypeDiagnostics.UnknownName || unknown.Add(diagnostic.Message))
                {
                    report.Add(diagnostic);
                }
            }

            if (entry is not null)
            {
                entries.Add(entry);
            }
        }

        UncalledFunctions.Check(file, main, looked, report);
        var plans = PlanBinder.Bind(file, entries, report);
        var rounded = plans.SelectMany(p => p.Rounded).ToHashSet();
        return new TypedProgram(name, rounded.Count == 0 ? entries : [.. entries.Select(e => Rounded(e, rounded))]) { Plans = plans };
    }

    private static TypedEntry Rounded(TypedEntry entry, HashSet<string> parameters) => entry with
    {
        Body = [.. entry.Body.Select(op => op is TypedInput { Kind: TypedInputKind.Parameter } input && parameters.Contains(input.Name) ? input with { Stored = ElementType.BF16 } : op)],
    };
}
