using Antlr4.Runtime;
using Antlr4.Runtime.Misc;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>A set of tokens the grammar would take, in words: "an expression", "`]` or an operator".</summary>
internal static class ExpectedWords
{
    private const int MostNamed = 4;

    private static readonly int[] Operand = [NAME, INTEGER, FLOAT, TRUE, FALSE, LPAREN, LBRACKET, REDUCER, MINUS, NOT, IF];
    private static readonly int[] Operators = [PLUS, MINUS, STAR, SLASH, PERCENT, AT, CARET, EQ, NE, LT, LE, GT, GE, AND, OR];
    private static readonly int[] Suffixes = [LPAREN, LBRACKET, PRIME, DOT];
    private static readonly int[] Definers = [ADD_ASSIGN, MUL_ASSIGN, MAX_ASSIGN, MIN_ASSIGN];
    private static readonly int[] Declarations = [IMPORT, DIM, CONST, PARAM, FN, STEP, OPTIMIZER, FORMAT, PLAN];
    private static readonly int[] Statements = [STATE, EMIT, SCAN, ITERATE, UPDATE];

    /// <param name="expected">What the rule that failed would take.</param>
    /// <param name="afterOperand">An operand ends just before: the rules inside would have taken an operator, and those are left already.</param>
    public static string Of(IntervalSet expected, bool afterOperand)
    {
        var left = expected.ToList().ToHashSet();
        var words = new List<string>();
        if (afterOperand && (left.Contains(SEP) || left.Contains(RPAREN) || left.Contains(RBRACKET) || left.Contains(THEN) || left.Contains(ELSE)))
        {
            left.UnionWith([PLUS]);
            left.ExceptWith([RBRACE, TokenConstants.EOF]);
        }

        if (Take(left, Declarations, FN))
        {
            words.Add("a declaration");
        }

        if (left.Contains(STATE))
        {
            left.ExceptWith([NAME, LPAREN]);
            left.ExceptWith(Statements);
            words.Add("an equation");
        }

        if (left.Contains(INTEGER) && left.Contains(NAME) && left.Contains(LPAREN))
        {
            left.ExceptWith(Operand);
            words.Add("an expression");
        }

        if (left.Contains(PLUS) || left.Contains(CARET) || left.Contains(EQ))
        {
            left.ExceptWith(Operators);
            left.ExceptWith(Suffixes); // said by "an operator" well enough
            words.Add("an operator");
        }

        if (left.Contains(ASSIGN))
        {
            left.ExceptWith(Definers);
        }

        foreach (var type in left.Order())
        {
            words.Add(type switch
            {
                TokenConstants.EOF => "the end of the file",
                SEP => "a new line",
                NAME => "a name",
                INTEGER or FLOAT => "a number",
                STRING => "a text in quotes",
                MAX or FOR or MINIMIZE or SUBJECT or TO or WHEN or PIN or PRECISION => $"`{DefaultVocabulary.GetSymbolicName(type).ToLowerInvariant()}`",
                _ => LexerVocabulary(type),
            });
        }

        // The long lists say less than their first members.
        words = [.. words.Distinct()];
        if (words.Count > MostNamed)
        {
            words.RemoveRange(MostNamed, words.Count - MostNamed);
        }

        return words.Count switch
        {
            0 => "something else",
            1 => words[0],
            _ => string.Join(", ", words[..^1]) + " or " + words[^1],
        };
    }

    private static bool Take(HashSet<int> left, int[] members, int sign)
    {
        if (!left.Contains(sign))
        {
            return false;
        }

        left.ExceptWith(members);
        return true;
    }

    private static string LexerVocabulary(int type) => DefaultVocabulary.GetLiteralName(type) is { Length: > 2 } quoted
        ? $"`{(type == PRIME ? "'" : quoted[1..^1])}`"
        : DefaultVocabulary.GetSymbolicName(type).ToLowerInvariant();
}
