namespace Lepton.Language.Text;

/// <summary>LEP5xxx: files of schedules.</summary>
public static class ScheduleDiagnostics
{
    public static readonly DiagnosticKind NotSchedules = Error("LEP5001", "this is no file of schedules");
    public static readonly DiagnosticKind OtherVersion = Error("LEP5002", "schedules of version {0}, but this compiler reads version {1}");
    public static readonly DiagnosticKind Expected = Error("LEP5003", "{0} is expected here");
    public static readonly DiagnosticKind Twice = Error("LEP5004", "a schedule for this kernel stands above already");
    public static readonly DiagnosticKind Illegal = Error("LEP5005", "this kernel cannot be made like that: {0}");
    public static readonly DiagnosticKind OtherTarget = new("LEP5006", Severity.Warning, "these schedules are for {0}, but code is made for {1}: they are not used");
    public static readonly DiagnosticKind Stale = new("LEP5007", Severity.Warning, "{0} has no such kernel any more");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
