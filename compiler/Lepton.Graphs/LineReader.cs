using System.Globalization;
using System.Text;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>A cursor over one line of the text form of graphs; every error names the line and the character.</summary>
internal sealed class LineReader(string line, int number)
{
    private string _line = line;
    private int _at;

    /// <summary>The next character that is no blank, or '\0' at the end.</summary>
    public char Peek
    {
        get
        {
            while (_at < _line.Length && char.IsWhiteSpace(_line[_at]))
            {
                _at++;
            }

            return _at < _line.Length ? _line[_at] : '\0';
        }
    }

    public FormatException Bad(string message) => new($"line {number}, character {_at + 1}: {message}");

    /// <summary>Takes a sign, or a whole word, if it comes next.</summary>
    public bool Take(string wanted)
    {
        _ = Peek;
        var end = _at + wanted.Length;
        if (string.CompareOrdinal(_line, _at, wanted, 0, wanted.Length) != 0 || (char.IsLetter(wanted[^1]) && end < _line.Length && IsWord(_line[end])))
        {
            return false;
        }

        _at = end;
        return true;
    }

    public void Expect(string wanted)
    {
        if (!Take(wanted))
        {
            throw Bad($"'{wanted}' is missing");
        }
    }

    public void End()
    {
        if (Peek != '\0')
        {
            throw Bad($"'{_line[_at..]}' is too much");
        }
    }

    /// <summary>Cuts " : TYPE" or " : TYPE {" off the end.</summary>
    public TensorType CutType(out bool opensBody)
    {
        var rest = _line.AsSpan().TrimEnd();
        opensBody = rest.EndsWith("{");
        rest = opensBody ? rest[..^1].TrimEnd() : rest;
        var colon = rest.LastIndexOf(" : ");
        if (colon < _at)
        {
            throw Bad("' : TYPE' is missing at the end");
        }

        var type = new LineReader(_line[..rest.Length], number) { _at = colon + 3 };
        var name = type.Word();
        var element = ElementTypes.Parse(name) ?? throw type.Bad($"there is no element type '{name}'");
        var shape = type.Peek == '[' ? type.Shape() : [];
        type.End();
        _line = _line[..colon];
        return new TensorType(element, shape);
    }

    public string Word()
    {
        _ = Peek;
        var start = _at;
        while (_at < _line.Length && IsWord(_line[_at]))
        {
            _at++;
        }

        return _at > start ? _line[start.._at] : throw Bad("a word is missing");
    }

