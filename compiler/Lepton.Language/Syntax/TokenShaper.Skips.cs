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
        ["func"] = "a function is declared with `fn`",
        ["function"] = "a function is declared with `fn`",
        ["for"] = "write an index on the left, `y[i] = ...`, or `scan t in T { }` where a step needs the one before",
        ["while"] = "write `iterate until done max 100 { }`",
        ["loop"] = "write `scan t in T { }` or `iterate until done max 100 { }`",
    };

    /// <summary>Behind `format` up to the line's end, behind `update` too; behind the others up to the end of their block. Returns the last token's index.</summary>
    private int SkipLater(int i)
    {
        var keyword = _in[i].Type;
        var last = keyword is FORMAT or UPDATE ? EndOfLine(i) : EndOfBlock(i);
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
        for (; TypeAt(i + 1) is not (TokenConstants.EOF or SEP); i++)
        {
            var next = _in[i + 1];
            if ((next.Line > _in[i].Line && depth == 0 && _in[i].Type != COMMA) || (IsCloser(next.Type) && depth == 0))
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
        return TypeAt(i) == NAME && ForeignWords.ContainsKey(_in[i].Text)
            && next is not (LPAREN or TokenConstants.EOF or SEP or RBRACE) && !FollowsDefinedName(next) && _in[i + 1].Line == _in[i].Line
            && CanStartStatement(next);
    }

    /// <summary><c>let y = 1</c>, <c>return y</c>, <c>for i in n { }</c>: reported, then read as what was meant where that is clear, else left out.</summary>
    private bool SkipForeignStatement(ref int i)
    {
        var token = _in[i];
        if (token.Type != NAME || !AtStatementStart || !ForeignWords.TryGetValue(token.Text, out var meaning))
        {
            return false;
        }

        if (!IsForeign(i))
        {
            return false;
        }

        var next = TypeAt(i + 1);
        switch (token.Text)
        {
            case "let" or "var" or "val" when IsWord(next):
                break;
            case "def" or "func" or "function" when IsWord(next):
                token.Type = FN;
                _report.Add(SyntaxDiagnostics.ForeignWord, token.Span(_source), [token.Text], help: meaning);
                return false;
            case "return":
                i = EndOfLine(i);
                break;
            case "for" or "while" or "loop":
                var line = EndOfLine(i);
                i = _in[line].Type == LBRACE || TypeAt(line + 1) == LBRACE || _in.Skip(i).Take(line - i).Any(t => t.Type == LBRACE) ? EndOfBlock(i) : line;
                break;
            default:
                return false;
        }

        _report.Add(SyntaxDiagnostics.ForeignWord, token.Span(_source), [token.Text], help: meaning);
        _previous = _in[i];
        return true;
    }
}
