using Antlr4.Runtime;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>Cuts a file's tokens and comments into <see cref="FormatLine"/>s. Depends on the tokens, the comments and which of them share a line; on no other space.</summary>
internal sealed class FormatLines
{
    private const int IndentWidth = 2;
    private const int WhereWidth = 6; // "where "

    private readonly SourceText _source;
    private readonly ShapedTokens _shaped;
    private readonly List<CommonToken> _comments;
    private readonly List<FormatLine> _lines = [];
    private readonly TokenSpacing _spacing = new();
    private FormatLine? _line;
    private int _braces;
    private int _nextComment;
    private int _nextSkipped;
    private int _lastEnd;
    private bool _afterOpenBrace = true;
    private bool _inWhere;

    private FormatLines(SourceText source, ShapedTokens shaped)
    {
        _source = source;
        _shaped = shaped;
        _comments = [.. shaped.Comments.Where(comment => !shaped.Skipped.Any(skip => comment.StartIndex >= skip.First && comment.StopIndex <= skip.Last))];
    }

    public static List<FormatLine> Of(SourceText source, ShapedTokens shaped)
    {
        var lines = new FormatLines(source, shaped);
        lines.Run();
        return lines._lines;
    }

    private void Run()
    {
        var tokens = _shaped.Tokens;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token.Type == SEP)
            {
                TakeTrailing(token);
                _spacing.Next(token);
                var goesOn = _inWhere && _shaped.Depths[i] == 0 && !WordRules.IsDeclarationWord(tokens[i + 1].Type);
                EndLine();
                _inWhere = goesOn;
                continue;
            }

            TakeComments(token);
            switch (token.Type)
            {
                case TokenConstants.EOF:
                    EndLine();
                    return;
                case RBRACE:
                    Close(token);
                    break;
                case WHERE when _shaped.Depths[i] == 0 && HasLines(i):
                    EndLine();
                    _inWhere = true;
                    Start(IndentWidth, token);
                    Add(token);
                    break;
                default:
                    if (_line == null)
                    {
                        Start((IndentWidth * _braces) + (_inWhere ? IndentWidth + WhereWidth : 0), token);
                    }

                    Add(token);
                    break;
            }

