namespace Lepton.Abi;

/// <summary>Reads the text form of <see cref="SizeExpr"/>: <c>sum := product (('+'|'-') product)*</c>, with names, integers, calls, parentheses.</summary>
public ref struct SizeParser
{
    private readonly ReadOnlySpan<char> _text;
    private int _at;

    private SizeParser(ReadOnlySpan<char> text) => _text = text;

    /// <summary>Reads a whole text; throws <see cref="FormatException"/> when it is not a size.</summary>
    public static SizeExpr Parse(ReadOnlySpan<char> text)
    {
        var parser = new SizeParser(text);
        var size = parser.Sum(0);
        parser.Skip();
        return parser._at == text.Length ? size : throw parser.Bad();
    }

    private readonly FormatException Bad() => new($"'{_text}' is not a size (at character {_at})");

    private void Skip()
    {
        while (_at < _text.Length && _text[_at] == ' ')
        {
            _at++;
        }
    }

    private bool Take(char wanted)
    {
        Skip();
        if (_at < _text.Length && _text[_at] == wanted)
        {
            _at++;
            return true;
        }

        return false;
    }

    private SizeExpr Sum(int depth)
    {
        if (depth > 100)
        {
            throw Bad();
        }

        var sum = Take('-') ? -Product(depth) : Product(depth);
        while (true)
        {
            if (Take('+'))
            {
                sum += Product(depth);
            }
            else if (Take('-'))
            {
                sum -= Product(depth);
            }
            else
            {
                return sum;
            }
        }
    }

    private SizeExpr Product(int depth)
    {
        var product = Atom(depth);
        while (Take('*'))
        {
            product *= Atom(depth);
        }

        return product;
    }

    private SizeExpr Atom(int depth)
    {
        Skip();
        if (Take('('))
        {
            var inner = Sum(depth + 1);
            return Take(')') ? inner : throw Bad();
        }

        var start = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '_' or '.' or '\'' or '$'))
        {
            _at++;
        }

        var word = _text[start.._at];
        if (word.IsEmpty)
        {
            throw Bad();
        }

        if (char.IsDigit(word[0]))
        {
            return long.TryParse(word, out var value) ? SizeExpr.Constant(value) : throw Bad();
        }

        if (!Take('('))
        {
            return SizeExpr.Variable(word.ToString());
        }

        if (!Enum.TryParse<SizeFunction>(word, ignoreCase: true, out var function))
        {
            throw Bad();
        }

        var left = Sum(depth + 1);
        if (!Take(','))
        {
            throw Bad();
        }

        var right = Sum(depth + 1);
        if (!Take(')'))
        {
            throw Bad();
        }

        return function switch
        {
            SizeFunction.FloorDiv => SizeExpr.FloorDiv(left, right),
            SizeFunction.Mod => SizeExpr.Mod(left, right),
            SizeFunction.Max => SizeExpr.Max(left, right),
            _ => SizeExpr.Min(left, right),
        };
    }
}
