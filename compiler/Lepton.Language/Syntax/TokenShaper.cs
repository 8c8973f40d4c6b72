using Antlr4.Runtime;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;
using static Lepton.Language.Syntax.WordRules;

namespace Lepton.Language.Syntax;

/// <summary>
/// Between lexer and parser: ends statements, tells contextual keywords from names, balances brackets, skips what a later version brings.
/// <para>
/// A line break ends a statement when it is outside ( ) and [ ], the token before it can end one and the token behind it can start one.
/// So a line that starts with an operator goes on with the line before, one that starts with a name or with ( or [ does not.
/// </para>
/// </summary>
internal sealed partial class TokenShaper
{
    private readonly SourceText _source;
    private readonly DiagnosticReport _report;
    private readonly List<CommonToken> _in;
    private readonly List<IToken> _out;
    private readonly List<int> _depths;
    private readonly List<CommonToken> _open = [];
    private readonly HashSet<CommonToken> _reducerBrackets = [];
    private readonly List<(int, int)> _skipped = [];
    private readonly List<(int First, int Last)> _lost = [];
    private readonly List<(int First, int Last)> _unclosed = [];
    private readonly NestingMeter _nesting = new();
    private CommonToken? _separator;
    private CommonToken? _previous;
    private bool _iterateHeader;
    private bool _afterReducer;
    private bool _inPlan;

    private TokenShaper(SourceText source, List<CommonToken> tokens, DiagnosticReport report)
    {
        _source = source;
        _report = report;
        _in = tokens;
        _out = new List<IToken>(tokens.Count + (tokens.Count / 4));
        _depths = new List<int>(_out.Capacity);
    }

    /// <param name="isPlan">The text is a piece of a plan: a goal or limits of the command line.</param>
    public static ShapedTokens Shape(SourceText source, IEnumerable<IToken> raw, DiagnosticReport report, bool isPlan = false)
    {
        var ofTokens = new DiagnosticReport();
        var (tokens, comments, behindGaps) = TokenCleaner.Clean(source, raw, ofTokens);
        var shaper = new TokenShaper(source, tokens, report) { _inPlan = isPlan };
        shaper.Run();
        foreach (var diagnostic in ofTokens.Diagnostics)
        {
            // What stands in a text that was left out is no further mistake.
            if (!shaper._lost.Exists(l => diagnostic.Span.Start >= l.First && diagnostic.Span.Start <= l.Last))
            {
                report.Add(diagnostic);
            }
        }

        return new ShapedTokens(shaper._out, shaper._depths, comments, shaper._skipped, shaper._lost, shaper._unclosed, behindGaps, shaper._nesting.Deepest);
    }

    private int LastType => _out.Count == 0 ? SEP : _out[^1].Type;

    private bool AtStatementStart => _separator != null || LastType is SEP or LBRACE;

    /// <summary>Behind <c>sum[k]</c> an operand starts: what follows is neither a subscript nor a binary operator nor the next statement.</summary>
    private bool AfterOperand => !AtStatementStart && EndsOperand(LastType) && !_afterReducer;

    private bool InParentheses => _open.Count > 0 && _open[^1].Type != LBRACE;

    private void Run()
    {
        for (var i = 0; i < _in.Count; i++)
        {
            var token = _in[i];
            var newLine = _previous != null && token.Line > _previous.Line;
            if (token.Type == SEP && InParentheses && ClosesOnLine(i))
            {
                _report.Add(SyntaxDiagnostics.Unexpected, token.Span(_source), ["`,` or a closing bracket", "`;`"]);
                (token.Type, token.Text) = (COMMA, ",");
            }

            if (newLine || token.Type is SEP or RBRACE or TokenConstants.EOF)
            {
                EndLine(i, token, newLine);
            }

            _previous = token;
            switch (token.Type)
            {
                case SEP:
                    continue;
                case RPAREN or RBRACKET or RBRACE:
                    Close(token);
                    continue;
                case TokenConstants.EOF:
                    CloseAll(token, 0);
                    Put(token);
                    return;
            }

            if (!_inPlan && SkipForeignStatement(ref i))
            {
                continue;
            }

            Classify(i, token);
            var afterOperand = AfterOperand;
            var reduces = LastType == REDUCER && _separator == null;
            if (afterOperand && token.Type == NAME && StartsSecondEquation(i))
            {
                _report.Add(SyntaxDiagnostics.TwoOnOneLine, token.Span(_source), [], help: "put it on a line of its own, or write `;` between them");
                _separator = Virtual(SEP, "\n", (CommonToken)_out[^1]);
            }

            Put(token);
            _nesting.Count(token.Type, afterOperand);
            if (_nesting.TooDeep)
            {
                _report.Add(SyntaxDiagnostics.TooDeep, token.Span(_source), [NestingMeter.Limit], help: "give a part of it a name of its own");
                return;
            }

            switch (token.Type)
            {
                case LPAREN or LBRACKET or LBRACE:
                    _open.Add(token);
                    _iterateHeader &= token.Type != LBRACE;
                    if (reduces)
                    {
                        _reducerBrackets.Add(token);
                    }

                    break;
                case ITERATE:
                    _iterateHeader = true;
                    break;
                case MAX_ASSIGN or MIN_ASSIGN:
                    i++; // its `=`
                    break;
                case PLAN:
                    _inPlan = true;
                    break;
                case STEP or OPTIMIZER or UPDATE:
                    i = SkipLater(i);
                    break;
            }
        }

        throw new InvalidOperationException("the token list has no end");
    }

