namespace Lepton.Runtime.Files;

/// <summary>The lines of a text file as bytes, without their ends (\n, \r\n), and their numbers from 1.</summary>
internal sealed class ByteLines(TensorReader reader)
{
    private const int MaxLine = 1 << 16;

    private readonly byte[] _block = new byte[1 << 18];
    private int _at;
    private int _end;

    /// <summary>The number of the last line that <see cref="Next"/> gave.</summary>
    internal long Number { get; private set; }

    /// <summary>The next line, valid until the one after it; false at the end.</summary>
    internal bool Next(out ReadOnlySpan<byte> line)
    {
        var length = _block.AsSpan(_at.._end).IndexOf((byte)'\n');
        if (length < 0 && reader.Remaining > 0)
        {
            _block.AsSpan(_at.._end).CopyTo(_block);
            (_at, _end) = (0, _end - _at);
            var more = (int)Math.Min(_block.Length - _end, reader.Remaining);
            reader.Read(_block.AsSpan(_end, more), "the data");
            _end += more;
            length = _block.AsSpan(_at.._end).IndexOf((byte)'\n');
        }

        line = default;
        if (_at == _end)
        {
            return false;
        }

        Number++;
        var isLast = length < 0;
        length = isLast ? _end - _at : length;
        if (length > MaxLine)
        {
            throw reader.Bad($"line {Number} has more than {MaxLine} characters");
        }

        line = _block.AsSpan(_at, length);
        line = line.EndsWith("\r"u8) ? line[..^1] : line;
        _at += isLast ? length : length + 1;
        return true;
    }
}
