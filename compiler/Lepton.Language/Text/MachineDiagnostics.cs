namespace Lepton.Language.Text;

/// <summary>LEP7xxx: machine files, and the times that belong to them.</summary>
public static class MachineDiagnostics
{
    public static readonly DiagnosticKind NotYaml = Error("LEP7001", "this is no YAML: {0}");
    public static readonly DiagnosticKind Expected = Error("LEP7002", "{0} must be {1}, but this is {2}");
    public static readonly DiagnosticKind UnknownKey = Error("LEP7003", "{0} has no `{1}`");
    public static readonly DiagnosticKind Missing = Error("LEP7004", "{0} lacks `{1}`");
    public static readonly DiagnosticKind NoQuantity = Error("LEP7005", "`{0}` is no {1}");
    public static readonly DiagnosticKind OutOfRange = Error("LEP7006", "{0} must be {1}, not {2}");
    public static readonly DiagnosticKind UnknownDevice = Error("LEP7007", "there is no device `{0}`");
    public static readonly DiagnosticKind LinkTwice = Error("LEP7008", "the way from `{0}` to `{1}` is described twice");
    public static readonly DiagnosticKind Twice = Error("LEP7009", "`{0}` stands twice in {1}");
    public static readonly DiagnosticKind LinkToItself = Error("LEP7010", "a link leads from `{0}` to itself");
    public static readonly DiagnosticKind NoCost = Error("LEP7011", "`{0}` is no measured time");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
