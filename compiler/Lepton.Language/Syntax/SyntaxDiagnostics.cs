using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

/// <summary>The messages about a text that is not written in the language's grammar: LEP1001 to LEP1099.</summary>
public static class SyntaxDiagnostics
{
    /// <summary>Something else stands where the grammar wants one of a few things.</summary>
    public static readonly DiagnosticKind Unexpected = Error("LEP1001", "expected {0}, found {1}");

    /// <summary>A bracket without its partner behind it.</summary>
    public static readonly DiagnosticKind Unclosed = Error("LEP1002", "this `{0}` is never closed");

    /// <summary>A closing bracket without its partner before it.</summary>
    public static readonly DiagnosticKind ClosesNothing = Error("LEP1003", "this `{0}` closes nothing");

    /// <summary>A bracket that is closed by one of another shape.</summary>
    public static readonly DiagnosticKind WrongCloser = Error("LEP1004", "`{0}` is closed by `{1}`");

    /// <summary><c>/*</c> without <c>*/</c>.</summary>
    public static readonly DiagnosticKind UnclosedComment = Error("LEP1005", "this comment is never closed");

    /// <summary>A character that no token has.</summary>
    public static readonly DiagnosticKind StrayCharacter = Error("LEP1006", "`{0}` means nothing here");

    /// <summary>An operator of another language: <c>** &amp;&amp; || ! :=</c>.</summary>
    public static readonly DiagnosticKind ForeignOperator = Error("LEP1007", "there is no operator `{0}`");

    /// <summary>A statement of another language: <c>return let for while def</c>.</summary>
    public static readonly DiagnosticKind ForeignWord = Error("LEP1008", "there is no `{0}` in this language");

    /// <summary><c>=</c> and <c>==</c> confused.</summary>
    public static readonly DiagnosticKind EqualsConfused = Error("LEP1009", "{0}");

    /// <summary>Two items of a list without a comma.</summary>
    public static readonly DiagnosticKind MissingComma = Error("LEP1010", "a comma or an operator is missing before {0}");

    /// <summary>The results of a function without <c>-></c>.</summary>
    public static readonly DiagnosticKind MissingArrow = Error("LEP1011", "the results of a function stand behind `->`");

    /// <summary><c>a &lt; b &lt; c</c>.</summary>
    public static readonly DiagnosticKind ChainedComparison = Error("LEP1012", "comparisons cannot be chained");

    /// <summary>Brackets, signs, powers, reducers or conditions nested beyond the limit.</summary>
    public static readonly DiagnosticKind TooDeep = Error("LEP1013", "nested more than {0} deep");

    /// <summary>A source text beyond the size limit.</summary>
    public static readonly DiagnosticKind TooLarge = Error("LEP1014", "the text has {0} characters; at most {1} are read");

    /// <summary><c>1.</c>, <c>.5</c>, <c>0x1F</c>, <c>3n</c>.</summary>
    public static readonly DiagnosticKind BadNumber = Error("LEP1015", "`{0}` is not a number");

    /// <summary>A <c>"</c> without its partner on the same line.</summary>
    public static readonly DiagnosticKind UnclosedString = Error("LEP1016", "this text is not closed on its line");

    /// <summary><c>a = b c = d</c>.</summary>
    public static readonly DiagnosticKind TwoOnOneLine = Error("LEP1017", "a new equation starts here, on the line of the one before");

    /// <summary><c>(i, j)</c> or <c>(h: 8, d)</c> anywhere but alone in a subscript.</summary>
    public static readonly DiagnosticKind GroupOutOfPlace = Error("LEP1018", "a group of axes can only stand alone in a subscript");

    /// <summary>A member of a group that is not an index name.</summary>
    public static readonly DiagnosticKind GroupMember = Error("LEP1019", "the members of a group are index names");

    /// <summary>Arguments behind something that is not a name.</summary>
    public static readonly DiagnosticKind NotCallable = Error("LEP1020", "only a function's name can be called");

    /// <summary><c>name = value</c>, a slice, a group or an <c>else</c> in the wrong kind of bracket.</summary>
    public static readonly DiagnosticKind WrongSubscript = Error("LEP1021", "{0} cannot stand in {1}");

    /// <summary><c>if</c>, a reducer or <c>not</c> as an operand without parentheses.</summary>
    public static readonly DiagnosticKind NeedsParentheses = Error("LEP1022", "`{0}` needs parentheses here");

    /// <summary>An equation at the top level, or a declaration in a block.</summary>
    public static readonly DiagnosticKind OutOfPlace = Error("LEP1023", "{0} cannot stand {1}");

    /// <summary>A comment of another language.</summary>
    public static readonly DiagnosticKind ForeignComment = Error("LEP1024", "`#` starts no comment");

    /// <summary><c>sum(i, j) x[i, j]</c>, <c>sum i x[i]</c>.</summary>
    public static readonly DiagnosticKind ReducerBrackets = Error("LEP1026", "the indices of a reducer stand in brackets");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
