using Antlr4.Runtime;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;
using static Lepton.Language.Syntax.WordRules;

namespace Lepton.Language.Syntax;

internal sealed partial class TokenShaper
{
    private static readonly Dictionary<string, string> ForeignWords = new()
    {
        ["return"] = "a result is a named equation: `y = ...`",
        ["let"] = "an equation stands without a word before it: `y = ...`",
        ["var"] = "an equation stands without a word before it: `y = ...`",
        ["val"] = "an equation stands without a word before it: `y = ...`",
        ["def"] = "a function is declared with `fn`",
        ["fun"] = "a function is declared with `fn`",
        ["func"] = "a function is declared with `fn`",
        ["function"] = "a function is declared with `fn`",
        ["for"] = "write an index on the left, `y[i] = ...`, or `scan t in T { }` where a step needs the one before",
        ["while"] = "write `iterate until done max 100 { }`",
        ["loop"] = "write `scan t in T { }` or `iterate until done max 100 { }`",
    };

    /// <summary>Behind `update` up to the line's end; behind the others up to the end of their block. Returns the last token's index.</summary>
    private int SkipLater(int i)
    {
        var keyword = _in[i].Type;
        var last = keyword is UPDATE ? EndOfLine(i) : EndOfBlock(i);
        if (last > i)
        {
            _skipped.Add((_in[i].StopIndex + 1, _in[last].StopIndex));
            _previous = _in[last];
        }

        return last;
    }

    /// <summary>The last token of the line of token i; a line that ends in a comma or an open bracket goes on.</summary>
    private int EndOfLine(int i)
    {
        var depth = 0;
        for (; TypeAt(i + 1) != TokenConstants.EOF; i++)
        {
            var next = _in[i + 1];
            if ((next.Type == SEP && depth == 0) || (next.Line > _in[i].Line && depth == 0 && _in[i].Type != COMMA) || (IsCloser(next.Type) && depth == 0))
            {
                break;
            }

            depth += IsOpener(next.Type) ? 1 : IsCloser(next.Type) ? -1 : 0;
        }

        return i;
    }

    /// <summary>The token that closes the first block behind token i; without one, the last token before the next declaration.</summary>
    private int EndOfBlock(int i)
    {
        CommonToken? open = null;
        for (var depth = 0; TypeAt(i + 1) != TokenConstants.EOF; i++)
        {
            var next = _in[i + 1];
            if (next.Column == 0 && next.Line > _in[i].Line && IsDeclarationWord(next.Type) && IsWord(TypeAt(i + 2)))
            {
                break;
            }

            if (next.Type == LBRACE)
            {
                open ??= next;
                depth++;
            }
            else if (next.Type == RBRACE && --depth <= 0)
            {
                return i + 1;
            }
        }

        if (open != null)
        {
            ReportUnclosed(open, _in[i + 1]);
        }

        return i;
    }

    /// <summary>Whether a word of another language starts a statement here; it may be a tensor's name as well.</summary>
    private bool IsForeign(int i)
    {
        var next = TypeAt(i + 1);
        if (TypeAt(i) != NAME || !ForeignWords.ContainsKey(_in[i].Text) || next == TokenConstants.EOF || _in[i + 1].Line != _in[i].Line)
        {
            return false;
        }

        // for (…) and while (…); any other name with parentheses is a call.
        return next == LPAREN ? _in[i].Text is "for" or "while" : next is not (SEP or RBRACE) && !FollowsDefinedName(next) && CanStartStatement(next);
    }

    /// <summary><c>let y = 1</c>, <c>return y</c>, <c>for i in n { }</c>: reported, then read as what was meant where that is clear, else left out.</summary>
    private bool SkipForeignStatement(ref int i)
    {
        var token = _in[i];
        if (token.Type is not (NAME or IF) || !AtStatementStart)
        {
            return false;
        }

        if (token.Type == IF)
        {
            var help = "an equation has the choice on its right: `y = if c then a else b`";
            _report.Add(SyntaxDiagnostics.OutOfPlace, token.Span(_source), ["`if`", "in place of an equation"], help: help);
            LeaveOut(ref i, EndOfNested(i));
            return true;
        }

        if (!IsForeign(i))
        {
            return false;
        }

        var next = TypeAt(i + 1);
        switch (token.Text)
        {
            case "let" or "var" or "val" when IsWord(next):
                ReportForeign(token);
                i += _in[i + 1].Text == "mut" && IsWord(TypeAt(i + 2)) ? 1 : 0;
                _previous = _in[i];
                return true;
            case "def" or "fun" or "func" or "function" when IsWord(next):
                token.Type = FN;
                ReportForeign(token);
                return false;
            case "return":
                ReportForeign(token);
                LeaveOut(ref i, EndOfLine(i));
                return true;
            case "for" or "while" or "loop":
                ReportForeign(token);
                LeaveOut(ref i, EndOfNested(i));
                return true;
            default:
                return false;
        }
    }

    private void ReportForeign(CommonToken token) =>
        _report.Add(SyntaxDiagnostics.ForeignWord, token.Span(_source), [token.Text], help: ForeignWords[token.Text]);

    private void LeaveOut(ref int i, int last)
    {
        _lost.Add((_in[i].StartIndex, _in[last].StopIndex));
        i = last;
        _previous = _in[i];
    }

    /// <summary>The last token of <c>if … { … } else { … }</c>, <c>for …:</c> with the lines that are further right, and so on.</summary>
    private int EndOfNested(int i)
    {
        var column = _in[i].Column;
        while (true)
        {
            var last = EndOfLine(i);
            if (TypeAt(last + 1) == LBRACE)
            {
                last = EndOfBlock(i);
            }
            else if (_in[last].Type == COLON)
            {
                while (TypeAt(last + 1) is not (TokenConstants.EOF or RBRACE) && _in[last + 1].Column > column)
                {
                    last++;
                }
            }

            if (TypeAt(last + 1) != ELSE && !(TypeAt(last + 1) == NAME && _in[last + 1].Text == "elif"))
            {
                return last;
            }

            i = last + 1;
        }
    }
}
