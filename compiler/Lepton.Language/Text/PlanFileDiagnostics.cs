namespace Lepton.Language.Text;

/// <summary>LEP81xx: plan files.</summary>
public static class PlanFileDiagnostics
{
    public static readonly DiagnosticKind NotAPlan = Error("LEP8101", "this is no plan file");
    public static readonly DiagnosticKind OtherVersion = Error("LEP8102", "a plan of version {0}, but this compiler reads version {1}");
    public static readonly DiagnosticKind Expected = Error("LEP8103", "{0} is expected here");
    public static readonly DiagnosticKind Twice = Error("LEP8104", "`{0}` is placed twice");
    public static readonly DiagnosticKind Stale = Error("LEP8105", "the plan is stale: {0}");
    public static readonly DiagnosticKind OtherTimes = new("LEP8106", Severity.Warning, "the plan was made from other times: {0}");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
