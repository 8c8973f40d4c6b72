using System.Globalization;
using System.Text;

namespace Lepton.Language.Text;

/// <summary>A source line as a terminal shows it: tabs expanded, characters that do not print replaced, and the display column of each UTF-16 unit.</summary>
internal sealed class LineLayout
{
    private const int TabWidth = 4;

    private readonly List<string> _cells = []; // one text for each display column; empty for the second half of a wide character
    private readonly int[] _columns;

    public LineLayout(string line)
    {
        _columns = new int[line.Length + 1];
        for (var i = 0; i < line.Length;)
        {
            var valid = Rune.TryGetRuneAt(line, i, out var rune);
            var length = valid ? rune.Utf16SequenceLength : 1;
            for (var unit = 0; unit < length; unit++)
            {
                _columns[i + unit] = _cells.Count;
            }

            if (line[i] == '\t')
            {
                do
                {
                    _cells.Add(" ");
                }
                while (_cells.Count % TabWidth != 0);
            }
            else if (!valid || !Prints(rune))
            {
                _cells.Add("\uFFFD");
            }
            else
            {
                _cells.Add(rune.ToString());
                if (IsWide(rune.Value))
                {
                    _cells.Add(string.Empty);
                }
            }

            i += length;
        }

        _columns[line.Length] = _cells.Count;
    }

    public int Width => _cells.Count;

    /// <summary>The display column (from 0) of a place in the line; places behind the line are at its end.</summary>
    public int Column(int offset) => _columns[Math.Clamp(offset, 0, _columns.Length - 1)];

    /// <summary>The columns from one to another, with an ellipsis where something is cut off.</summary>
    public string Window(int from, int to)
    {
        var text = new StringBuilder();
        text.Append(from > 0 ? "..." : string.Empty);
        for (var i = from; i < Math.Min(to, _cells.Count); i++)
        {
            text.Append(_cells[i]);
        }

        return text.Append(to < _cells.Count ? "..." : string.Empty).ToString().TrimEnd();
    }

    // Combining and formatting characters take no column of their own or reverse the line; in a caret line neither can be.
    private static bool Prints(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.NonSpacingMark
        or UnicodeCategory.EnclosingMark or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>The blocks that terminals show two columns wide: East Asian scripts and pictures.</summary>
    private static bool IsWide(int c) => c is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
        or (>= 0x1F300 and <= 0x1F64F) or (>= 0x1F900 and <= 0x1F9FF) or (>= 0x20000 and <= 0x3FFFD);
}
