using System.Text;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>
/// The one style of a `.lep` file: two spaces to a block, one equation to a line, at most 100 columns where it can be done, long lines broken
/// before operators, one empty line at most, the `=` of neighbouring equations, the `~` of neighbouring parameters and the comments behind
/// neighbouring lines in one column. Comments and empty lines between statements stay. Formatting twice is formatting once.
/// </summary>
public static class Formatter
{
    /// <summary>Lines whose aligned places are further apart are left alone: one long left side must not push all others away.</summary>
    private const int WidestAlignment = 24;

    private const int WidestCommentGap = 40;

    /// <returns>The text in its style, with plain line ends; null, and the reason in the report, when it has syntax errors.</returns>
    public static string? Format(SourceText source, DiagnosticReport report)
    {
        var own = new DiagnosticReport();
        Parser.Parse(source, own);
        if (own.HasErrors)
        {
            foreach (var diagnostic in own.Diagnostics)
            {
                report.Add(diagnostic);
            }

            return null;
        }

        var shaped = Parser.Tokens(source, own);
        var text = Write(FormatLines.Of(source, shaped));
        return SameMeaning(shaped, text, source)
            ? text
            : throw new InvalidOperationException($"{source.Path} cannot be formatted without changing it");
    }

    private static string Write(List<FormatLine> lines)
    {
        AlignPieces(lines);
        var text = new StringBuilder();
        var written = new List<string>(lines.Count);
        foreach (var line in lines)
        {
            var start = text.Length;
            LineBreaker.Write(text, line);
            written.Add(text.ToString(start, text.Length - start));
            text.Length = start;
        }

        var comments = CommentColumns(lines, written);
        for (var i = 0; i < lines.Count; i++)
        {
            text.Append(lines[i].BlankBefore && i > 0 ? "\n" : string.Empty).Append(written[i]);
            if (lines[i].Trailing.Count > 0)
            {
                text.Append(' ', comments[i] - LastWidth(written[i])).Append(string.Join(' ', lines[i].Trailing));
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Pads the lines of each run: neighbours of one kind and indentation, each of one line, no empty line or comment between.</summary>
    private static void AlignPieces(List<FormatLine> lines)
    {
        for (var first = 0; first < lines.Count;)
        {
            var end = first + 1;
            if (lines[first].AlignAt >= 0 && LineBreaker.IsOneLine(lines[first]))
            {
                while (end < lines.Count && Continues(lines[first], lines[end]))
                {
                    end++;
                }

                AlignRun(lines[first..end]);
            }

            first = end;
        }
    }

    private static bool Continues(FormatLine first, FormatLine line) =>
        line.AlignAt >= 0 && !line.BlankBefore && line.Alignment == first.Alignment && line.Indent == first.Indent && LineBreaker.IsOneLine(line);

    private static void AlignRun(List<FormatLine> run)
    {
        var widths = run.ConvertAll(line => line.Pieces.Take(line.AlignAt).Sum(piece => piece.Text.Length + (piece.SpaceBefore ? 1 : 0)));
        var widest = widths.Max();
        if (widest - widths.Min() > WidestAlignment)
        {
            return;
        }

        for (var i = 0; i < run.Count; i++)
        {
            run[i].Padding = widest - widths[i];
        }

        if (!run.TrueForAll(LineBreaker.IsOneLine))
        {
            run.ForEach(line => line.Padding = 0);
        }
    }

    /// <summary>Where the comment behind each line starts.</summary>
    private static int[] CommentColumns(List<FormatLine> lines, List<string> written)
    {
        const int Gap = 2;
        var columns = new int[lines.Count];
        for (var first = 0; first < lines.Count;)
        {
            var end = first;
            while (end < lines.Count && lines[end].Trailing.Count > 0 && (end == first || !lines[end].BlankBefore))
            {
                end++;
            }

            end = Math.Max(end, first + 1);
            var widths = Enumerable.Range(first, end - first).Select(i => LastWidth(written[i])).ToList();
            for (var i = first; i < end; i++)
            {
                columns[i] = Gap + (widths.Max() - widths.Min() > WidestCommentGap ? widths[i - first] : widths.Max());
            }

            first = end;
        }

        return columns;
    }

    private static int LastWidth(string written) => written.Length - (written.LastIndexOf('\n') + 1);

    /// <summary>The same tokens (a separator is one, however it is written) and the same comments, so the same tree.</summary>
    private static bool SameMeaning(ShapedTokens before, string text, SourceText source)
    {
        var report = new DiagnosticReport();
        var formatted = new SourceText(source.Path, text);
        var after = Parser.Tokens(formatted, report);
        return !report.HasErrors
            && before.Tokens.Select(Shown).SequenceEqual(after.Tokens.Select(Shown))
            && before.Comments.Select(comment => Squeezed(comment.Span(source).Text))
                .SequenceEqual(after.Comments.Select(comment => Squeezed(comment.Span(formatted).Text)))
            && before.Skipped.Select(skip => Squeezed(source.Text[skip.First..(skip.Last + 1)]))
                .SequenceEqual(after.Skipped.Select(skip => Squeezed(text[skip.First..(skip.Last + 1)])));
    }

    private static (int, string) Shown(Antlr4.Runtime.IToken token) =>
        (token.Type, token.Type is SEP or MAX_ASSIGN or MIN_ASSIGN or Antlr4.Runtime.TokenConstants.EOF ? string.Empty : token.Text);

    private static string Squeezed(string text) => string.Join('\n', text.Split('\n').Select(line => line.TrimEnd()));
}
