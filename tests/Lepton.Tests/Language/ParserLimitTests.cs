using System.Diagnostics;
using System.Text;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

/// <summary>Long texts take time in proportion to their length; deep ones are refused, not crashed on.</summary>
public class ParserLimitTests
{
    private const int Long = 100_000;

    [Theory]
    [InlineData(" + a")]
    [InlineData(" * a")]
    [InlineData(" and a")]
    [InlineData(" - -a")]
    [InlineData(" + sum[k] a[k]")]
    public void A_long_chain_is_flat(string link)
    {
        var text = "fn f(a) = a" + new StringBuilder().Insert(0, link, Long);
        var function = (FunctionSyntax)ParserTests.Parse(text, out var report).Declarations.Single();
        Assert.Empty(report.Diagnostics);
        Assert.Equal(Long, ((BinarySyntax)function.Body!).Rest.Count);
    }

    [Fact]
    public void Many_equations_are_read()
    {
        var text = new StringBuilder("fn f(x0) {\n");
        for (var i = 0; i < Long; i++)
        {
            text.Append($"  x{i + 1} = x{i} * 2\n");
        }

        var function = (FunctionSyntax)ParserTests.Parse(text.Append("}\n").ToString(), out var report).Declarations.Single();
        Assert.Empty(report.Diagnostics);
        Assert.Equal(Long, function.Statements.Count);
    }

    public static TheoryData<string, string, string> Nests() => new()
    {
        { "(", "a", ")" },
        { "[", "a", "]" },
        { "-", "a", string.Empty },
        { "f(", "a", ")" },
        { "a[", "a", "]" },
        { "a^", "a", string.Empty },
        { "sum[k] ", "a", string.Empty },
        { "sum[k] -", "a", string.Empty },
        { "a * sum[k] ", "a", string.Empty },
        { "a^-", "a", string.Empty },
        { "not ", "a", string.Empty },
        { "if a then a else ", "a", string.Empty },
        { "(if a then ", "a", " else a)" },
        { string.Empty, "a", "[0]" },
        { "any[k] not ", "a", string.Empty },
    };

    [Theory]
    [MemberData(nameof(Nests))]
    public void Deep_nesting_is_refused_at_a_limit(string open, string middle, string close)
    {
        string Nested(int depth) =>
            $"fn f(a) = {new StringBuilder().Insert(0, open, depth)}{middle}{new StringBuilder().Insert(0, close, depth)}";

        var file = ParserTests.Parse(Nested(60), out var report);
        Assert.Empty(report.Diagnostics);
        TreePrinter.Print(file);

        ParserTests.Parse(Nested(100_000), out report);
        Assert.Equal("LEP1013", Assert.Single(report.Diagnostics).Kind.Code);
    }

    [Fact]
    public void Deep_blocks_are_refused()
    {
        var text = "fn f() {" + new StringBuilder().Insert(0, "scan t in T {\n", 50_000) + new StringBuilder().Insert(0, "}\n", 50_000) + "}";
        ParserTests.Parse(text, out var report);
        Assert.Equal("LEP1013", Assert.Single(report.Diagnostics).Kind.Code);
    }

    [Fact]
    public void Ten_thousand_mistakes_are_ten_thousand_messages()
    {
        var text = "fn f(a) {\n" + new StringBuilder().Insert(0, "  b = a + * a\n", 10_000) + "}\n";
        var clock = Stopwatch.StartNew();
        ParserTests.Parse(text, out var report);
        Assert.Equal(10_000, report.Diagnostics.Count);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}");
    }
}
