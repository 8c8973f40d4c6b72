using System.Text.RegularExpressions;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.House;
using Lepton.Tests.Language;

namespace Lepton.Tests.Cases;

/// <summary>
/// The wrong programs of tests/cases: a file that starts with <c>// case: error</c> must give exactly the messages that are marked behind
/// the offending lines, <c>//~   ^ LEP2003 text that the message contains</c>, with the caret under the column where the message starts.
/// </summary>
public sealed partial class ErrorCases
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "cases");

    public static TheoryData<string> Files() => [.. Paths()];

    private static IEnumerable<string> Paths() =>
        Directory.EnumerateFiles(Folder, "*.lep", SearchOption.AllDirectories).Where(IsCase).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Files))]
    public void Gives_exactly_the_marked_messages(string file)
    {
        var path = Path.Combine(Folder, file);
        var source = new SourceText(path, File.ReadAllText(path));
        var report = new DiagnosticReport();
        Binder.Bind(Parser.Parse(source, report), new FileSourceLoader(Path.Combine(Repository.Root, "stdlib")), report);
        var expected = Marks(source).ToList();
        var actual = DiagnosticPrinter.Sorted(report.Diagnostics).ToList();
        var shown = new DiagnosticPrinter().PrintAll(report.Diagnostics);
        Assert.True(expected.Count > 0, "the case marks no message");
        Assert.True(
            expected.Select(e => (e.Line, e.Column, e.Code)).SequenceEqual(actual.Select(a => (a.Span.StartPosition.Line, a.Span.StartPosition.Column, a.Kind.Code))),
            $"expected {string.Join(", ", expected)}\n{shown}");
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.True(actual[i].Message.Contains(expected[i].Text, StringComparison.Ordinal), $"expected {expected[i].Text}\n{shown}");
        }
    }

    // A text beyond the limit of its length would be a file of 64 MB: it is made here, and stands for a case.
    private const string HugeTextCode = "LEP1014";

    // Not about programs: ScheduleFileTests, MachineFileTests, PlanFileTests.
    private static readonly string[] CodesOfOtherFiles = ["LEP5", "LEP7", "LEP81", "LEP82"];

    [Fact]
    public void A_huge_text_gives_exactly_one_message()
    {
        var report = new DiagnosticReport();
        var file = Parser.Parse(new SourceText("huge.lep", new string(' ', Parser.MaxLength + 1)), report);
        Binder.Bind(file, new FileSourceLoader(), report);
        var only = Assert.Single(report.Diagnostics);
        Assert.Equal((HugeTextCode, (1, 1)), (only.Kind.Code, only.Span.StartPosition));
    }

    /// <summary>Every message of the language, of whatever class, has a wrong program that gives it.</summary>
    [Fact]
    public void Every_diagnostic_has_a_case()
    {
        var marked = Paths().SelectMany(f => Mark().Matches(File.ReadAllText(Path.Combine(Folder, f)))).Select(m => m.Groups["code"].Value)
            .Append(HugeTextCode).ToHashSet();
        var kinds = ErrorCatalogueTests.Kinds();
        Assert.True(kinds.Count >= 90);
        Assert.Equal([], kinds.Select(k => k.Code).Where(c => !CodesOfOtherFiles.Any(o => c.StartsWith(o, StringComparison.Ordinal))).Except(marked));
    }

    private static bool IsCase(string path)
    {
        using var reader = new StreamReader(path);
        return reader.ReadLine() == "// case: error";
    }

    private sealed record Expected(int Line, int Column, string Code, string Text);

    private static IEnumerable<Expected> Marks(SourceText source)
    {
        var marked = 0;
        for (var line = 1; line <= source.LineCount; line++)
        {
            var match = Mark().Match(source.LineText(line));
            if (match.Success)
            {
                yield return new Expected(marked, match.Groups["caret"].Index + 1, match.Groups["code"].Value, match.Groups["text"].Value.Trim());
            }
            else
            {
                marked = line;
            }
        }
    }

    [GeneratedRegex(@"^//~ *(?<caret>\^) (?<code>LEP\d{4})(?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Mark();
}
