using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Tests.House;

namespace Lepton.Tests.Cases;

/// <summary>
/// The right programs of tests/cases: every run of a file that starts with <c>// case: run</c> gives its results on the interpreter, before and
/// after optimization, as machine code on every target that this machine can run, and on device clr, with symbolic and with constant sizes, with one thread
/// and two. See <see cref="CaseFile"/> for the header.
/// </summary>
public sealed class RunCases
{
    private static readonly string Folder = Repository.PathOf("tests", "cases");

    public static TheoryData<string> Files() => [.. Names()];

    internal static IEnumerable<string> Names() => Paths().Select(f => Path.GetRelativePath(Folder, f));

    [Theory]
    [MemberData(nameof(Files))]
    public void Gives_its_results_on_every_device(string file) => Check(file);

    /// <param name="file">Below tests/cases.</param>
    /// <param name="device">On this device alone.</param>
    internal static void Check(string file, CodeDevice? device = null)
    {
        var made = CaseFile.Read(Path.Combine(Folder, file));
        Assert.True(made is not null, $"{file} does not start with the line '// case: run'");
        Assert.True(made.Entries.Count > 0 && made.Entries.All(e => e.Runs.Count > 0 && e.Runs.All(r => r.IsComplete)), $"{file}: an entry without runs, or a run without results");
        var compilation = Compilation.Of(new SourceText(Path.Combine("tests", "cases", file), made.Text));
        Assert.True(compilation.Program is not null, new DiagnosticPrinter().PrintAll(compilation.Report.Diagnostics));
        Assert.Equal(compilation.Entries.Order(), made.Entries.Select(e => e.Name ?? compilation.Entries[0]).Order());
        var problems = new CaseCheck(compilation, made, device).Run();
        Assert.True(problems.Count == 0, string.Join('\n', problems.Select(p => $"{file}: {p}")));
    }

    /// <summary>Every function of the standard library is called by a case.</summary>
    [Fact]
    public void Library_functions_have_cases()
    {
        var texts = Paths().Select(File.ReadAllText).Select(t => string.Join('\n', t.Split('\n').Where(l => !l.StartsWith("//", StringComparison.Ordinal)))).ToList();
        var names = Directory.EnumerateFiles(Repository.PathOf("stdlib"), "*.lep")
            .SelectMany(f => CaseNames.Functions().Matches(File.ReadAllText(f)))
            .Select(m => m.Groups["name"].Value)
            .ToList();
        Assert.True(names.Count >= 60);
        Assert.Equal([], names.Where(n => !texts.Any(t => CaseNames.Calls(t, n))));
    }

    private static IEnumerable<string> Paths() => Directory.EnumerateFiles(Folder, "*.lep", SearchOption.AllDirectories)
        .Where(f => !Path.GetRelativePath(Folder, f).StartsWith("errors", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);
}
