namespace Lepton.Language.Syntax;

/// <summary>What lines of a kind are lined up at.</summary>
internal enum Alignment
{
    None,

    /// <summary>Equations, at their <c>=</c>.</summary>
    Equation,

    /// <summary>Parameters of the program, at their <c>~</c>.</summary>
    Param,
}

/// <summary>One statement, declaration header, closing brace or comment of its own, as the formatter writes it: one line, or more if it is long.</summary>
internal sealed class FormatLine(int indent)
{
    /// <summary>In characters.</summary>
    public int Indent { get; } = indent;

    public List<Piece> Pieces { get; } = [];

    /// <summary>Behind the last piece.</summary>
    public List<string> Trailing { get; } = [];

    /// <summary>Written as it stands: a comment, or the text of a later version.</summary>
    public string? Verbatim { get; set; }

    public bool BlankBefore { get; set; }

    public Alignment Alignment { get; set; }

    /// <summary>The piece that is lined up with those of the lines around; -1 for none.</summary>
    public int AlignAt { get; set; } = -1;

    /// <summary>Spaces to put before that piece.</summary>
    public int Padding { get; set; }
}
