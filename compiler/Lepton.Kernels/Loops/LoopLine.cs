using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Loops;

/// <summary>One line of <see cref="LoopText"/> on its way to expressions.</summary>
internal sealed class LoopLine(string text, IReadOnlyDictionary<int, LaneType> types, Func<string, FormatException> bad)
{
    private int _at;

    public bool Take(string wanted)
    {
        Skip();
        if (!text.AsSpan(_at).StartsWith(wanted, StringComparison.Ordinal))
        {
            return false;
        }

        _at += wanted.Length;
        return true;
    }

    public void Expect(string wanted)
    {
        if (!Take(wanted))
        {
            throw bad($"'{wanted}' is missing at column {_at + 1}");
        }
    }

    public string Word()
    {
        Skip();
        var start = _at;
        while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '.' or '-' or '+'))
        {
            _at++;
        }

        return text[start.._at];
    }

    public long Integer() => long.TryParse(Word(), CultureInfo.InvariantCulture, out var value) ? value : throw bad("an integer is missing");

    public int NewVariable() =>
        Word() is ['v', .. var digits] && int.TryParse(digits, CultureInfo.InvariantCulture, out var number) ? number : throw bad("a variable is missing");

    /// <summary><c>b2[index stride s where m]</c>.</summary>
    public (int Buffer, LoopExpr Index, LoopExpr? Stride, LoopExpr? Mask) Place()
    {
        Expect("b");
        var buffer = (int)Integer();
        Expect("[");
        var index = Expr();
        var stride = Take("stride") ? Expr() : null;
        var mask = Take("where") ? Expr() : null;
        Expect("]");
        return (buffer, index, stride, mask);
    }

    public LoopExpr Expr()
    {
        if (Take("("))
        {
            var number = Word();
            var typed = Type(Word());
            Expect(")");
            return new NumberExpr(typed, Number(typed.Element, number));
        }

        if (Take("{"))
        {
            var end = text.IndexOf('}', _at);
            var size = end < 0 ? throw bad("'}' is missing") : text[_at..end];
            _at = end + 1;
            return new SizeOfExpr(SizeParser.Parse(size));
        }

        var word = Word();
        if (word is ['v', .. var digits] && int.TryParse(digits, CultureInfo.InvariantCulture, out var variable))
        {
            return types.TryGetValue(variable, out var known) ? new VariableExpr(known, variable) : throw bad($"{word} is not bound");
        }

        if (long.TryParse(word, CultureInfo.InvariantCulture, out var integer))
        {
            return new NumberExpr(LaneType.Index, Scalar.Integer(ElementType.I64, integer));
        }

        var dot = word.IndexOf('.');
        return dot > 0 ? Operation(word[..dot], Type(word[(dot + 1)..])) : throw bad($"'{word}' is no expression");
    }

    private LoopExpr Operation(string name, LaneType type)
    {
        switch (name)
        {
            case "load":
                var (buffer, index, stride, mask) = Place();
                return new LoadExpr(type, buffer, index, stride, mask);
            case "gather":
                var (from, indices, _, where) = Place();
                return new GatherExpr(type, from, indices, where);
            case "lanes":
                Expect("(");
                var kind = Enum.Parse<ReduceKind>(Word(), ignoreCase: true);
                Expect(",");
                return new LaneReduceExpr(type, kind, Last());
            case "lane":
                Expect("(");
                var vector = Expr();
                Expect(",");
                var lane = (int)Integer();
                Expect(")");
                return new LaneExpr(type, vector, lane);
            case "shuffle":
                Expect("(");
                var (a, b) = (Expr(), Take(",") ? Expr() : throw bad("',' is missing"));
                var order = new List<int>();
                while (Take(","))
                {
                    order.Add((int)Integer());
                }

                Expect(")");
                return new ShuffleExpr(type, a, b, order.ToValueList());
        }

        Expect("(");
        var arguments = new List<LoopExpr> { Expr() };
        while (Take(","))
        {
            arguments.Add(Expr());
        }

        Expect(")");
        return name switch
        {
            "fma" when arguments.Count == 3 => new FmaExpr(type, arguments[0], arguments[1], arguments[2]),
            "dot" when arguments.Count == 3 => new DotExpr(type, arguments[0], arguments[1], arguments[2]),
            _ when Enum.TryParse<BitOp>(name, ignoreCase: true, out var bits) && !char.IsDigit(name[0]) => new BitExpr(bits, arguments.ToValueList()),
            "reinterpret" when arguments.Count == 1 => new ReinterpretExpr(type.Element, arguments[0]),
            "splat" when arguments.Count == 1 => new SplatExpr(type, arguments[0]),
            "ramp" when arguments.Count == 2 => new RampExpr(type, arguments[0], arguments[1]),
            _ => MapOps.Parse(name) is { } op ? new MapExpr(type, op.Op, arguments.ToValueList()) : throw bad($"'{name}' is no operation"),
        };
    }

    private LoopExpr Last()
    {
        var expr = Expr();
        Expect(")");
        return expr;
    }

    // "f32x16": the longest element name that fits, then the lanes.
    private LaneType Type(string word)
    {
        var at = word.LastIndexOf('x');
        return at > 0 && int.TryParse(word.AsSpan(at + 1), CultureInfo.InvariantCulture, out var lanes) && ElementTypes.Parse(word[..at]) is { } wide ? new LaneType(wide, lanes)
            : ElementTypes.Parse(word) is { } element ? new LaneType(element, 1)
            : throw bad($"'{word}' is no type");
    }

    private Scalar Number(ElementType element, string word) => element switch
    {
        ElementType.Bool => Scalar.Bool(word == "true"),
        _ when !element.IsFloat() => Scalar.Integer(element, long.Parse(word, CultureInfo.InvariantCulture)),
        ElementType.F32 => Scalar.Float(element, word switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" => double.NaN,
            _ => float.Parse(word, CultureInfo.InvariantCulture),
        }),
        _ => Scalar.Float(element, word switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" => double.NaN,
            _ => double.Parse(word, CultureInfo.InvariantCulture),
        }),
    };

    private void Skip()
    {
        while (_at < text.Length && text[_at] == ' ')
        {
            _at++;
        }
    }
}
