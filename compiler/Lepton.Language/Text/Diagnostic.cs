using System.Globalization;
using Lepton.Abi;

namespace Lepton.Language.Text;

public enum Severity
{
    Error,
    Warning,
}

/// <summary>A kind of message. Its code is for life: it is never given to another meaning.</summary>
/// <param name="Code"><c>LEP2003</c>: 1 syntax, 2 sizes and indices, 3 names and types, 4 functions and time, 5 schedules, 6 formats, 7 machine files, 8 plans, 9 what a later version brings.</param>
/// <param name="Title">The message with <c>{0}</c> places.</param>
public sealed record DiagnosticKind(string Code, Severity Severity, string Title);

/// <summary>A second place that a message points at, with the fact that holds there.</summary>
public sealed record DiagnosticLabel(SourceSpan Span, string Text);

/// <summary>One message: what, where, the facts that disagree with their places, and the mend where one is known.</summary>
public sealed record Diagnostic(DiagnosticKind Kind, SourceSpan Span, string Message, ValueList<DiagnosticLabel> Labels, string? Help)
{
    public override string ToString() => $"{Span.Location}: {Kind.Code}: {Message}";
}

/// <summary>Collects the messages of one compilation. One mistake gives one message: a second report at the same span is dropped.</summary>
public sealed class DiagnosticReport
{
    private readonly List<Diagnostic> _diagnostics = [];
    private readonly HashSet<(SourceText, int)> _places = [];

    public IReadOnlyList<Diagnostic> Diagnostics => _diagnostics;

    public bool HasErrors { get; private set; }

    public void Add(DiagnosticKind kind, SourceSpan span, IEnumerable<object> arguments, IEnumerable<DiagnosticLabel>? labels = null, string? help = null)
    {
        if (!_places.Add((span.Source, span.Start)))
        {
            return;
        }

        var message = string.Format(CultureInfo.InvariantCulture, kind.Title, [.. arguments]);
        _diagnostics.Add(new Diagnostic(kind, span, message, (labels ?? []).ToValueList(), help));
        HasErrors |= kind.Severity == Severity.Error;
    }

    /// <summary>A message from another report.</summary>
    public void Add(Diagnostic diagnostic)
    {
        if (_places.Add((diagnostic.Span.Source, diagnostic.Span.Start)))
        {
            _diagnostics.Add(diagnostic);
            HasErrors |= diagnostic.Kind.Severity == Severity.Error;
        }
    }
}
