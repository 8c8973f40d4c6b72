namespace Lepton.Language.Text;

/// <summary>LEP82xx: what is known only when a program meets a machine.</summary>
public static class PlacingDiagnostics
{
    public static readonly DiagnosticKind UnknownKernel = Error("LEP8201", "nothing that is placed is called `{0}`");
    public static readonly DiagnosticKind UnknownDevice = Error("LEP8202", "the machine has no device `{0}`");
    public static readonly DiagnosticKind PinsDiffer = Error("LEP8203", "kernel `{0}` is pinned to `{1}` and to `{2}`");
    public static readonly DiagnosticKind CannotRun = Error("LEP8204", "kernel `{0}` cannot run on `{1}`: {2}");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