            _lastEnd = token.StopIndex + 1;
            if (token.Type == LBRACE)
            {
                _braces++;
                _afterOpenBrace = true;
                if (tokens[i + 1].Type == RBRACE && !CommentBefore(tokens[i + 1]))
                {
                    _braces--;
                    _afterOpenBrace = false;
                    Add(tokens[++i]);
                    _lastEnd = tokens[i].StopIndex + 1;
                }
                else
                {
                    TakeTrailing(tokens[i + 1]);
                    EndLine();
                }
            }
            else if (WordRules.IsLater(token.Type) || token.Type == UPDATE)
            {
                Skip(token);
            }
        }
    }

    /// <summary>Whether the definitions of the `where` at a place stand on lines of their own.</summary>
    private bool HasLines(int where)
    {
        for (var i = where + 1; i < _shaped.Tokens.Count; i++)
        {
            if (_shaped.Tokens[i].Type == SEP && _shaped.Depths[i] == 0)
            {
                return !WordRules.IsDeclarationWord(_shaped.Tokens[i + 1].Type);
            }
        }

        return false;
    }

    private void Close(IToken token)
    {
        EndLine();
        _braces--;
        _afterOpenBrace = true; // no empty line before a brace
        Start(IndentWidth * _braces, token);
        Add(token);
        _afterOpenBrace = false;
    }

    private void Start(int indent, IToken token)
    {
        _line = new FormatLine(indent) { BlankBefore = BlankBefore(token.StartIndex) };
        _line.Alignment = token.Type switch
        {
            PARAM => Alignment.Param,
            NAME or STATE or EMIT or LPAREN when _braces > 0 => Alignment.Equation,
            _ => Alignment.None,
        };
        _lines.Add(_line);
        _afterOpenBrace = false;
    }

    private void Add(IToken token, bool mustBreak = false)
    {
        var piece = _spacing.Next(token);
        var line = _line!;
        if (line.AlignAt < 0 && line.Alignment == Alignment.Equation && token.Type is ASSIGN or ADD_ASSIGN or MUL_ASSIGN or MAX_ASSIGN or MIN_ASSIGN)
        {
            line.AlignAt = line.Pieces.Count;
        }
        else if (line.AlignAt < 0 && line.Alignment == Alignment.Param && token.Type == TILDE)
        {
            line.AlignAt = line.Pieces.Count;
        }

        var text = token.Type switch
        {
            MAX_ASSIGN => "max=",
            MIN_ASSIGN => "min=",
            _ => token.Text,
        };
        var space = piece.SpaceBefore && line.Pieces.Count > 0;
        line.Pieces.Add(piece with { Text = text, SpaceBefore = space, MustBreak = mustBreak || _mustBreak });
        _mustBreak = false;
    }

    private bool _mustBreak;

    private void EndLine()
    {
        _line = null;
        _mustBreak = false;
    }

    private bool CommentBefore(IToken token) => _nextComment < _comments.Count && _comments[_nextComment].StartIndex < token.StartIndex;

    /// <summary>The comments that stand before a token: behind what stands before them if they share its line, else on lines of their own.</summary>
    private void TakeComments(IToken token)
    {
        while (CommentBefore(token))
        {
            if (_line != null && token.Type is not (RBRACE or TokenConstants.EOF))
            {
                Inline(_comments[_nextComment]);
            }
            else if (SharesLine(_comments[_nextComment]) && _lines.Count > 0)
            {
                _lines[^1].Trailing.Add(Text(_comments[_nextComment]));
            }
            else
            {
                Own(_comments[_nextComment]);
            }

            _lastEnd = Math.Max(_lastEnd, _comments[_nextComment++].StopIndex + 1);
        }
    }

    /// <summary>Comments behind the last token of a line, on that line.</summary>
    private void TakeTrailing(IToken next)
    {
        while (CommentBefore(next) && SharesLine(_comments[_nextComment]))
        {
            _lines[^1].Trailing.Add(Text(_comments[_nextComment]));
            _lastEnd = _comments[_nextComment++].StopIndex + 1;
        }
    }

    /// <summary>In the middle of a statement.</summary>
    private void Inline(CommonToken comment)
    {
        var text = Text(comment);
        _line!.Pieces.Add(new Piece(text, true, TokenSpacing.NoBreak, _mustBreak));
        _mustBreak = text.StartsWith("//", StringComparison.Ordinal);
    }

    private void Own(CommonToken comment)
    {
        _line = null;
        var indent = IndentWidth * _braces;
        _lines.Add(new FormatLine(indent) { Verbatim = Text(comment), BlankBefore = BlankBefore(comment.StartIndex) });
        _afterOpenBrace = false;
    }

    private bool SharesLine(CommonToken comment) =>
        _source.Text.AsSpan(_lastEnd, comment.StartIndex - _lastEnd).IndexOf('\n') < 0 && _lastEnd > 0;

    private bool BlankBefore(int start)
    {
        if (_afterOpenBrace)
        {
            return false;
        }

        // The separator `;` and line ends may stand between; only two line breaks with nothing else make an empty line.
        var between = _source.Text.AsSpan(_lastEnd, start - _lastEnd);
        return between.Count('\n') > 1;
    }

    private void Skip(IToken keyword)
    {
        if (_nextSkipped >= _shaped.Skipped.Count || _shaped.Skipped[_nextSkipped].First != keyword.StopIndex + 1)
        {
            return;
        }

        var (_, last) = _shaped.Skipped[_nextSkipped++];
        var text = _source.Text.Substring(keyword.StopIndex + 1, last - keyword.StopIndex);
        _line!.Pieces[^1] = _line.Pieces[^1] with { Text = keyword.Text + Trimmed(text) };
        _line.Verbatim = _line.Pieces[^1].Text;
        _lastEnd = last + 1;
    }

    private string Text(CommonToken comment) => Trimmed(comment.Span(_source).Text);

    /// <summary>Without spaces at the ends of its lines, and with plain line ends.</summary>
    private static string Trimmed(string text) =>
        text.Contains('\n') || char.IsWhiteSpace(text[^1])
            ? string.Join('\n', text.Split('\n').Select(line => line.TrimEnd()))
            : text;
}
