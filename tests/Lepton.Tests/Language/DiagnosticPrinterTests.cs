using System.Text.Json;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

public class DiagnosticPrinterTests
{
    private static readonly DiagnosticKind Error = new("LEP2003", Severity.Error, "index {0} ranges over two sizes");
    private static readonly DiagnosticKind Warning = new("LEP2999", Severity.Warning, "{0} is not used");

    private static string Print(string source, int start, int length, (int Start, int Length, string Text)[] labels, string? help = null)
    {
        var text = new SourceText("mlp.lep", source);
        var report = new DiagnosticReport();
        report.Add(Error, new SourceSpan(text, start, length), ["k"], labels.Select(l => new DiagnosticLabel(new SourceSpan(text, l.Start, l.Length), l.Text)), help);
        return "\n" + new DiagnosticPrinter().PrintAll(report.Diagnostics);
    }

    [Fact]
    public void As_in_the_contract()
    {
        var source = new string('\n', 11) + "  h[b, j] = relu(sum[k] x[b, k] * w1[j, k])\n";
        var line = 11;
        Assert.Equal(
            """

            error LEP2003: index k ranges over two sizes
              --> mlp.lep:12:22
               |
            12 |   h[b, j] = relu(sum[k] x[b, k] * w1[j, k])
               |                              ^ 784 here: x is f32[B, 784]
               |                                      ^ 128 here: w1 is f32[784, 128]
               = help: did you mean w1[k, j]?

            """,
            Print(source, line + 21, 1, [(line + 37, 1, "128 here: w1 is f32[784, 128]"), (line + 29, 1, "784 here: x is f32[B, 784]")], "did you mean w1[k, j]?"));
    }

    [Fact]
    public void Labels_on_other_lines_have_their_lines() => Assert.Equal(
        """

        error LEP2003: index k ranges over two sizes
         --> mlp.lep:6:3
          |
        1 | a = 1
          | ^ first
        2 | b = 2
          |     ^ second
        ...
        6 | f = abc
          |   ^^^

        """,
        Print("a = 1\nb = 2\nc\nd\ne\nf = abc\n", 20, 3, [(10, 1, "second"), (0, 1, "first")]));

    [Fact]
    public void Tabs_line_ends_wide_and_unprintable_characters_keep_the_carets_in_place() => Assert.Equal(
        """

        error LEP2003: index k ranges over two sizes
         --> mlp.lep:1:7
          |
        1 |     世a\U0001F600�x = 1
          |           ^ here

        """.Replace("\\U0001F600", "\U0001F600"),
        Print("\t世a\U0001F600\u0007x = 1\r\nb\r\n", 6, 1, [(6, 1, "here")]));

    [Fact]
    public void A_wide_line_is_cut_around_the_caret()
    {
        var text = Print(new string('a', 500) + "b" + new string('c', 500), 500, 1, []);
        var lines = text.Split('\n');
        Assert.StartsWith("1 | ...aaa", lines[4]);
        Assert.EndsWith("ccc...", lines[4]);
        Assert.Equal(lines[4].IndexOf('b'), lines[5].IndexOf('^'));
        Assert.True(lines[4].Length <= 130);
    }

    [Fact]
    public void Places_too_far_apart_for_one_line_get_it_twice()
    {
        var text = Print(new string('a', 500) + "b" + new string('c', 500), 0, 1, [(500, 1, "b here")]);
        Assert.Equal(2, text.Split('\n').Count(line => line.StartsWith("1 |", StringComparison.Ordinal)));
        Assert.Contains("^ b here", text);
    }

    [Fact]
    public void A_long_place_is_marked_to_the_end_of_its_line() =>
        Assert.Contains("  |     ^^^^\n", Print("a = (b +\n c)\n", 4, 7, []));

    [Fact]
    public void Another_file_has_its_own_header_and_messages_are_in_order_of_place()
    {
        var one = new SourceText("one.lep", "a\nb\n");
        var two = new SourceText("two.lep", "x\ny\n");
        var report = new DiagnosticReport();
        report.Add(Error, new SourceSpan(one, 2, 1), ["b"], [new DiagnosticLabel(new SourceSpan(two, 2, 1), "declared here")]);
        report.Add(Warning, new SourceSpan(one, 0, 1), ["a"]);
        Assert.Equal(
            """
            warning LEP2999: a is not used
             --> one.lep:1:1
              |
            1 | a
              | ^

            error LEP2003: index b ranges over two sizes
             --> one.lep:2:1
              |
            2 | b
              | ^
             ::: two.lep:2:1
              |
            2 | y
              | ^ declared here

            """,
            new DiagnosticPrinter().PrintAll(report.Diagnostics));
    }

    [Fact]
    public void Colour_changes_no_character()
    {
        var text = new SourceText("a.lep", "abc");
        var report = new DiagnosticReport();
        report.Add(Error, new SourceSpan(text, 1, 1), ["k"], help: "do");
        var coloured = new DiagnosticPrinter(color: true).PrintAll(report.Diagnostics);
        Assert.Contains("\e[1;31m", coloured);
        Assert.Equal(new DiagnosticPrinter().PrintAll(report.Diagnostics), System.Text.RegularExpressions.Regex.Replace(coloured, "\e\\[[0-9;]*m", string.Empty));
    }

    [Fact]
    public void Json_has_every_field()
    {
        var text = new SourceText("a \"b\".lep", "a\nbcd\n");
        var report = new DiagnosticReport();
        report.Add(Error, new SourceSpan(text, 2, 3), ["\uD800<k>"], [new DiagnosticLabel(new SourceSpan(text, 0, 1), "here")]);
        using var json = JsonDocument.Parse(DiagnosticJson.Print(report.Diagnostics));
        var first = json.RootElement[0];
        Assert.Equal("LEP2003", first.GetProperty("code").GetString());
        Assert.Equal("error", first.GetProperty("severity").GetString());
        Assert.Equal("index \uFFFD<k> ranges over two sizes", first.GetProperty("message").GetString());
        Assert.Equal("a \"b\".lep", first.GetProperty("path").GetString());
        Assert.Equal((2, 1), (first.GetProperty("line").GetInt32(), first.GetProperty("column").GetInt32()));
        Assert.Equal((2, 4), (first.GetProperty("endLine").GetInt32(), first.GetProperty("endColumn").GetInt32()));
        Assert.Equal("here", first.GetProperty("labels")[0].GetProperty("text").GetString());
        Assert.Equal(JsonValueKind.Null, first.GetProperty("help").ValueKind);
    }

    [Theory]
    [InlineData("reul", "relu")]
    [InlineData("softmx", "softmax")]
    [InlineData("Softmax", "softmax")]
    [InlineData("crossentropy", "cross_entropy")]
    [InlineData("W1", "w1")]
    [InlineData("w2", null)]
    [InlineData("banana", null)]
    [InlineData("tan", "tanh")]
    [InlineData("", null)]
    public void The_nearest_name_is_suggested_when_it_is_near(string wanted, string? suggestion) =>
        Assert.Equal(suggestion, NameSuggestion.Find(wanted, ["relu", "softmax", "cross_entropy", "w1", "tanh", "exp"]));

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("abc", "acb", 1)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("ca", "abc", 3)]
    public void The_distance_counts_slips(string a, string b, int distance) => Assert.Equal(distance, NameSuggestion.Distance(a, b));
}
