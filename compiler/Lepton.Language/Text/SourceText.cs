namespace Lepton.Language.Text;

/// <summary>A source file's text. Lines and columns are counted from 1; a column is a UTF-16 unit.</summary>
public sealed class SourceText
{
    private readonly int[] _lineStarts;

    public SourceText(string path, string text)
    {
        Path = path;
        Text = text;
        var starts = new List<int> { 0 };
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
            {
                starts.Add(i + 1);
            }
        }

        _lineStarts = [.. starts];
    }

    /// <summary>The name that messages show; need not be a file.</summary>
    public string Path { get; }

    public string Text { get; }

    public int LineCount => _lineStarts.Length;

    public (int Line, int Column) LineAndColumn(int offset)
    {
        var index = Array.BinarySearch(_lineStarts, offset);
        var line = index >= 0 ? index : ~index - 1;
        return (line + 1, offset - _lineStarts[line] + 1);
    }

    /// <summary>The text of a line (from 1) without its line end.</summary>
    public string LineText(int line)
    {
        var start = _lineStarts[line - 1];
        var end = line < _lineStarts.Length ? _lineStarts[line] - 1 : Text.Length;
        return Text[start..end].TrimEnd('\r');
    }
}

/// <summary>A stretch of a source text.</summary>
public readonly record struct SourceSpan(SourceText Source, int Start, int Length)
{
    public int End => Start + Length;

    public string Text => Source.Text.Substring(Start, Length);

    public (int Line, int Column) StartPosition => Source.LineAndColumn(Start);

    /// <summary>From the start of this to the end of <paramref name="last"/>.</summary>
    public SourceSpan To(SourceSpan last) => new(Source, Start, Math.Max(last.End - Start, 0));

    /// <summary><c>file.lep:12:7</c>.</summary>
    public string Location => $"{Source.Path}:{StartPosition.Line}:{StartPosition.Column}";

    public override string ToString() => Location;
}
