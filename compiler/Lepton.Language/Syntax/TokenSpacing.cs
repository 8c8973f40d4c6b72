using Antlr4.Runtime;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>A token as the formatter writes it.</summary>
/// <param name="Text">As written, or `max=` for its two tokens.</param>
/// <param name="SpaceBefore">Unless it starts a line.</param>
/// <param name="BreakCost">How bad a line break before it is; <see cref="TokenSpacing.NoBreak"/> where there can be none.</param>
/// <param name="MustBreak">A `//` comment ends just before it.</param>
internal readonly record struct Piece(string Text, bool SpaceBefore, int BreakCost, bool MustBreak = false);

/// <summary>
/// The one style within a line: <c>y[i: N / 2] = -x^2 + sum[k] f(a[k, 2:n], axis = -1)</c>. Goes through the tokens once and remembers what
/// each bracket is for: a colon is a size in <c>y[i: N]</c> and a slice in <c>x[2:n]</c>.
/// </summary>
internal sealed class TokenSpacing
{
    public const int NoBreak = int.MaxValue;

    // Lower is better: an outer bracket's loosest operator before all that is tighter or deeper.
    private const int PerBracket = 16;

    private readonly Stack<Bracket> _brackets = new();
    private IToken? _previous;
    private bool _previousSign; // a sign stands at its operand: -x
    private bool _afterReducer;
    private bool _definesNow = true;
    private bool _inWhere;
    private bool _inPlan;

    private enum Bracket
    {
        Round,
        Slices,
        Sizes,
        Reducer,
    }

    public Piece Next(IToken token)
    {
        if (token.Type is SEP or LBRACE or RBRACE)
        {
            _definesNow = true;
            _inWhere &= token.Type == SEP && _brackets.Count == 0;
        }

        _inPlan = (_inPlan || token.Type == PLAN) && token.Type != RBRACE;

        var afterOperand = _previous != null && WordRules.EndsOperand(_previous.Type) && !_afterReducer;
        var unary = token.Type == MINUS && !afterOperand;
        var depth = _brackets.Count;
        var space = Space(token.Type, afterOperand, unary);
        var cost = Cost(token.Type, unary, afterOperand);
        if (_previousSign)
        {
            (space, cost) = (false, NoBreak);
        }

        Enter(token.Type, afterOperand);
        _previousSign = unary;
        _previous = token;
        return new Piece(token.Text, space, cost == NoBreak ? cost : cost + (PerBracket * Math.Min(depth, _brackets.Count)));
    }

    private void Enter(int type, bool afterOperand)
    {
        _afterReducer = false;
        switch (type)
        {
            case LPAREN:
                _brackets.Push(Bracket.Round);
                break;
            case LBRACKET:
                var reduces = _previous?.Type == REDUCER;
                _brackets.Push(reduces ? Bracket.Reducer : _definesNow && afterOperand && _brackets.Count == 0 ? Bracket.Sizes : Bracket.Slices);
                break;
            case RPAREN or RBRACKET:
                _afterReducer = _brackets.Pop() == Bracket.Reducer;
                break;
            case WHERE:
                _definesNow = _inWhere = true;
                break;
            case COMMA when _brackets.Count == 0 && _inWhere:
                _definesNow = true;
                break;
            case UNTIL or IN:
                _definesNow = false;
                break;
            case ASSIGN or ADD_ASSIGN or MUL_ASSIGN or MAX_ASSIGN or MIN_ASSIGN when _brackets.Count == 0:
                _definesNow = false;
                break;
        }
    }

    private bool InSlices => _brackets.TryPeek(out var bracket) && bracket == Bracket.Slices;

    private bool Space(int type, bool afterOperand, bool unary)
    {
        if (_previous == null)
        {
            return false;
        }

        return _previous.Type switch
        {
            LPAREN or LBRACKET or DOT or ELLIPSIS or CARET => false,
            COLON when InSlices => false,
            COLON or SLASH when _inPlan => false,
            _ => type switch
            {
                COLON or SLASH when _inPlan => false,
                COMMA or RPAREN or RBRACKET or DOT or PRIME or CARET or SEP => false,
                COLON => InSlices && _previous.Type == COMMA,
                LPAREN or LBRACKET => !afterOperand && _previous.Type != REDUCER,
                _ => true,
            },
        };
    }

    private int Cost(int type, bool unary, bool afterOperand)
    {
        if (_previous == null || unary && afterOperand)
        {
            return NoBreak;
        }

        return type switch
        {
            WHERE => 0,
            ARROW => 1,
            OR => 1,
            THEN or ELSE when !InSlices => 1,
            AND => 2,
            EQ or NE or LT or LE or GT or GE => 3,
            PLUS => 4,
            MINUS when !unary => 4,
            SLASH when _inPlan => NoBreak,
            STAR or SLASH or PERCENT or AT => 5,
            SUBJECT or WHEN => 1,
            TILDE => 6,
            _ => _previous.Type switch
            {
                COMMA => 2,
                ASSIGN when _brackets.Count == 0 => 7,
                LPAREN => 9,
                _ => NoBreak,
            },
        };
    }
}
