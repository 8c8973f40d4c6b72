using Lepton.Language.Syntax;

namespace Lepton.Tests.Language;

/// <summary>All mistakes of a file in one go, each one message at its place, and the rest of the file in the tree.</summary>
public class RecoveryTests
{
    /// <summary>The messages as "line:column code", in order of place.</summary>
    private static string Places(string text)
    {
        ParserTests.Parse(text, out var report);
        return string.Join(
            ", ",
            report.Diagnostics.OrderBy(diagnostic => diagnostic.Span.Start).Select(diagnostic =>
            {
                var (line, column) = diagnostic.Span.StartPosition;
                return $"{line}:{column} {diagnostic.Kind.Code}";
            }));
    }

    private static string Message(string text)
    {
        ParserTests.Parse(text, out var report);
        var diagnostic = Assert.Single(report.Diagnostics);
        return $"{diagnostic.Message} | {diagnostic.Help}";
    }

    private static string Tree(string text) => TreePrinter.Print(ParserTests.Parse(text, out _)).TrimEnd();

    [Fact]
    public void A_broken_equation_costs_itself_alone()
    {
        const string Text = "fn f(a) {\n  b = a +\n  c = * a\n  d = a\n  e = (a\n  g = a]\n  h = f(a a)\n}\nfn g(x) = x";
        Assert.Equal("2:10 LEP1001, 3:7 LEP1001, 5:7 LEP1002, 6:8 LEP1003, 7:11 LEP1010", Places(Text));
        Assert.Equal("(fn f (a) (= b (+ a <missing>)) (= c <missing>) (= d a) (= e a) (= g a) (= h <missing>))\n(fn g (x) x)", Tree(Text));
    }

    [Fact]
    public void A_broken_declaration_costs_itself_alone()
    {
        const string Text = "dim = 3\nconst c 4\nparam w f32\nfn (x) = x\nfn g(x: f32[A B], y) = x\nz = 3\nfn h(x) = x";
        Assert.Equal("1:1 LEP1023, 2:9 LEP1001, 3:9 LEP1001, 4:4 LEP1001, 5:15 LEP1010, 6:1 LEP1023", Places(Text));
        Assert.Equal("(const c <missing>)\n(fn g (x y) x)\n(fn h (x) x)", Tree(Text));
    }

    [Fact]
    public void A_missing_brace_is_found_at_the_next_declaration()
    {
        const string Text = "fn f(x) {\n  scan t in T {\n    y = x\nfn g(x) = y +\n";
        Assert.Equal("2:15 LEP1002, 4:14 LEP1001", Places(Text));
        Assert.Equal("(fn f (x) (scan t T (= y x)))\n(fn g (x) (+ y <missing>))", Tree(Text));
    }

    [Fact]
    public void A_missing_bracket_is_found_at_the_next_equation_or_bracket()
    {
        Assert.Equal("2:10 LEP1002", Places("fn f(x) {\n  y = f(x[1)\n  z = 3\n}"));
        Assert.Equal("2:8 LEP1002", Places("fn f(x) {\n  y = x[1\n  z[i] = 3\n}"));
        Assert.Equal("2:8 LEP1002", Places("fn f(x) {\n  y = x[1\n}"));
        Assert.Equal("1:5 LEP1002", Places("fn f(x\nfn g(y) = y"));
    }

    [Fact]
    public void A_broken_body_in_a_scan_keeps_the_scan()
    {
        const string Text = "fn f(x) {\n  scan t in T {\n    state h 3\n    h' = h\n  }\n  iterate until { }\n  y = h\n}";
        Assert.Equal("3:13 LEP1001, 6:17 LEP1001", Places(Text));
        Assert.Equal("(fn f (x) (scan t T (state (= h <missing>)) (= h' h)) (iterate <missing>) (= y h))", Tree(Text));
    }

    [Theory]
    [InlineData("fn f(x) { y == x }", "an equation is written with one `=` | write `=`; `==` compares")]
    [InlineData("fn f(x) = if x = 1 then 2 else 3", "one `=` to an equation | a comparison is written `==`")]
    [InlineData("fn f(x) = x && x", "there is no operator `&&` | write `and`")]
    [InlineData("fn f(x) = x \u00D7 2", "there is no operator `\u00D7` | write `*`")]
    [InlineData("fn f(x) = \u201Cx", "`\u201C` means nothing here | write the plain quote \"")]
    [InlineData("fn f(x) = \u4E16\u754C x", "`\u4E16` means nothing here | ")]
    [InlineData("fn f(x) = \U0001F600 x", "`\U0001F600` means nothing here | ")]
    [InlineData("fn f(x) { let y = x }", "there is no `let` in this language | an equation stands without a word before it: `y = ...`")]
    [InlineData("fn f(x) = { y = x }", "expected an expression, found `{` | a block has no `=` before it: fn f(x: f32[N]) -> (y: f32[N]) { y = ... }")]
    [InlineData("fn f(x) { any[i] = x[i] }", "expected an equation or `}`, found `any` | `any[...]` is a reduction: give the value another name")]
    [InlineData("def f(x) = x", "there is no `def` in this language | a function is declared with `fn`")]
    [InlineData("fn f(x) {\n  y[i] = x[i // 2]\n}", "this `[` is never closed | divide integers by `/`, which rounds down")]
    [InlineData("fn f(x) = (x + 1 // one)\nfn g(x) = x", "this `(` is never closed | divide integers by `/`, which rounds down")]
    [InlineData("fn f(x) = (x + 1 // one\nfn g(x) = x", "this `(` is never closed | close it with `)`")]
    [InlineData("fn f(x) = 3x", "`3x` is not a number | a name cannot start with a digit, and a product needs its `*`")]
    [InlineData("fn f(x) = 0x1F", "`0x1F` is not a number | integers are written in decimal")]
    [InlineData("fn f(x) = x +", "expected an expression, found the end of the file | ")]
    [InlineData("fn f(x) = +x", "expected an expression, found `+` | there is no sign `+`")]
    [InlineData("fn f(x) = x y", "expected an operator or a new line, found `y` | ")]
    [InlineData("fn f(x) = a^sum[k] x", "`sum` needs parentheses here | write (sum ...)")]
    [InlineData("fn f(x) = sum[k] if x then 1 else 2", "`if` needs parentheses here | write (if ...)")]
    [InlineData("fn f(x) = if x then 1", "expected an operator or `else`, found the end of the file | a choice has both values: if c then a else b")]
    [InlineData("fn f(x) -> (f32, f32[N]) = x", "expected an operator or `)`, found `[` | each of several results has a name: (a: f32[N], b: f32)")]
    [InlineData("fn f(x) { scan t of T { } }", "expected `in`, found `of` | ")]
    [InlineData("param w: f32 = 3", "expected an operator or a new line, found `=` | the value a parameter starts with stands behind `~`")]
    [InlineData("3", "expected a declaration, found `3` | a file has `import`, `dim`, `const`, `param`, `format` and `fn` declarations")]
    [InlineData("fn f(x) {\n  fn g(x) = x\n}", "`fn` cannot stand in a block | declare it outside, or close the block with `}` before it")]
    public void Messages(string text, string message) => Assert.Equal(message, Message(text));

    [Fact]
    public void No_two_messages_stand_at_one_place()
    {
        ParserTests.Parse("fn f(x) { y = ) ( ] [ } } 3 \u201C !! ** fn dim", out var report);
        Assert.Equal(report.Diagnostics.Count, report.Diagnostics.Select(diagnostic => diagnostic.Span.Start).Distinct().Count());
    }
}
