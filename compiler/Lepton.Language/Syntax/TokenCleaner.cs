using Antlr4.Runtime;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>
/// The lexer's tokens without what is no token of Lepton: stray characters, other languages' operators, bad numbers and unclosed comments
/// are reported here and mended or dropped, so that each is one message and the parser goes on as if it had been written right.
/// </summary>
internal static class TokenCleaner
{
    private static readonly Dictionary<string, (int Type, string Text, string Help)> Foreign = new()
    {
        ["**"] = (CARET, "^", "a power is written x^2"),
        ["&&"] = (AND, "and", "write `and`"),
        ["||"] = (OR, "or", "write `or`"),
        ["!"] = (NOT, "not", "write `not`"),
        ["=>"] = (ARROW, "->", "write `->` before results, `=` before a body"),
        [":="] = (ASSIGN, "=", "an equation is written with `=`"),
        ["-="] = (ADD_ASSIGN, "+=", "write `+=` and negate the value"),
        ["/="] = (MUL_ASSIGN, "*=", "write `*=` and invert the value"),
        ["<>"] = (NE, "!=", "write `!=`"),
        ["==="] = (EQ, "==", "write `==`"),
        ["\u2212"] = (MINUS, "-", "write the plain `-`"),
        ["\u2013"] = (MINUS, "-", "write the plain `-`"),
        ["\u00D7"] = (STAR, "*", "write `*`"),
        ["\u00B7"] = (STAR, "*", "write `*`"),
        ["\u00F7"] = (SLASH, "/", "write `/`"),
        ["\u2264"] = (LE, "<=", "write `<=`"),
        ["\u2265"] = (GE, ">=", "write `>=`"),
        ["\u2260"] = (NE, "!=", "write `!=`"),
        ["\u2192"] = (ARROW, "->", "write `->`"),
        ["\u2190"] = (ASSIGN, "=", "an equation is written with `=`"),
        ["\u2032"] = (PRIME, "'", "write the plain `'`"),
        ["\u2019"] = (PRIME, "'", "write the plain `'`"),
    };

    private static readonly Dictionary<string, string> StrayHelp = new()
    {
        ["\u201C"] = "write the plain quote \"",
        ["\u201D"] = "write the plain quote \"",
        ["\u2211"] = "a sum is written sum[k]",
        ["\u220F"] = "a product is written prod[k]",
        ["\u221A"] = "a square root is written sqrt(x)",
        ["\u221E"] = "infinity is written inf",
        ["&"] = "write `and`",
        ["|"] = "write `or`; an absolute value is abs(x)",
        ["\\"] = "a line that ends in an operator goes on by itself",
        ["?"] = "a choice is written `if c then a else b`",
    };

