using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>LEP6xxx: formats of sparse tensors.</summary>
public static class FormatDiagnostics
{
    public static readonly DiagnosticKind UnknownFormat = Error("LEP6001", "there is no format {0}");
    public static readonly DiagnosticKind UnknownLevel = Error("LEP6002", "a level cannot be {0}");
    public static readonly DiagnosticKind NotAnAxis = Error("LEP6003", "{0} is not an axis of format {1}");
    public static readonly DiagnosticKind AxisLevels = Error("LEP6004", "axis {0} of format {1} has {2}");
    public static readonly DiagnosticKind Repeated = Error("LEP6005", "this level is {0}");
    public static readonly DiagnosticKind BlockCount = Error("LEP6006", "format {0} takes {1}, not {2}");
    public static readonly DiagnosticKind BlockSize = Error("LEP6007", "a block has a constant size of 1 or more, but this is {0}");
    public static readonly DiagnosticKind FormatRank = Error("LEP6008", "format {0} is for {1}, but this is {2}");
    public static readonly DiagnosticKind IndexType = Error("LEP6009", "positions and coordinates are i32 or i64, not {0}");
    public static readonly DiagnosticKind SupportShape = Error("LEP6010", "{0} {1}, but it stands on {2}, which is {3}");
    public static readonly DiagnosticKind SupportPlace = Error("LEP6011", "`on` cannot stand {0}");
    public static readonly DiagnosticKind NanFill = Error("LEP6012", "nan is no fill value: nothing is equal to it");
    public static readonly DiagnosticKind FillsDiffer = Error("LEP6013", "this argument has the fill value {0}, but {1} is wanted");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
