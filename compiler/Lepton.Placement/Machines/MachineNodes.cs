using System.Globalization;
using Lepton.Language.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Lepton.Placement.Machines;

/// <summary>Reads values of YAML nodes; what does not fit is reported at its place, and null.</summary>
internal sealed class MachineNodes(SourceText source, DiagnosticReport report)
{
    private const int MostDepth = 50;

    /// <summary>The only document of the text; null when there is none that can be read.</summary>
    public YamlNode? Root()
    {
        try
        {
            if (TooDeep() is { } deep)
            {
                report.Add(MachineDiagnostics.NotYaml, deep, [$"nothing in a machine file is nested more than {MostDepth} deep"]);
                return null;
            }

            var stream = new YamlStream();
            stream.Load(new StringReader(source.Text));
            if (stream.Documents.Count > 1)
            {
                Report(MachineDiagnostics.Expected, stream.Documents[1].RootNode, ["a machine file", "one document", "a second one"],
                    "take out the `---`");
                return null;
            }

            return stream.Documents.Count == 1 ? stream.Documents[0].RootNode : null;
        }
        catch (YamlException problem)
        {
            // The reader finds equal keys by itself; their place is that of the second one.
            var at = Place(problem);
            if (problem.Message.Contains("Duplicate key", StringComparison.OrdinalIgnoreCase))
            {
                report.Add(MachineDiagnostics.Twice, at, [at.Text.Trim(), "this mapping"], help: "take one of them out");
            }
            else
            {
                var help = at.Text == "\t" ? "indent with blanks, not with tabs" : null;
                report.Add(MachineDiagnostics.NotYaml, at, [Plain(problem)], help: help);
            }

            return null;
        }
        catch (InvalidOperationException)
        {
            // Some broken texts end the reader without a place.
            report.Add(MachineDiagnostics.NotYaml, new SourceSpan(source, 0, 0), ["its punctuation cannot be followed"],
                help: "look for stray colons, commas and brackets");
            return null;
        }
    }

    public void Report(DiagnosticKind kind, YamlNode node, object[] arguments, string? help = null, IEnumerable<DiagnosticLabel>? labels = null) =>
        report.Add(kind, Span(node.Start, node.End), arguments, labels, help);

    public SourceSpan Span(YamlNode node) => Span(node.Start, node.End);

    /// <summary>The entries of a mapping; keys that nobody reads are reported.</summary>
    public Dictionary<string, YamlNode>? Keys(YamlNode node, string what, params string[] known)
    {
        if (node is not YamlMappingNode mapping)
        {
            Report(MachineDiagnostics.Expected, node, [what, "keys with values", Kind(node)], $"write `{(known.Length > 0 ? known[0] : "name")}: …`");
            return null;
        }

        var keys = new Dictionary<string, YamlNode>();
        foreach (var (key, value) in mapping.Children)
        {
            if (key is not YamlScalarNode { Value: { Length: > 0 } name })
            {
                Report(MachineDiagnostics.Expected, key, ["a key", "a name", Kind(key)]);
            }
            else if (known.Length > 0 && !known.Contains(name))
            {
                var help = NameSuggestion.Help(name, known) ?? $"it has {string.Join(", ", known.Select(k => $"`{k}`"))}";
                Report(MachineDiagnostics.UnknownKey, key, [what, name], help);
            }
            else
            {
                keys[name] = value;
            }
        }

        return keys;
    }

    /// <summary>The value of a key that must be there.</summary>
    public YamlNode? Needed(Dictionary<string, YamlNode> keys, YamlNode of, string what, string key, string example)
    {
        if (keys.TryGetValue(key, out var node))
        {
            return node;
        }

        Report(MachineDiagnostics.Missing, of, [what, key], $"for example `{key}: {example}`");
        return null;
    }

    public string? Word(YamlNode? node, string what)
    {
        if (node is null or YamlScalarNode { Value.Length: > 0 })
        {
            return (node as YamlScalarNode)?.Value;
        }

        Report(MachineDiagnostics.Expected, node, [what, "a word", Kind(node)]);
        return null;
    }

    /// <summary>A quantity ≥ 0, or > 0, in its own unit.</summary>
    public double Amount(Dictionary<string, YamlNode> keys, string key, Quantity quantity, double otherwise, bool positive = false)
    {
        if (!keys.TryGetValue(key, out var node) || Word(node, $"`{key}`") is not { } text)
        {
            return otherwise;
        }

        if (quantity.Read(text) is not { } amount)
        {
            var units = string.Join(", ", quantity.Units.Select(u => u.Unit));
            Report(MachineDiagnostics.NoQuantity, node, [text, quantity.Name], $"write for example `{key}: {quantity.Example}`; units are {units}");
            return otherwise;
        }

        if (amount < 0 || (positive && amount == 0))
        {
            Report(MachineDiagnostics.OutOfRange, node, [$"`{key}`", positive ? "more than 0" : "0 or more", text]);
            return otherwise;
        }

        return amount;
    }

