using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>LEP80xx: plan blocks, and goals and limits wherever they stand.</summary>
public static class PlanDiagnostics
{
    public static readonly DiagnosticKind UnknownMetric = Error("LEP8001", "there is no goal `{0}`");
    public static readonly DiagnosticKind NotATerm = Error("LEP8002", "a term of a goal is one of time, cost and interval, with one weight at most");
    public static readonly DiagnosticKind WrongUnit = Error("LEP8003", "`{0}` is no unit of {1}");
    public static readonly DiagnosticKind NoUnit = Error("LEP8004", "{0} needs a unit");
    public static readonly DiagnosticKind NoRate = Error("LEP8005", "this goal counts in {0}, but {1} in {2}");
    public static readonly DiagnosticKind NotALimit = Error("LEP8006", "a limit is written with `<=`");
    public static readonly DiagnosticKind OutOfRange = Error("LEP8007", "{0} must be more than 0 and finite, not {1}");
    public static readonly DiagnosticKind NoEntry = Error("LEP8008", "there is no entry `{0}` to plan for");
    public static readonly DiagnosticKind Twice = Error("LEP8009", "{0} stands twice in this {1}");
    public static readonly DiagnosticKind UnknownSize = Error("LEP8010", "entry `{0}` has no size `{1}`");
    public static readonly DiagnosticKind NoParameter = Error("LEP8011", "entry `{0}` reads no parameter `{1}`");
    public static readonly DiagnosticKind NoPrecision = Error("LEP8012", "parameters cannot be kept as `{0}`");
    public static readonly DiagnosticKind NotRounded = Error("LEP8013", "parameter `{0}` is {1}, which cannot be kept as bf16");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
