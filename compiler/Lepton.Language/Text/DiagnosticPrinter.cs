using System.Globalization;
using System.Text;

namespace Lepton.Language.Text;

/// <summary>
/// Diagnostics as people read them:
/// <code>
/// error LEP2003: index k ranges over two sizes
///   --> mlp.lep:12:23
///    |
/// 12 |   h[b, j] = relu(sum[k] x[b, k] * w1[j, k])
///    |                           ^ 784 here: x is f32[B, 784]
///    |                                      ^ 128 here: w1 is f32[784, 128]
///    = help: did you mean w1[k, j]?
/// </code>
/// Each label has a caret line under its source line; places on other lines and in other files are shown with their own lines. The main
/// place is marked too, unless two or more labels on its line say what is wrong there.
/// </summary>
public sealed class DiagnosticPrinter(bool color = false, int width = 120)
{
    private const string Red = "\e[1;31m";
    private const string Yellow = "\e[1;33m";
    private const string Blue = "\e[1;34m";
    private const string Bold = "\e[1m";
    private const string Reset = "\e[0m";

    /// <summary>By place: files in the order of their first message, then from top to bottom.</summary>
    public static IReadOnlyList<Diagnostic> Sorted(IEnumerable<Diagnostic> diagnostics)
    {
        var all = diagnostics.ToList();
        var files = all.Select(diagnostic => diagnostic.Span.Source).Distinct().ToList();
        return [.. all.OrderBy(diagnostic => files.IndexOf(diagnostic.Span.Source)).ThenBy(diagnostic => diagnostic.Span.Start)];
    }

    /// <summary>All messages in order of place, an empty line between two.</summary>
    public string PrintAll(IEnumerable<Diagnostic> diagnostics) => string.Join("\n", Sorted(diagnostics).Select(Print));

    /// <summary>One message; ends with a line break.</summary>
    public string Print(Diagnostic diagnostic)
    {
        var text = new StringBuilder();
        var severity = diagnostic.Kind.Severity == Severity.Error ? "error" : "warning";
        var strong = diagnostic.Kind.Severity == Severity.Error ? Red : Yellow;
        text.Append(Paint(strong, $"{severity} {diagnostic.Kind.Code}")).Append(Paint(Bold, $": {diagnostic.Message}")).Append('\n');

        var marks = Marks(diagnostic);
        var gutter = marks.Max(mark => mark.Line).ToString(CultureInfo.InvariantCulture).Length;
        var margin = new string(' ', gutter);
        text.Append($"{margin}{Paint(Blue, "-->")} {diagnostic.Span.Location}\n");
        text.Append($"{margin} {Paint(Blue, "|")}\n");

        // The file of the main place first, each from top to bottom.
        var source = diagnostic.Span.Source;
        var previousLine = 0;
        foreach (var line in marks
            .GroupBy(mark => (mark.Span.Source, mark.Line))
            .OrderBy(group => group.Key.Source == diagnostic.Span.Source ? 0 : 1).ThenBy(group => group.Key.Source.Path, StringComparer.Ordinal)
            .ThenBy(group => group.Key.Line))
        {
            if (line.Key.Source != source)
            {
                source = line.Key.Source;
                text.Append($"{margin}{Paint(Blue, ":::")} {line.First().Span.Location}\n{margin} {Paint(Blue, "|")}\n");
            }
            else if (previousLine != 0 && line.Key.Line > previousLine + 1)
            {
                text.Append($"{Paint(Blue, "...")}\n");
            }

            previousLine = line.Key.Line;
            Line(text, [.. line.OrderBy(mark => mark.Span.Start)], gutter, strong);
        }

        if (diagnostic.Help != null)
        {
            text.Append($"{margin} {Paint(Blue, "=")} {Paint(Bold, "help")}: {diagnostic.Help}\n");
        }

        return text.ToString();
    }

    private sealed record Mark(SourceSpan Span, int Line, string Text, bool Main);

    private static List<Mark> Marks(Diagnostic diagnostic)
    {
        var line = diagnostic.Span.StartPosition.Line;
        var marks = diagnostic.Labels.Select(label => new Mark(label.Span, label.Span.StartPosition.Line, label.Text, false)).ToList();
        if (marks.Count(mark => mark.Span.Source == diagnostic.Span.Source && mark.Line == line) < 2
            && !marks.Exists(mark => mark.Span == diagnostic.Span))
        {
            marks.Add(new Mark(diagnostic.Span, line, string.Empty, true));
        }

        return marks;
    }

    /// <summary>A source line with its caret lines; marks too far apart for the width get the line once more.</summary>
    private void Line(StringBuilder text, IReadOnlyList<Mark> marks, int gutter, string strong)
    {
        const int Before = 30;
        const int Ellipsis = 3;
        var source = marks[0].Span.Source;
        var lineNumber = marks[0].Line;
        var layout = new LineLayout(source.LineText(lineNumber));
        int Start(Mark mark) => layout.Column(mark.Span.StartPosition.Column - 1);

        for (var i = 0; i < marks.Count;)
        {
            var from = layout.Width <= width ? 0 : Math.Max(0, Math.Min(Start(marks[i]) - Before, layout.Width - width));
            var to = layout.Width <= width ? layout.Width : Math.Min(layout.Width, from + width);
            var number = lineNumber.ToString(CultureInfo.InvariantCulture).PadLeft(gutter);
            text.Append($"{Paint(Blue, $"{number} |")} {layout.Window(from, to)}".TrimEnd()).Append('\n');
            do
            {
                var mark = marks[i];
                var start = Start(mark);
                var end = Math.Min(layout.Column(mark.Span.StartPosition.Column - 1 + mark.Span.Length), to);
                var indent = new string(' ', start - from + (from > 0 ? Ellipsis : 0));
                var carets = new string('^', Math.Max(1, end - start));
                var caretLine = $"{indent}{Paint(mark.Main ? strong : Blue, $"{carets} {mark.Text}".TrimEnd())}";
                text.Append($"{new string(' ', gutter)} {Paint(Blue, "|")} {caretLine}\n");
                i++;
            }
            while (i < marks.Count && (Start(marks[i]) < to || to == layout.Width));
        }
    }

    private string Paint(string code, string text) => color ? code + text + Reset : text;
}
