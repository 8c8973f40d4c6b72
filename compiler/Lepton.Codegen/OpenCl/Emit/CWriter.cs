using System.Globalization;
using System.Text;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Lines of a function's body, indented by their blocks.</summary>
internal sealed class CWriter
{
    private readonly List<(string? Name, string Text)> _lines = [];
    private int _depth = 1;
    private int _next;

    public override string ToString() => Text(_lines);

    public void Line(string text) => _lines.Add((null, new string(' ', 4 * _depth) + text));

    /// <summary>A declaration or assignment without other effects: left out in the end if no line reads the name but such ones of its own.</summary>
    public void Declare(string name, string text) => _lines.Add((name, new string(' ', 4 * _depth) + text));

    public void Open(string head)
    {
        Line(head);
        Line("{");
        _depth++;
    }

    public void Close()
    {
        _depth--;
        Line("}");
    }

    public string NewName() => "t" + _next++.ToString(CultureInfo.InvariantCulture);

    /// <summary>A value under a name, so that it may be written several times.</summary>
    public Term Bind(string type, Term value)
    {
        if (value.IsFree)
        {
            return value;
        }

        var name = NewName();
        Declare(name, $"const {type} {name} = {value};");
        return Term.Name(name) with { IsIndex = value.IsIndex };
    }

    /// <summary>These lines, and then those of <paramref name="rest"/>.</summary>
    public string Before(CWriter rest) => Text([.. _lines, .. rest._lines]);

    // What is declared and set for nothing but other such lines goes too.
    private static string Text(List<(string? Name, string Text)> lines)
    {
        var words = lines.ConvertAll(l => Words(l.Text));
        var kept = lines.ConvertAll(_ => true);
        for (var changed = true; changed;)
        {
            var used = new HashSet<string>();
            for (var i = 0; i < lines.Count; i++)
            {
                used.UnionWith(kept[i] ? words[i].Where(w => w != lines[i].Name) : []);
            }

            changed = false;
            for (var i = 0; i < lines.Count; i++)
            {
                if (kept[i] && lines[i].Name is { } name && !used.Contains(name))
                {
                    (kept[i], changed) = (false, true);
                }
            }
        }

        return new StringBuilder().AppendJoin("", lines.Where((_, i) => kept[i]).Select(l => l.Text + "\n")).ToString();
    }

    private static string[] Words(string line)
    {
        var words = new List<string>();
        for (var start = 0; start < line.Length;)
        {
            var end = start;
            while (end < line.Length && (char.IsAsciiLetterOrDigit(line[end]) || line[end] == '_'))
            {
                end++;
            }

            if (end > start)
            {
                words.Add(line[start..end]);
            }

            start = end + 1;
        }

        return [.. words];
    }
}
