namespace Lepton.Language.Text;

/// <summary>Walks over the lines of a small text file that people read too: empty lines and those that begin with # are passed over.</summary>
public sealed class LineCursor(SourceText source)
{
    private int _next;

    /// <summary>The next line, without its end and blanks before it; null behind the last one.</summary>
    public SourceSpan? Peek()
    {
        while (_next < source.Text.Length)
        {
            var end = source.Text.IndexOf('\n', _next);
            end = end < 0 ? source.Text.Length : end;
            var line = source.Text[_next..end].TrimEnd();
            if (line.Length > 0 && line[0] != '#')
            {
                return new SourceSpan(source, _next, line.Length);
            }

            _next = end + 1;
        }

        return null;
    }

    /// <summary>The same, and goes on behind it.</summary>
    public SourceSpan? Take()
    {
        var line = Peek();
        var end = line is null ? -1 : source.Text.IndexOf('\n', line.Value.End);
        _next = line is null ? _next : end < 0 ? source.Text.Length : end + 1;
        return line;
    }

    /// <summary>The end of the file, for messages about what is missing there.</summary>
    public SourceSpan Behind() => new(source, source.Text.Length, 0);
}
