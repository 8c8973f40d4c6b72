using System.Text.RegularExpressions;
using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Tests.House;

namespace Lepton.Tests.Cases;

/// <summary>The language reference tells the truth: its programs are good, give the results that stand there, and the library is all there.</summary>
public sealed partial class ReferencePage
{
    private static readonly string Page = File.ReadAllText(Repository.PathOf("compiler", "Lepton.Language", "reference.md"));

    private static Dictionary<string, string> Programs() =>
        Sections().Matches(Page).ToDictionary(m => m.Groups["title"].Value, m => m.Groups["program"].Value);

    public static TheoryData<string> Titles() => [.. Programs().Keys];

    [Theory]
    [MemberData(nameof(Titles))]
    public void A_program_gives_what_stands_there(string title)
    {
        var text = Programs()[title];
        var compilation = Compilation.Of(new SourceText("reference.lep", text));
        Assert.True(compilation.Report.Diagnostics.Count == 0, new DiagnosticPrinter().PrintAll(compilation.Report.Diagnostics));
        if (text.StartsWith("//", StringComparison.Ordinal))
        {
            var problems = new CaseCheck(compilation, CaseFile.Of("reference.lep", "// case: run\n" + text)!).Run();
            Assert.True(problems.Count == 0, string.Join('\n', problems));
        }
    }

    [Fact]
    public void Every_section_but_the_last_has_a_program() =>
        Assert.Equal(Headings().Matches(Page).Count - 1, Programs().Count);

    [Fact]
    public void Every_function_of_the_library_is_named()
    {
        var names = Directory.EnumerateFiles(Repository.PathOf("stdlib"), "*.lep").SelectMany(f => CaseNames.Functions().Matches(File.ReadAllText(f)));
        var text = Page[Page.IndexOf("`core`:", StringComparison.Ordinal)..];
        Assert.Equal([], names.Select(m => m.Groups["name"].Value).Where(n => !Regex.IsMatch(text, $@"`{n}\b")));
    }

    [GeneratedRegex(@"^## (?<title>.*)\n(?:(?!^## )(?!^```).*\n)*```lep\n(?<program>(?:(?!^```).*\n)*)```", RegexOptions.Multiline)]
    private static partial Regex Sections();

    [GeneratedRegex("^## ", RegexOptions.Multiline)]
    private static partial Regex Headings();
}
