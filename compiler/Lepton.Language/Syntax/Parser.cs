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

    /// <summary>The tokens as the grammar wants them.</summary>
    internal static ShapedTokens Tokens(SourceText source, DiagnosticReport report)
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
                return TokenShaper.Shape(source, raw, report);
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
