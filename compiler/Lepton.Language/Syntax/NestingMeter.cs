using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>
/// Counts how deep the syntax tree will be, from the tokens alone, before anything recurses over it: brackets, and within each bracket the
/// signs, powers, subscript chains, reducers and conditions that are still open. The count may be too high, never too low.
/// </summary>
internal sealed class NestingMeter
{
    /// <summary>Deeper texts are refused, so that every recursion over a tree is bounded.</summary>
    public const int Limit = 300;

    private readonly Stack<Level> _outer = new();
    private Level _level = new(0);

    public int Deepest { get; private set; }

    public bool TooDeep => Deepest > Limit;

    /// <param name="type">The token.</param>
    /// <param name="afterOperand">Whether an operand ends just before it, which makes <c>-</c> binary and a bracket a chained one.</param>
    public void Count(int type, bool afterOperand)
    {
        switch (type)
        {
            case LPAREN or LBRACKET or LBRACE:
                _level.Tight += afterOperand ? 1 : 0;
                _outer.Push(_level);
                _level = new Level(_level.Depth + 1);
                break;
            case RPAREN or RBRACKET or RBRACE:
                _level = _outer.Pop();
                if (type == RBRACE)
                {
                    _level.EndItem();
                }

                break;
            case MINUS when !afterOperand:
            case CARET:
                _level.Tight++;
                break;
            case REDUCER:
                _level.Reducers++;
                break;
            case NOT or IF or WHERE:
                _level.Conditions++;
                break;
            case STAR or SLASH or PERCENT or AT:
                _level.Tight = 0;
                break;
            case PLUS or MINUS or EQ or NE or LT or LE or GT or GE or AND or OR or THEN or ELSE or COLON:
                _level.Tight = _level.Reducers = 0;
                break;
            case COMMA or SEP:
                _level.EndItem();
                break;
        }

        Deepest = Math.Max(Deepest, _level.Depth);
    }

    private sealed class Level(int outer)
    {
        /// <summary>Signs, powers and chained brackets: closed by the next operator that is not one.</summary>
        public int Tight;

        /// <summary>Reducers: closed by + - and comparisons.</summary>
        public int Reducers;

        /// <summary><c>if</c>, <c>not</c> and <c>where</c>: closed at the end of the statement or list item.</summary>
        public int Conditions;

        public int Depth => outer + Tight + Reducers + Conditions;

        public void EndItem() => Tight = Reducers = Conditions = 0;
    }
}
