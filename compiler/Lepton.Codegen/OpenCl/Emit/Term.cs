using Lepton.Abi;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>The text of a pure value.</summary>
/// <param name="Text">An expression of C.</param>
/// <param name="IsAtom">A name, a number or a call: it needs no parentheses beside an operator.</param>
internal sealed record Term(string Text, bool IsAtom)
{
    /// <summary>A number that is known now.</summary>
    public long? Integer { get; init; }

    /// <summary>Made of sizes, counters and small numbers: it does not overflow. Other integers may, and then they wrap.</summary>
    public bool IsIndex { get; init; }

    /// <summary>Of a vector: the scalar that is in all its lanes.</summary>
    public Term? Scalar { get; init; }

    /// <summary>A name or a number: costs nothing to write again.</summary>
    public bool IsFree { get; init; }

    /// <summary>As an operand.</summary>
    public string Operand => IsAtom ? Text : $"({Text})";

    /// <summary>A component of it: <c>.lo</c>.</summary>
    public Term Member(string name) => new((IsAtom && !Text.StartsWith('(') ? Text : $"({Text})") + name, true);

    public static Term Name(string name) => new(name, true) { IsFree = true };

    public static Term Call(string function, params IEnumerable<Term> arguments) => new($"{function}({string.Join(", ", arguments.Select(a => a.Text))})", true);

    public static Term Infix(Term a, string op, Term b) => op == "+" && b.Integer is < 0 and > long.MinValue and var minus
        ? new($"{a.Operand} - {CTypes.Literal(ElementType.I64, -minus)}", false)
        : new($"{a.Operand} {op} {b.Operand}", false);

    public static Term Prefix(string op, Term a) => new(op + a.Operand, false);

    public static Term Index(long value) => new(CTypes.Literal(ElementType.I64, value), value >= 0)
    {
        Integer = value,
        IsFree = true,
        IsIndex = Math.Abs((double)value) < 1L << 31,
    };

    /// <summary>base + offset, an index.</summary>
    public Term Plus(long offset) => offset == 0 ? this
        : Integer is { } known ? Index(known + offset)
        : Infix(this, "+", Index(offset)) with { IsIndex = IsIndex };

    public override string ToString() => Text;
}