    /// <summary>Decides what a line break, a <c>;</c>, a <c>}</c> or the end of the file before this token ends.</summary>
    private void EndLine(int i, CommonToken token, bool newLine)
    {
        if (InParentheses)
        {
            // Between brackets line breaks are free. But where an equation starts, or a block ends, a bracket has been forgotten.
            var ends = token.Type is SEP or RBRACE or TokenConstants.EOF
                || (newLine && Ahead(i) switch
                {
                    Start.Named => LastType is not (COMMA or LPAREN or LBRACKET), // could be a named argument
                    Start.Sure => true,
                    _ => false,
                });
            if (!ends)
            {
                return;
            }

            CloseParentheses(token);
        }

        if (newLine && _open.Count > 0 && token.Column == 0 && IsDeclarationWord(token.Type) && Ahead(i) == Start.Sure)
        {
            CloseAll(token, 0);
        }

        if (token.Type == SEP)
        {
            _separator ??= token;
            _iterateHeader = false;
        }
        else if (newLine && _separator == null && EndsStatement(i, token))
        {
            _separator = Virtual(SEP, "\n", (CommonToken)_out[^1]);
        }
    }

    private bool EndsStatement(int i, CommonToken token)
    {
        if (_iterateHeader && token is { Type: REDUCER, Text: "max" })
        {
            return false;
        }

        // Even behind an operator a line that is clearly an equation starts one: the operand before it is what is missing.
        return CanStartStatement(token.Type)
            && ((CanEndStatement(LastType) && !_afterReducer) || (LastType is not (COMMA or WHERE or LBRACE or SEP) && Ahead(i) != Start.No));
    }

    /// <summary><c>[f32; N]</c>, from the <c>;</c> on: the bracket has not been forgotten.</summary>
    private bool ClosesOnLine(int i)
    {
        var depth = 0;
        for (var j = i + 1; TypeAt(j) != TokenConstants.EOF && _in[j].Line == _in[i].Line && depth >= 0; j++)
        {
            depth += IsOpener(TypeAt(j)) ? 1 : IsCloser(TypeAt(j)) ? -1 : 0;
            if (depth < 0)
            {
                return TypeAt(j) == CloserOf(_open[^1].Type);
            }
        }

        return false;
    }

    /// <summary><c>y = a z = b</c>, from z on.</summary>
    private bool StartsSecondEquation(int i)
    {
        if (_open.Count == 0 || InParentheses || IsForeign(i) || Ahead(i) == Start.No)
        {
            return false;
        }

        var first = _out.FindLastIndex(t => t.Type is SEP or LBRACE);
        return _out.Skip(first + 1).Any(t => t.Type is ASSIGN or ADD_ASSIGN or MUL_ASSIGN or MAX_ASSIGN or MIN_ASSIGN);
    }

    /// <summary>Appends a token, and before it the separator that was waiting, where it separates something.</summary>
    private void Put(CommonToken token)
    {
        if (_separator is { } separator)
        {
            _separator = null;
            if (token.Type is not (RBRACE or TokenConstants.EOF) && LastType is not (SEP or LBRACE))
            {
                Append(separator);
                _nesting.Count(SEP, false);
            }
        }

        Append(token);
        _afterReducer = false;
    }

    private void Append(CommonToken token)
    {
        _out.Add(token);
        _depths.Add(_open.Count);
    }

    /// <summary>An empty token just behind another.</summary>
    private static CommonToken Virtual(int type, string text, CommonToken behind) => new(behind)
    {
        Type = type,
        Text = text,
        StartIndex = behind.StopIndex + 1,
        StopIndex = behind.StopIndex,
    };
}
