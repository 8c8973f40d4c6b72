using System.Reflection;
using System.Text.RegularExpressions;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.House;

namespace Lepton.Tests.Language;

/// <summary>errors.md and the compiler have the same messages, and the page's examples are true.</summary>
public class ErrorCatalogueTests
{
    // Limits, what takes several files, files of schedules, machine files, and plan files.
    private static readonly string[] WithoutExample = ["LEP1013", "LEP1014", "LEP3014", "LEP3015", "LEP4006", "LEP4019", .. Kinds().Select(k => k.Code).Where(c => c[3] is '5' or '7' || c[3..5] is "81" or "82")];

    private static readonly string Page = File.ReadAllText(Repository.PathOf("compiler", "Lepton.Language", "errors.md"));

    /// <summary>Every kind of message that any class declares.</summary>
    internal static IReadOnlyList<DiagnosticKind> Kinds() =>
    [
        .. typeof(DiagnosticKind).Assembly.GetTypes()
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field.FieldType == typeof(DiagnosticKind))
            .Select(field => (DiagnosticKind)field.GetValue(null)!),
    ];

    private static Dictionary<string, (string Title, string Text)> Sections() =>
        Regex.Matches(Page, @"^## (LEP\d{4}): (.*)\n((?:(?!^## ).*\n?)*)", RegexOptions.Multiline)
            .ToDictionary(match => match.Groups[1].Value, match => (match.Groups[2].Value, match.Groups[3].Value));

    [Fact]
    public void Every_code_is_given_once() => Assert.Empty(Kinds().GroupBy(kind => kind.Code).Where(group => group.Count() > 1).Select(group => group.Key));

    [Fact]
    public void Every_code_has_its_section_and_every_section_its_code()
    {
        var expected = Kinds().Select(kind => $"{kind.Code}: {kind.Title}").Order().ToList();
        var written = Sections().Select(section => $"{section.Key}: {section.Value.Title}").Order().ToList();
        Assert.Equal(string.Join('\n', expected), string.Join('\n', written));
    }

    [Fact]
    public void A_section_says_something() => Assert.Empty(Sections().Where(section => section.Value.Text.Trim().Length < 20).Select(section => section.Key));

    public static TheoryData<string> Codes() => [.. Kinds().Select(kind => kind.Code).Except(WithoutExample)];

    [Theory]
    [MemberData(nameof(Codes))]
    public void The_wrong_example_gives_the_message_alone_and_the_right_one_none(string code)
    {
        var text = Sections()[code].Text;
        Assert.Equal([code], Reported(code, Example(text, "wrong")!));
        if (Example(text, "right") is { } right)
        {
            Assert.Empty(Reported(code, right));
        }
    }

    private static string? Example(string section, string label)
    {
        var match = Regex.Match(section, $"```lep {label}\n(.*?)```", RegexOptions.Singleline);
        return match.Success ? match.Groups[1].Value : null;
    }

    /// <summary>Examples of syntax need not be whole programs; the others are bound as well.</summary>
    private static IEnumerable<string> Reported(string code, string text)
    {
        var report = new DiagnosticReport();
        var file = Parser.Parse(new SourceText("example.lep", text), report);
        if (!code.StartsWith("LEP1", StringComparison.Ordinal))
        {
            Lepton.Language.Semantics.Binder.Bind(file, new FileSourceLoader(Repository.PathOf("stdlib")), report);
        }

        return report.Diagnostics.Select(diagnostic => diagnostic.Kind.Code);
    }
}