    /// <summary>Bytes per second; +∞ where the file says <see cref="MachineFile.Unlimited"/>.</summary>
    public double RateOrUnlimited(Dictionary<string, YamlNode> keys, string key) =>
        keys.TryGetValue(key, out var rate) && rate is YamlScalarNode { Value: MachineFile.Unlimited } ? double.PositiveInfinity : Amount(keys, key, Quantity.Rate, 1, positive: true);

    /// <summary>The items of a list; none when the key is not there.</summary>
    public IEnumerable<YamlNode> Items(Dictionary<string, YamlNode> keys, string key, string what)
    {
        if (!keys.TryGetValue(key, out var node))
        {
            return [];
        }

        if (node is YamlSequenceNode list)
        {
            return list;
        }

        Report(MachineDiagnostics.Expected, node, [$"`{key}`", $"a list of {what}", Kind(node)], $"write `{key}: [ … ]`");
        return [];
    }

    /// <summary>A whole number of a list.</summary>
    public int Whole(YamlNode node, string what, int least, int most)
    {
        if (node is YamlScalarNode { Value: { } text } && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= least && number <= most)
        {
            return number;
        }

        Report(MachineDiagnostics.OutOfRange, node, [what, $"whole numbers from {least} to {most}", Kind(node)]);
        return least;
    }

    /// <summary>One of some words of a list.</summary>
    public string OneOf(YamlNode node, string what, string[] words)
    {
        if (node is YamlScalarNode { Value: { } word } && words.Contains(word))
        {
            return word;
        }

        Report(MachineDiagnostics.Expected, node, [what, $"some of {string.Join(", ", words.Select(w => $"`{w}`"))}", Kind(node)]);
        return words[0];
    }

    /// <summary>Refuses an amount that is not above the one before it in its list.</summary>
    public void Ascending(YamlNode node, string key, double before, double amount)
    {
        if (amount <= before)
        {
            Report(MachineDiagnostics.OutOfRange, node, [$"`{key}`", "larger than that of the entry before", "smaller"], "put the smallest first");
        }
    }

    public int Count(Dictionary<string, YamlNode> keys, string key, int most)
    {
        if (!keys.TryGetValue(key, out var node) || Word(node, $"`{key}`") is not { } text)
        {
            return 1;
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count) || count < 1 || count > most)
        {
            Report(MachineDiagnostics.OutOfRange, node, [$"`{key}`", $"a whole number from 1 to {most}", text]);
            return 1;
        }

        return count;
    }

    public bool Flag(Dictionary<string, YamlNode> keys, string key, bool otherwise)
    {
        if (!keys.TryGetValue(key, out var node))
        {
            return otherwise;
        }

        if (node is YamlScalarNode { Value: "true" or "false" } scalar)
        {
            return scalar.Value == "true";
        }

        Report(MachineDiagnostics.Expected, node, [$"`{key}`", "`true` or `false`", Kind(node)]);
        return otherwise;
    }

    public static string Kind(YamlNode node) => node switch
    {
        YamlMappingNode => "a mapping",
        YamlSequenceNode => "a list",
        YamlScalarNode { Value: null or "" } => "nothing",
        YamlScalarNode scalar => $"`{scalar.Value}`",
        _ => "something else",
    };

    // Nodes are built by recursion, events are not: so depth is looked at first.
    private SourceSpan? TooDeep()
    {
        var parser = new Parser(new StringReader(source.Text));
        for (var depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MostDepth)
            {
                return Span(parser.Current.Start, parser.Current.End);
            }
        }

        return null;
    }

    // The reader says where it gave up; the reason may stand before: a tab that indents, an anchor that was never set.
    private SourceSpan Place(YamlException problem)
    {
        if (problem is AnchorNotFoundException && source.Text.IndexOf('*', StringComparison.Ordinal) is >= 0 and var star)
        {
            return new SourceSpan(source, star, 1);
        }

        for (var line = 1; line <= source.LineCount; line++)
        {
            var text = source.LineText(line);
            var tab = text.IndexOf('\t', StringComparison.Ordinal);
            if (tab >= 0 && text.AsSpan(0, tab).IsWhiteSpace())
            {
                var start = source.Text.Split('\n').Take(line - 1).Sum(l => l.Length + 1);
                return new SourceSpan(source, start + tab, 1);
            }
        }

        return Span(problem.Start, problem.End);
    }

    // "While scanning …: (Line: …, Col: …): found …" is told without its places: the message has its own.
    private static string Plain(YamlException problem)
    {
        var text = problem.InnerException is YamlException inner ? inner.Message : problem.Message;
        var end = text.LastIndexOf("): ", StringComparison.Ordinal);
        text = end >= 0 && text.StartsWith('(') ? text[(end + 3)..] : text;
        return text.TrimEnd('.', ' ').ToLowerInvariant();
    }

    private SourceSpan Span(Mark start, Mark end)
    {
        var from = Math.Clamp((int)start.Index, 0, source.Text.Length);
        var to = Math.Clamp((int)end.Index, from, source.Text.Length);

        // Of a block only its first line is shown.
        var line = source.Text.IndexOf('\n', from);
        return new SourceSpan(source, from, Math.Max(0, (line >= 0 ? Math.Min(to, line) : to) - from));
    }
}