    /// <returns>
    /// The tokens the shaper works on, EOF last; all comments in order; and the tokens just behind what was left out, where the parser may
    /// stumble over the same mistake once more.
    /// </returns>
    public static (List<CommonToken> Tokens, List<CommonToken> Comments, HashSet<IToken> BehindGaps) Clean(SourceText source, IEnumerable<IToken> raw, DiagnosticReport report)
    {
        var tokens = new List<CommonToken>();
        var comments = new List<CommonToken>();
        var behindGaps = new HashSet<IToken>();
        var strayEnd = -1;
        var strays = new HashSet<(int Line, string Text)>();
        var gap = false;
        foreach (CommonToken token in raw)
        {
            var span = token.Span(source);
            switch (token.Type)
            {
                case LINE_COMMENT or BLOCK_COMMENT:
                    comments.Add(token);
                    continue;
                case FOREIGN:
                    tokens.Add(Mend(token, span, report));
                    continue;
                case STRAY:
                    if (Foreign.ContainsKey(span.Text))
                    {
                        tokens.Add(Mend(token, span, report));
                        continue;
                    }

                    // A run of stray characters is one mistake, and so is |x| or a text in typographic quotes.
                    if (span.Start != strayEnd && strays.Add((token.Line, span.Text == "\u201D" ? "\u201C" : span.Text)))
                    {
                        StrayHelp.TryGetValue(span.Text, out var help);
                        report.Add(SyntaxDiagnostics.StrayCharacter, span, [Shown(source, span)], help: help);
                    }

                    strayEnd = span.End;
                    gap = true;
                    continue;
                case BAD_COMMENT:
                    comments.Add(token);
                    if (span.Text[0] == '#')
                    {
                        report.Add(SyntaxDiagnostics.ForeignComment, span with { Length = 1 }, [], help: "a comment starts with `//`");
                    }
                    else
                    {
                        report.Add(SyntaxDiagnostics.UnclosedComment, span with { Length = 2 }, [], help: "close it with `*/`; comments do not nest");
                    }

                    continue;
                case BAD_NUMBER:
                    report.Add(SyntaxDiagnostics.BadNumber, span, [span.Text], help: NumberHelp(span.Text));
                    tokens.Add(Retyped(token, FLOAT, string.Empty));
                    continue;
                case BAD_STRING:
                    report.Add(SyntaxDiagnostics.UnclosedString, span with { Length = 1 }, [], help: "close it with \"");
                    tokens.Add(Retyped(token, STRING, span.Text + "\""));
                    continue;
                default:
                    if (gap)
                    {
                        behindGaps.Add(token);
                        gap = false;
                    }

                    tokens.Add(token);
                    continue;
            }
        }

        return (tokens, comments, behindGaps);
    }

    private static CommonToken Mend(CommonToken token, SourceSpan span, DiagnosticReport report)
    {
        var (type, text, help) = Foreign[span.Text];
        if (span.Text == "=>" && !span.Source.LineText(token.Line)[(token.Column + 2)..].AsSpan().ContainsAny('{', '='))
        {
            (type, text) = (ASSIGN, "="); // fn f(x) => x + 1
        }

        report.Add(SyntaxDiagnostics.ForeignOperator, span, [span.Text], help: help);
        return Retyped(token, type, text);
    }

    private static CommonToken Retyped(CommonToken token, int type, string text)
    {
        token.Type = type;
        token.Text = text;
        return token;
    }

    /// <summary>The character itself, whole when it is a surrogate pair, or its number when it does not print.</summary>
    private static string Shown(SourceText source, SourceSpan span)
    {
        var c = source.Text[span.Start];
        if (char.IsHighSurrogate(c) && span.End < source.Text.Length && char.IsLowSurrogate(source.Text[span.End]))
        {
            return source.Text.Substring(span.Start, 2);
        }

        return char.IsControl(c) || char.IsSurrogate(c) ? $"U+{(int)c:X4}" : c.ToString();
    }

    private static string NumberHelp(string text)
    {
        if (text[0] == '.')
        {
            return $"write 0{text}";
        }

        if (text.Contains("..", StringComparison.Ordinal))
        {
            return "a slice is written x[0:n]; a size alone is a range, i: n";
        }

        if (text.EndsWith('.'))
        {
            return $"write {text}0";
        }

        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) || text.StartsWith("0b", StringComparison.OrdinalIgnoreCase))
        {
            return "integers are written in decimal";
        }

        if (text[^1] is 'f' or 'F' or 'd' or 'L' or 'u' && text[..^1].All(c => char.IsAsciiDigit(c) || c == '.'))
        {
            return $"a number takes the type that its use needs: {text[..^1]}";
        }

        var digits = text.TrimEnd([.. "hmnsud"]);
        if (text[digits.Length..] is "s" or "ms" or "us" or "ns" or "h" or "usd")
        {
            return $"a unit stands apart, in plans alone: {digits} {text[digits.Length..]}";
        }

        return char.IsLetter(text[^1]) && text[^1] is not ('e' or 'E')
            ? "a name cannot start with a digit, and a product needs its `*`"
            : "numbers look like 12, 1_000, 0.5 or 1e-6";
    }
}
