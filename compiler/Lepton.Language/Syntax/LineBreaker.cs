using System.Text;

namespace Lepton.Language.Syntax;

/// <summary>Writes a <see cref="FormatLine"/>: on one line where it fits, else broken at the cheapest places, each line as full as its cheapest break lets it be.</summary>
internal static class LineBreaker
{
    public const int MaxWidth = 100;
    private const int Continuation = 4;

    public static int Width(FormatLine line) => line.Indent + line.Pieces.Sum(piece => piece.Text.Length + (piece.SpaceBefore ? 1 : 0)) + line.Padding;

    public static bool IsOneLine(FormatLine line) =>
        line.Verbatim == null
        && !line.Pieces.Exists(piece => piece.MustBreak || piece.Text.Contains('\n'))
        && Width(line) <= MaxWidth;

    public static void Write(StringBuilder text, FormatLine line)
    {
        text.Append(' ', line.Indent);
        if (line.Verbatim != null)
        {
            text.Append(line.Verbatim);
            return;
        }

        var column = line.Indent;
        for (var start = 0; start < line.Pieces.Count;)
        {
            var end = EndOfLine(line, start, column);
            for (var i = start; i < end; i++)
            {
                var piece = line.Pieces[i];
                text.Append(' ', i == line.AlignAt ? line.Padding : 0);
                text.Append(piece.SpaceBefore && i > start ? " " : string.Empty).Append(piece.Text);
            }

            start = end;
            if (start < line.Pieces.Count)
            {
                column = line.Indent + Continuation;
                text.Append('\n').Append(' ', column);
            }
        }
    }

    /// <summary>The piece before which the line that starts with one ends.</summary>
    private static int EndOfLine(FormatLine line, int start, int column)
    {
        var best = -1;
        var bestCost = TokenSpacing.NoBreak;
        for (var i = start; i < line.Pieces.Count; i++)
        {
            var piece = line.Pieces[i];
            if (i > start)
            {
                if (piece.MustBreak)
                {
                    return i;
                }

                if (piece.BreakCost != TokenSpacing.NoBreak && piece.BreakCost <= bestCost)
                {
                    (best, bestCost) = (i, piece.BreakCost);
                }
            }

            column += piece.Text.Length + (piece.SpaceBefore && i > start ? 1 : 0) + (i == line.AlignAt ? line.Padding : 0);
            if (column > MaxWidth && best > 0)
            {
                return best;
            }
        }

        return line.Pieces.Count;
    }
}
