using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lepton.Tests.Cases;

/// <summary>One run of an entry: sizes and inputs, and what must come out: results, or a failure with a message.</summary>
/// <param name="Line">Of the file, from 1: where the run's header starts.</param>
internal sealed record CaseRun(int Line, Dictionary<string, long> Dims, Dictionary<string, string> Inputs, Dictionary<string, string> Results)
{
    public string? Fails { get; set; }

    public bool IsComplete => Results.Count > 0 || Fails is not null;
}

/// <summary>An entry of a case file with its runs.</summary>
/// <param name="Name">Null: the file's only entry.</param>
internal sealed record CaseEntry(string? Name, List<CaseRun> Runs)
{
    public double Tolerance { get; set; } = 1e-6;

    /// <summary>What is counted, and how many there must be.</summary>
    public Dictionary<string, long> Counts { get; } = [];
}

/// <summary>
/// The header of a file that starts with <c>// case: run</c>. Lines <c>// key: text</c>; a line <c>//</c> with three or more blanks goes on with
/// the line before. Keys:
/// <code>
/// entry: name         starts an entry; left out when the file has one
/// dim: N = 3, M = 4   sizes that the inputs do not determine
/// in: x = [[1, 2]]    numbers, inf, nan, true, false; or iota, zeros, ones, uniform(seed), sparse(seed)
/// out: y = [[1, 2]]   numbers; or same: whatever the interpreter says, on every device
/// fails: text         the run ends with an index error whose message contains the text
/// tolerance: 1e-6     |found - expected| ≤ tolerance · (1 + |expected|), for floats
/// count: kernels = 1  launches of a run; prepared = 1: those done once for a set of parameters; or operations of the optimized graph by name, with the sizes of the first run
/// numpy: y = x + 1    how expected.py finds the results; not read here
/// </code>
/// A run ends with the last of its <c>out</c> lines; <c>dim</c> or <c>in</c> behind it starts the next one.
/// </summary>
internal sealed partial class CaseFile
{
    private CaseFile(string path, string text) => (Path, Text) = (path, text);

    public string Path { get; }

    public string Text { get; }

    public List<CaseEntry> Entries { get; } = [];

    public static CaseFile? Read(string path) => Of(path, File.ReadAllText(path));

    /// <summary>The case that a text is, null when it is none.</summary>
    public static CaseFile? Of(string path, string text)
    {
        if (!text.StartsWith("// case: run\n", StringComparison.Ordinal))
        {
            return null;
        }

        var file = new CaseFile(path, text);
        foreach (var (line, key, value) in Header(text))
        {
            file.Add(line, key, value);
        }

        return file;
    }

    private static IEnumerable<(int Line, string Key, string Value)> Header(string text)
    {
        (int Line, string Key, StringBuilder Value)? open = null;
        var lines = text.Split('\n');
        for (var i = 1; i < lines.Length && lines[i].StartsWith("//", StringComparison.Ordinal); i++)
        {
            if (KeyLine().Match(lines[i]) is { Success: true } match)
            {
                if (open is { } done)
                {
                    yield return (done.Line, done.Key, done.Value.ToString());
                }

                open = (i + 1, match.Groups["key"].Value, new StringBuilder(match.Groups["value"].Value));
            }
            else if (lines[i].StartsWith("//   ", StringComparison.Ordinal))
            {
                open?.Value.Append(' ').Append(lines[i].AsSpan(2).Trim());
            }
        }

        if (open is { } last)
        {
            yield return (last.Line, last.Key, last.Value.ToString());
        }
    }

    private void Add(int line, string key, string value)
    {
        if (key == "entry")
        {
            Entries.Add(new CaseEntry(value.Trim(), []));
            return;
        }

        if (Entries.Count == 0)
        {
            Entries.Add(new CaseEntry(null, []));
        }

        var entry = Entries[^1];
        switch (key)
        {
            case "numpy":
                break;
            case "tolerance":
                entry.Tolerance = double.Parse(value, CultureInfo.InvariantCulture);
                break;
            case "count":
                Numbers(value).ForEach(p => entry.Counts[p.Name] = p.Value);
                break;
            case "dim":
                Numbers(value).ForEach(p => Open(entry, line, true).Dims[p.Name] = p.Value);
                break;
            case "in":
                Named(value, Open(entry, line, true).Inputs);
                break;
            case "out":
                Named(value, Open(entry, line, false).Results);
                break;
            case "fails":
                Open(entry, line, false).Fails = value.Trim();
                break;
            default:
                throw new FormatException($"{Path}:{line}: no key '{key}'");
        }
    }

    private static CaseRun Open(CaseEntry entry, int line, bool isStart)
    {
        if (entry.Runs.Count == 0 || (isStart && entry.Runs[^1].IsComplete))
        {
            entry.Runs.Add(new CaseRun(line, [], [], []));
        }

        return entry.Runs[^1];
    }

    private static void Named(string text, Dictionary<string, string> to)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        to.Add(text[..at].Trim(), text[(at + 1)..].Trim());
    }

    private static List<(string Name, long Value)> Numbers(string text) =>
        [.. text.Split(',').Select(p => p.Split('=')).Select(p => (p[0].Trim(), long.Parse(p[1], CultureInfo.InvariantCulture)))];

    [GeneratedRegex(@"^// ?(?<key>[a-z]+): (?<value>.*)$")]
    private static partial Regex KeyLine();
}
