using Antlr4.Runtime;
using Antlr4.Runtime.Misc;

namespace Lepton.Language.Syntax;

/// <summary>A parser's input from a list that is complete: ANTLR's buffered streams ask at each token whether to fetch more.</summary>
internal sealed class ListTokenStream : ITokenStream
{
    private readonly IToken[] _tokens;
    private readonly ListTokenSource _source;

    public ListTokenStream(List<IToken> tokens)
    {
        _source = new ListTokenSource(tokens);
        _tokens = [.. tokens];
        for (var i = 0; i < _tokens.Length; i++)
        {
            ((IWritableToken)_tokens[i]).TokenIndex = i;
        }
    }

    private CommonToken? _barrier;

    public int Index { get; private set; }

    /// <summary>
    /// While blocked, the next token is one that no rule takes, so that the rules around a mistake end one after the other. Unlike an
    /// exception through all of them this costs next to nothing: rules are some ten deep to a bracket.
    /// </summary>
    public bool Blocked
    {
        get => _barrier != null;
        set
        {
            var next = _tokens[Index];
            _barrier = value ? new CommonToken(next) { Type = 0, TokenIndex = Index, StopIndex = next.StartIndex - 1 } : null;
        }
    }

    public int Size => _tokens.Length;

    public string SourceName => _source.SourceName;

    public ITokenSource TokenSource => _source;

    public void Consume()
    {
        if (Index < _tokens.Length - 1)
        {
            Index++;
        }
    }

    public int LA(int offset) => LT(offset)?.Type ?? TokenConstants.EOF;

    /// <summary>LT(1) is the next token, LT(-1) the one before; behind the end there is EOF for ever.</summary>
    public IToken LT(int offset)
    {
        if (offset > 0 && _barrier != null)
        {
            return _barrier;
        }

        var index = Index + (offset > 0 ? offset - 1 : offset);
        return index < 0 ? null! : _tokens[Math.Min(index, _tokens.Length - 1)];
    }

    public IToken Get(int index) => _tokens[Math.Min(index, _tokens.Length - 1)];

    public int Mark() => Index;

    public void Release(int marker)
    {
    }

    public void Seek(int index) => Index = Math.Clamp(index, 0, _tokens.Length - 1);

    public string GetText(Interval interval) => string.Concat(_tokens[interval.a..(interval.b + 1)].Select(token => token.Text));

    public string GetText() => GetText(Interval.Of(0, _tokens.Length - 1));

    public string GetText(RuleContext context) => GetText(context.SourceInterval);

    public string GetText(IToken start, IToken stop) => GetText(Interval.Of(start.TokenIndex, stop.TokenIndex));
}
