using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>What a token's type alone tells about statements: may one end here, may one start here, is it a word.</summary>
internal static class WordRules
{
    /// <summary>A name, or a contextual keyword that could be one. The nine reserved words (where if then else and or not true false) are not.</summary>
    public static bool IsWord(int type) => type is NAME or REDUCER or (>= IMPORT and <= FILL);

    public static bool IsDeclarationWord(int type) => type is >= IMPORT and <= PLAN;

    /// <summary>Declarations that a later version brings; their text is skipped.</summary>
    public static bool IsLater(int type) => type is STEP or OPTIMIZER;

    /// <summary>The type of a word in a plan, where it does not stand for a name.</summary>
    public static int PlanWord(string text) => text switch
    {
        "for" => FOR,
        "minimize" => MINIMIZE,
        "subject" => SUBJECT,
        "to" => TO,
        "when" => WHEN,
        "pin" => PIN,
        "precision" => PRECISION,
        _ => NAME,
    };

    /// <summary>Ends an operand: what follows is an operator, a bracket or another statement.</summary>
    public static bool EndsOperand(int type) => type is NAME or INTEGER or FLOAT or STRING or TRUE or FALSE or PRIME or RPAREN or RBRACKET;

    public static bool CanEndStatement(int type) => EndsOperand(type) || type is RBRACE || IsLater(type) || type == UPDATE;

    /// <summary>What cannot start a statement goes on with the one of the line before: <c>y = a</c>, then <c>- b</c> on a line of its own.</summary>
    public static bool CanStartStatement(int type) => type is not (
        PLUS or MINUS or STAR or SLASH or PERCENT or AT or CARET or EQ or NE or LT or LE or GT or GE or AND or OR or THEN or ELSE or WHERE
        or ASSIGN or ADD_ASSIGN or MUL_ASSIGN or COMMA or COLON or DOT or PRIME or TILDE or ARROW
        or LBRACE or RBRACE or RPAREN or RBRACKET or Eof);

    /// <summary>Behind a word at the start of a statement: the word is the name that is defined.</summary>
    public static bool FollowsDefinedName(int type) =>
        type is ASSIGN or ADD_ASSIGN or MUL_ASSIGN or EQ or LBRACKET or PRIME or COLON or COMMA or DOT;

    public static bool IsOpener(int type) => type is LPAREN or LBRACKET or LBRACE;

    public static bool IsCloser(int type) => type is RPAREN or RBRACKET or RBRACE;

    public static int CloserOf(int opener) => opener switch { LPAREN => RPAREN, LBRACKET => RBRACKET, _ => RBRACE };

    public static string Glyph(int bracket) => bracket switch
    {
        LPAREN => "(",
        RPAREN => ")",
        LBRACKET => "[",
        RBRACKET => "]",
        LBRACE => "{",
        _ => "}",
    };

    private const int Eof = -1;
}
