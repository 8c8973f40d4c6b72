using Antlr4.Runtime;
using Antlr4.Runtime.Misc;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>Turns the parser's state at a mistake into a message in the words of the language, with the mend for the common slips.</summary>
internal static class ErrorWording
{
    public static void Report(SourceText source, DiagnosticReport report, Antlr4.Runtime.Parser parser, IToken found, IntervalSet expected)
    {
        var place = Place(source, parser, found);
        var previous = found.TokenIndex > 0 ? ((ITokenStream)parser.InputStream).Get(found.TokenIndex - 1) : null;
        var afterOperand = previous != null && WordRules.EndsOperand(previous.Type);
        var context = parser.RuleContext;
        var startsOperand = StartsOperand(found.Type);

        if (found.Type == ASSIGN && (afterOperand || previous?.Type == ASSIGN) && !expected.Contains(ASSIGN)
            && context is not (FileContext or BinderContext or ReducerContext or IndexParametersContext))
        {
            report.Add(SyntaxDiagnostics.EqualsConfused, place, ["one `=` to an equation"], help: "a comparison is written `==`");
        }
        else if (found.Type == EQ && expected.Contains(ASSIGN))
        {
            report.Add(SyntaxDiagnostics.EqualsConfused, place, ["an equation is written with one `=`"], help: "write `=`; `==` compares");
        }
        else if (found.Type is IF or NOT or REDUCER && context is not (BlockContext or StatementContext) && expected.Contains(LPAREN) && expected.Contains(NAME) && !expected.Contains(found.Type))
        {
            report.Add(SyntaxDiagnostics.NeedsParentheses, place, [found.Text], help: $"write ({found.Text} ...)");
        }
        else if (context is FileContext or DeclarationContext { ChildCount: 0 } && previous is null or { Type: SEP } && !WordRules.IsDeclarationWord(found.Type))
        {
            ReportTopLevel(source, report, place, found, ((ITokenStream)parser.InputStream).Get(found.TokenIndex + 1));
        }
        else if (context is StatementContext { ChildCount: 0 } or BlockContext && WordRules.IsDeclarationWord(found.Type))
        {
            report.Add(
                SyntaxDiagnostics.OutOfPlace, place, [$"`{found.Text}`", "in a block"], help: "declare it outside, or close the block with `}` before it");
        }
        else if (context is FunctionContext && expected.Contains(LBRACE) && previous is { Type: RPAREN } && !EndsLine(parser, found) && (found.Type is COLON || startsOperand))
        {
            report.Add(SyntaxDiagnostics.MissingArrow, place, [], help: "write `-> f32[N]` or `-> (y: f32[N])` before the body");
        }
        else if (afterOperand && startsOperand && context is not ResultsContext && !IsTypeFirst(parser, found)
            && !(found.Type == LPAREN && context is TypeContext or ParametersContext) && (expected.Contains(RPAREN) || expected.Contains(RBRACKET)))
        {
            report.Add(SyntaxDiagnostics.MissingComma, place, [Describe(found)], help: SyntaxHelp.For(parser, found, expected));
        }
        else
        {
            var what = place.Length == 0 && found.Type is RPAREN or RBRACKET or RBRACE && found.StopIndex >= found.StartIndex ? "the end of the line" : Describe(found);
            var wanted = IsBehindFormat(context) ? "`,` or a new line" : ExpectedWords.Of(expected, afterOperand);
            report.Add(SyntaxDiagnostics.Unexpected, place, [wanted, what], help: SyntaxHelp.For(parser, found, expected));
        }
    }

    /// <summary>Where the levels of a format could go on.</summary>
    internal static bool IsBehindFormat(RuleContext context) =>
        context is FileContext { ChildCount: > 0 } file && file.GetChild(file.ChildCount - 1) is FormatDeclarationContext;

    /// <summary>
    /// A line break or a put-in bracket has no place of its own: the end of the token before is shown. So it is where a bracket on a later line
    /// ends what is unfinished.
    /// </summary>
    private static SourceSpan Place(SourceText source, Antlr4.Runtime.Parser parser, IToken found)
    {
        var span = found.Span(source);
        var previous = found.TokenIndex > 0 ? ((ITokenStream)parser.InputStream).Get(found.TokenIndex - 1) : null;
        var closesLater = WordRules.IsCloser(found.Type) && previous is { Type: not (SEP or LBRACE) } && found.Line > previous.Line;
        if (span.Length > 0 && found.Type != TokenConstants.EOF && !closesLater)
        {
            return span;
        }

        var last = previous?.Span(source) ?? span;
        return new SourceSpan(source, last.End, 0);
    }

    internal static bool StartsOperand(int type) =>
        type is NAME or INTEGER or FLOAT or TRUE or FALSE or STRING or LPAREN or LBRACKET or REDUCER or IF or NOT;

    /// <summary><c>f(float x)</c>: a parameter of another language, from its name on.</summary>
    private static bool IsTypeFirst(Antlr4.Runtime.Parser parser, IToken found) => parser.RuleContext is ParametersContext && found.TokenIndex > 1
        && ((ITokenStream)parser.InputStream).Get(found.TokenIndex - 2).Type is LPAREN or COMMA;

    /// <summary>Whether a line ends behind a token.</summary>
    private static bool EndsLine(Antlr4.Runtime.Parser parser, IToken token) => ((ITokenStream)parser.InputStream).Get(token.TokenIndex + 1) is var next
        && (next.Type is SEP or TokenConstants.EOF || next.Line > token.Line);

    private static void ReportTopLevel(SourceText source, DiagnosticReport report, SourceSpan place, IToken found, IToken next)
    {
        var isWords = found.Type == NAME && (WordRules.IsWord(next.Type) || next.Type == LPAREN);
        if (!isWords && found.Type is NAME or LPAREN or STATE or EMIT or SCAN or ITERATE or UPDATE)
        {
            var what = found.Type is NAME or LPAREN ? "an equation" : $"`{found.Text}`";
            report.Add(
                SyntaxDiagnostics.OutOfPlace, place, [what, "outside a function"], help: "put it into `fn name() -> result { }`, or declare a `const` or `dim`");
        }
        else
        {
            report.Add(SyntaxDiagnostics.Unexpected, place, ["a declaration", Describe(found)], help: SyntaxHelp.ForDeclaration(found));
        }
    }

    internal static string Describe(IToken token) => token.Type switch
    {
        TokenConstants.EOF => "the end of the file",
        SEP => token.Text == ";" ? "`;`" : "the end of the line",
        NAME when token.Text.Length > 40 => "a name",
        STRING => "a text",
        _ when token.StopIndex < token.StartIndex => $"the end of this (`{token.Text}` is missing)",
        _ => $"`{token.Text}`",
    };
}
