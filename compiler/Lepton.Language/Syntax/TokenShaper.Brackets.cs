using Antlr4.Runtime;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;
using static Lepton.Language.Syntax.WordRules;

namespace Lepton.Language.Syntax;

internal sealed partial class TokenShaper
{
    private void Close(CommonToken token)
    {
        if (_open.Count == 0 || (_open[^1].Type == LBRACE && token.Type != RBRACE))
        {
            _report.Add(SyntaxDiagnostics.ClosesNothing, token.Span(_source), [Glyph(token.Type)]);
            return;
        }

        if (token.Type != RBRACE && LastType == COMMA && _separator == null)
        {
            _report.Add(SyntaxDiagnostics.Unexpected, token.Span(_source), ["an item behind the comma", $"`{Glyph(token.Type)}`"], help: "leave out the comma");
            _out.RemoveAt(_out.Count - 1);
            _depths.RemoveAt(_depths.Count - 1);
        }

        if (CloserOf(_open[^1].Type) != token.Type)
        {
            CloseWrong(token);
        }

        PutCloser(token);
    }

    /// <summary><c>f(x[i)</c>: the inner one has been forgotten; <c>f(x]</c>: the closer has the wrong shape.</summary>
    private void CloseWrong(CommonToken token)
    {
        var partner = _open.FindLastIndex(open => open.Type == LBRACE || CloserOf(open.Type) == token.Type);
        var inner = _open[^1];
        if (partner >= 0 && _open[partner].Type != LBRACE)
        {
            ReportUnclosed(inner, token);
            while (_open.Count > partner + 1)
            {
                PutCloser(Virtual(CloserOf(_open[^1].Type), Glyph(CloserOf(_open[^1].Type)), (CommonToken)_out[^1]));
            }

            return;
        }

        var right = CloserOf(inner.Type);
        _report.Add(
            SyntaxDiagnostics.WrongCloser,
            token.Span(_source),
            [Glyph(inner.Type), Glyph(token.Type)],
            [new DiagnosticLabel(inner.Span(_source), "opened here")],
            $"write `{Glyph(right)}`");
        token.Type = right;
        token.Text = Glyph(right);
    }

    /// <summary>Closes the ( and [ that are open within the innermost block: one message for all, at the innermost.</summary>
    private void CloseParentheses(CommonToken found)
    {
        ReportUnclosed(_open[^1], found);
        while (InParentheses)
        {
            PutCloser(Virtual(CloserOf(_open[^1].Type), Glyph(CloserOf(_open[^1].Type)), (CommonToken)_out[^1]));
        }
    }

    /// <summary>Closes blocks too, down to a depth: one message, at the innermost.</summary>
    private void CloseAll(CommonToken found, int depth)
    {
        if (_open.Count <= depth)
        {
            return;
        }

        ReportUnclosed(_open[^1], found);
        while (_open.Count > depth)
        {
            PutCloser(Virtual(CloserOf(_open[^1].Type), Glyph(CloserOf(_open[^1].Type)), (CommonToken)_out[^1]));
        }
    }

    private void PutCloser(CommonToken token)
    {
        var reduces = _reducerBrackets.Remove(_open[^1]);
        _open.RemoveAt(_open.Count - 1);
        Put(token);
        _inPlan &= _open.Count > 0;
        _afterReducer = reduces;
        _nesting.Count(token.Type, false);
    }

    private void ReportUnclosed(CommonToken open, CommonToken found)
    {
        if (open.Type == LBRACE)
        {
            _lost.Add((open.StartIndex, open.StopIndex)); // what stands behind it may belong into another block
        }
        else
        {
            _unclosed.Add((open.StartIndex, found.StartIndex));
        }

        var closer = Glyph(CloserOf(open.Type));
        if (CommentWith(closer, open.StopIndex + 1, found.StartIndex) is { } comment)
        {
            _report.Add(
                SyntaxDiagnostics.Unclosed,
                open.Span(_source),
                [Glyph(open.Type)],
                [new DiagnosticLabel(comment, $"a comment begins here, and the `{closer}` is part of it")],
                "divide integers by `/`, which rounds down");
            return;
        }

        var labels = found.Type == TokenConstants.EOF
            ? null
            : new[] { new DiagnosticLabel(found.Span(_source), $"`{closer}` is missing before this") };
        _report.Add(SyntaxDiagnostics.Unclosed, open.Span(_source), [Glyph(open.Type)], labels, $"close it with `{closer}`");
    }

    // The `//` of Python behind an operand on the line of the bracket, with what would have closed it.
    private SourceSpan? CommentWith(string closer, int from, int to)
    {
        var line = _source.Text.AsSpan(from, Math.Max(0, to - from));
        line = line.IndexOf('\n') is >= 0 and var end ? line[..end] : line;
        var at = line.IndexOf("//", StringComparison.Ordinal);
        return at >= 0 && line[at..].Contains(closer, StringComparison.Ordinal) ? new SourceSpan(_source, from + at, 2) : null;
    }
}
