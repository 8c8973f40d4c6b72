using Antlr4.Runtime;
using Antlr4.Runtime.Misc;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>
/// One message for a mistake, then on at the next statement, declaration or parameter: whatever is between is left out of the tree.
/// Brackets are balanced (see <see cref="TokenShaper"/>), so the end of the broken part is the next separator at the same bracket depth.
/// </summary>
internal sealed class SyntaxErrorStrategy(SourceText source, ShapedTokens shaped, DiagnosticReport report) : DefaultErrorStrategy
{
    public override void ReportError(Antlr4.Runtime.Parser recognizer, RecognitionException e)
    {
        if (!InErrorRecoveryMode(recognizer))
        {
            BeginErrorCondition(recognizer);
            Complain(recognizer, e.OffendingToken, e.GetExpectedTokens());
            Tokens(recognizer).Blocked = true;
        }
    }

    /// <summary>Nothing: the rule ends, and so do those around it, since the stream is blocked; see <see cref="AtRuleEnd"/>.</summary>
    public override void Recover(Antlr4.Runtime.Parser recognizer, RecognitionException e)
    {
    }

    /// <summary>Behind the end of each rule: where reading can start again after a mistake inside, it does.</summary>
    public void AtRuleEnd(Antlr4.Runtime.Parser recognizer, ParserRuleContext context)
    {
        var tokens = Tokens(recognizer);
        if (!tokens.Blocked || context is not (StatementContext or PlanItemContext or ParameterContext or ResultContext or DeclarationContext or FileContext))
        {
            return;
        }

        tokens.Blocked = false;
        EndErrorCondition(recognizer);
        switch (context)
        {
            case StatementContext or PlanItemContext:
                SkipTo(tokens, DepthOf(context.Start), SEP, RBRACE);
                break;
            case ParameterContext or ResultContext:
                // An empty one starts at the bracket that closes the list.
                SkipTo(tokens, DepthOf(context.Start) + (WordRules.IsCloser(context.Start.Type) ? 1 : 0), COMMA, RPAREN);
                break;
            case DeclarationContext:
                SkipToDeclaration(tokens);
                break;
        }
    }

    /// <summary>No token is ever put in or taken out in passing.</summary>
    public override IToken RecoverInline(Antlr4.Runtime.Parser recognizer) => throw new InputMismatchException(recognizer);

    /// <summary>Before and between the items of a block or a file: anything else than the next item is reported and skipped.</summary>
    public override void Sync(Antlr4.Runtime.Parser recognizer)
    {
        var tokens = Tokens(recognizer);
        if (tokens.Blocked)
        {
            return;
        }

        var type = tokens.LA(1);
        switch (recognizer.RuleContext)
        {
            case BlockContext { ChildCount: 1 } when type != RBRACE && !StartsStatement(type):
                do
                {
                    Complain(recognizer);
                    Lose(recognizer.CurrentToken);
                    SkipTo(tokens, DepthOf(recognizer.CurrentToken), SEP, RBRACE);
                    StepOver(tokens, SEP);
                    type = tokens.LA(1);
                }
                while (type is not (RBRACE or TokenConstants.EOF) && !StartsStatement(type));

                break;
            case ParametersContext { ChildCount: 1 } parameters when type is not (NAME or RPAREN):
                Complain(recognizer);
                Lose(recognizer.CurrentToken);
                SkipTo(tokens, DepthOf(parameters.Start) + 1, RPAREN, RPAREN);
                break;
            case ParametersContext { ChildCount: > 1 } parameters when type is not (COMMA or RPAREN):
                Complain(recognizer);
                Lose(recognizer.CurrentToken);
                SkipTo(tokens, DepthOf(parameters.Start) + 1, COMMA, RPAREN);
                break;
            case BlockContext { ChildCount: > 1 } block when type is not (SEP or RBRACE):
                Complain(recognizer);
                if (block.GetChild(block.ChildCount - 1) is StatementContext statement)
                {
                    statement.Syntax = TreeBuilder.Broken(statement.Syntax);
                }

                SkipTo(tokens, DepthOf(block.Start) + 1, SEP, RBRACE);
                break;
            case FileContext { ChildCount: 0 } when type != TokenConstants.EOF && !WordRules.IsDeclarationWord(type):
                Complain(recognizer);
                Lose(recognizer.CurrentToken);
                SkipToDeclaration(tokens);
                StepOver(tokens, SEP);
                break;
            case FileContext { ChildCount: > 0 } file when type is not (SEP or TokenConstants.EOF):
                Complain(recognizer);
                var last = file.GetChild(file.ChildCount - 1);
                if (last is FunctionContext function && function.expression() is { } value)
                {
                    value.exception = new InputMismatchException(recognizer);
                }
                else
                {
                    Lose(recognizer.CurrentToken);
                    if (last is ImportDeclarationContext or FormatDeclarationContext)
                    {
                        ((ParserRuleContext)last).exception = new InputMismatchException(recognizer);
                    }
                }

                SkipToDeclaration(tokens);
                break;
        }
    }

    private static bool StartsStatement(int type) => type is NAME or LPAREN or STATE or EMIT or SCAN or ITERATE or UPDATE;

    private void Complain(Antlr4.Runtime.Parser recognizer) => Complain(recognizer, recognizer.CurrentToken, recognizer.GetExpectedTokens());

    private void Complain(Antlr4.Runtime.Parser recognizer, IToken found, IntervalSet expected)
    {
        if (found.Type == ASSIGN)
        {
            Lose(found); // a = b = c: what b would have been is not known
        }

        if (!shaped.BehindGaps.Contains(found) && !(shaped.Unclosed.Count > 0 && shaped.Unclosed.Any(u => u.First < found.StartIndex && found.StartIndex < u.Last)))
        {
            ErrorWording.Report(source, report, recognizer, found, expected);
        }
    }

    private void Lose(IToken found) => shaped.Lost.Add((found.StartIndex, found.StopIndex));

    private static ListTokenStream Tokens(Antlr4.Runtime.Parser recognizer) => (ListTokenStream)recognizer.InputStream;

    private static void StepOver(ListTokenStream tokens, int type)
    {
        if (tokens.LA(1) == type)
        {
            tokens.Consume();
        }
    }

    private int DepthOf(IToken token) => shaped.Depths[token.TokenIndex];

    /// <summary>Stops at the first of two tokens at a bracket depth, or where the brackets around it close.</summary>
    private void SkipTo(ListTokenStream input, int depth, int first, int second)
    {
        for (var type = input.LA(1); type != TokenConstants.EOF; type = input.LA(1))
        {
            // A closing bracket carries the depth of its opening one: that of what is inside less one.
            var here = shaped.Depths[input.Index];
            if ((type == first && here == depth) || (type == second && here == (WordRules.IsCloser(second) ? depth - 1 : depth)))
            {
                return;
            }

            input.Consume();
        }
    }

    private void SkipToDeclaration(ListTokenStream input)
    {
        while (input.LA(1) != TokenConstants.EOF
            && !(input.LA(1) == SEP && shaped.Depths[input.Index] == 0 && WordRules.IsDeclarationWord(input.LA(2))))
        {
            input.Consume();
        }
    }
}
