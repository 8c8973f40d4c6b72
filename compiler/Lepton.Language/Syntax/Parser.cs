using System.Globalization;
using Antlr4.Runtime;
using Antlr4.Runtime.Atn;
using Lepton.Language.Syntax.Generated;
using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

/// <summary>Text to syntax tree. Never throws for a text, whatever it is: mistakes go to the report, and the tree has what could be read.</summary>
public static class Parser
{
    /// <summary>Longer texts are refused.</summary>
    public const int MaxLength = 64 << 20;

    // A tree NestingMeter.Limit deep needs some 15 parser frames for each level; a host's thread may be small.
    private const int StackSize = 64 << 20;

    public static FileSyntax Parse(SourceText source, DiagnosticReport report)
    {
        var empty = new FileSyntax(new SourceSpan(source, 0, source.Text.Length), [], isIncomplete: true);
        if (source.Text.Length > MaxLength)
        {
            object[] sizes = [source.Text.Length.ToString("N0", CultureInfo.InvariantCulture), MaxLength.ToString("N0", CultureInfo.InvariantCulture)];
            report.Add(SyntaxDiagnostics.TooLarge, new SourceSpan(source, 0, 0), sizes);
            return empty;
        }

        var shaped = Tokens(source, report);
        return shaped.TooDeep ? empty : OnLargeStack(shaped.Deepest, () => Tree(source, shaped, report));
    }

    /// <summary>Goals as the command line has them, without <c>minimize</c> before: <c>cost + 0.002 usd/ms * time</c>. Null when they cannot be read.</summary>
    public static MinimizeSyntax? ParseGoals(SourceText source, DiagnosticReport report) =>
        ParsePlan(source, report, parser => new PlanBuilder(source).Minimize(parser.goals(), true));

    /// <summary>Limits, without <c>subject to</c> before: <c>time &lt;= 100 ms</c>. Null when they cannot be read.</summary>
    public static SubjectSyntax? ParseLimits(SourceText source, DiagnosticReport report) =>
        ParsePlan(source, report, parser => new PlanBuilder(source).Subject(parser.limits(), true));

    private static T? ParsePlan<T>(SourceText source, DiagnosticReport report, Func<StatementwiseParser, T> read)
        where T : class
    {
        var own = new DiagnosticReport();
        var shaped = Tokens(source, own, isPlan: true);
        var tokens = new ListTokenStream(shaped.Tokens);
        var builder = new TreeBuilder(source, [], shaped.Lost, own);
        var made = shaped.TooDeep ? null : read(new StatementwiseParser(tokens, builder, new SyntaxErrorStrategy(source, shaped, own)));
        if (!own.HasErrors && tokens.LA(1) != TokenConstants.EOF)
        {
            var rest = shaped.Tokens[tokens.Index];
            own.Add(SyntaxDiagnostics.Unexpected, rest.Span(source), ["the end of the text", ErrorWording.Describe(rest)]);
        }

        own.Diagnostics.ToList().ForEach(report.Add);
        return own.HasErrors ? null : made;
    }

    /// <summary>The tokens as the grammar wants them.</summary>
    internal static ShapedTokens Tokens(SourceText source, DiagnosticReport report, bool isPlan = false)
    {
        // UTF-16 units, so that a token's place is a place in the text; CharStreams would count code points.
        var lexer = new LeptonLexer(new AntlrInputStream(source.Text));
        lexer.RemoveErrorListeners();
        var raw = new List<IToken>();
        for (var token = lexer.NextToken(); ; token = lexer.NextToken())
        {
            raw.Add(token);
            if (token.Type == TokenConstants.EOF)
            {
                return TokenShaper.Shape(source, raw, report, isPlan);
            }
        }
    }

    private static FileSyntax Tree(SourceText source, ShapedTokens shaped, DiagnosticReport report)
    {
        var builder = new TreeBuilder(source, [.. shaped.BehindGaps.Select(t => t.StartIndex).Order()], shaped.Lost, report);
        var errors = new SyntaxErrorStrategy(source, shaped, report);
        var parser = new StatementwiseParser(new ListTokenStream(shaped.Tokens), builder, errors);

        // SLL is enough: the three decisions that one token cannot make are made by two, whatever the rules around them.
        parser.Interpreter.PredictionMode = PredictionMode.SLL;
        return builder.File(parser.file());
    }

    private static T OnLargeStack<T>(int depth, Func<T> work)
    {
        const int Shallow = 24;
        if (depth <= Shallow)
        {
            return work();
        }

        var result = default(T);
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = work();
                }
                catch (Exception e)
                {
                    failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
                }
            },
            StackSize);
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }
}