    /// <summary>A plain word or a text in quotes.</summary>
    public string Name()
    {
        if (!Take("\""))
        {
            return Word();
        }

        var name = new StringBuilder();
        while (true)
        {
            var c = _at < _line.Length ? _line[_at++] : throw Bad("the closing quote is missing");
            if (c == '"')
            {
                return name.ToString();
            }

            if (c == '\\')
            {
                c = _at < _line.Length ? _line[_at++] : throw Bad("the closing quote is missing");
                if (c == 'u')
                {
                    if (_at + 4 > _line.Length || !ushort.TryParse(_line.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                    {
                        throw Bad("four hexadecimal digits follow \\u");
                    }

                    c = (char)code;
                    _at += 4;
                }
                else
                {
                    c = c == 'n' ? '\n' : c;
                }
            }

            name.Append(c);
        }
    }

    public int Integer() => int.TryParse(Digits(), CultureInfo.InvariantCulture, out var value) ? value : throw Bad("a number is missing");

    public NodeId Id()
    {
        Expect("%");
        return new NodeId(Integer());
    }

    public ValueList<NodeId> Ids()
    {
        var ids = new List<NodeId> { Id() };
        while (Take(","))
        {
            ids.Add(Id());
        }

        return ids.ToValueList();
    }

    public ValueList<T> List<T>(Func<T> item)
    {
        var items = new List<T>();
        Expect("[");
        while (!Take("]"))
        {
            items.Add(item());
            if (!Take(",") && Peek != ']')
            {
                throw Bad("',' or ']' is missing");
            }
        }

        return items.ToValueList();
    }

    public T Enum<T>()
        where T : struct, Enum
    {
        var word = Word();
        return System.Enum.TryParse<T>(word, ignoreCase: true, out var value) && !char.IsDigit(word[0]) ? value : throw Bad($"'{word}' is no {typeof(T).Name}");
    }

    public ValueList<SizeExpr> Shape() => List(Size);

    /// <summary>A size, up to a comma, bracket, comparison or quote outside its parentheses.</summary>
    public SizeExpr Size()
    {
        _ = Peek;
        var (start, depth) = (_at, 0);
        while (_at < _line.Length && (depth > 0 || _line[_at] is not (',' or ']' or ')' or '=' or '>' or '"')))
        {
            depth += _line[_at] == '(' ? 1 : _line[_at] == ')' ? -1 : 0;
            _at++;
        }

        return ParseSize(_line.AsSpan(start, _at - start).Trim());
    }

    /// <summary>A number of an element type.</summary>
    public Scalar Number(ElementType type)
    {
        _ = Peek;
        var start = _at;
        while (_at < _line.Length && (IsWord(_line[_at]) || _line[_at] is '-' or '+' or '.' or '(' or ')'))
        {
            _at++;
        }

        var word = _line[start.._at];
        var culture = CultureInfo.InvariantCulture;
        if (type == ElementType.Bool)
        {
            return word is "true" or "false" ? Scalar.Bool(word == "true") : throw Bad($"'{word}' is no bool");
        }

        if (!type.IsFloat())
        {
            return long.TryParse(word, NumberStyles.AllowLeadingSign, culture, out var integer) && Scalar.Wrap(type, integer) == integer
                ? Scalar.Integer(type, integer)
                : throw Bad($"'{word}' is no {type.Name()}");
        }

        if (word.StartsWith("nan(", StringComparison.Ordinal) && word.EndsWith(')') && long.TryParse(word[4..^1], NumberStyles.AllowHexSpecifier, culture, out var bits))
        {
            return new Scalar(type, bits);
        }

        return word switch
        {
            "nan" => new Scalar(type, BitConverter.DoubleToInt64Bits(double.NaN)),
            "inf" => Scalar.Float(type, double.PositiveInfinity),
            "-inf" => Scalar.Float(type, double.NegativeInfinity),
            _ => double.TryParse(word, NumberStyles.Float, culture, out var value) && double.IsFinite(Scalar.Round(type, value))
                ? Scalar.Float(type, value)
                : throw Bad($"'{word}' is no {type.Name()}"),
        };
    }

    public ValueList<AxisAccess> Accesses() => List(Access);

    /// <summary><c>2*i0 + (N)*i3 - 1 else wrap</c>, <c>data0 check 1</c>.</summary>
    private AxisAccess Access()
    {
        var (offset, terms, data, site, outside) = (SizeExpr.Zero, new List<AffineTerm>(), -1, -1, Outside.Never);
        _ = Peek;
        if (string.CompareOrdinal(_line, _at, "data", 0, 4) == 0)
        {
            _at += 4;
            data = Integer();
        }
        else
        {
            for (var more = true; more;)
            {
                var negative = Take("-");
                var factor = Peek switch
                {
                    '(' => negative ? -Parenthesis() : Parenthesis(),
                    'i' => SizeExpr.Constant(negative ? -1 : 1),
                    _ => SizeExpr.Constant(long.TryParse($"{(negative ? "-" : "")}{Digits()}", CultureInfo.InvariantCulture, out var value) ? value : throw Bad("an index is missing")),
                };
                if (Take("*") || Peek == 'i')
                {
                    terms.Add(new AffineTerm(Axis(), factor));
                }
                else
                {
                    offset += factor;
                }

                // A minus belongs to the term behind it: i0 + -2*i1, i0 - 1.
                more = Take("+") || Peek == '-';
            }
        }

        site = Take("check") ? Integer() : site;
        outside = Take("else") ? Enum<Outside>() : outside;
        return new AxisAccess(offset, terms.ToValueList(), outside, data, site);
    }

    private int Axis()
    {
        if (Peek != 'i')
        {
            throw Bad("an index i0, i1, … is missing");
        }

        _at++;
        return Integer();
    }

    private SizeExpr Parenthesis()
    {
        Expect("(");
        var size = Size();
        Expect(")");
        return size;
    }

    private SizeExpr ParseSize(ReadOnlySpan<char> size)
    {
        try
        {
            return SizeParser.Parse(size);
        }
        catch (Exception e) when (e is FormatException or OverflowException or DivideByZeroException)
        {
            throw Bad(e.Message);
        }
    }

    private ReadOnlySpan<char> Digits()
    {
        _ = Peek;
        var start = _at;
        while (_at < _line.Length && char.IsAsciiDigit(_line[_at]))
        {
            _at++;
        }

        return _line.AsSpan(start, _at - start);
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '\'' or '$';
}
