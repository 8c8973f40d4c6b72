using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>LEP4xxx: functions, scan and iterate.</summary>
public static class FunctionDiagnostics
{
    public static readonly DiagnosticKind UnknownFunction = Error("LEP4001", "there is no function {0}");
    public static readonly DiagnosticKind TooManyArguments = Error("LEP4002", "{0} takes {1}, not {2}");
    public static readonly DiagnosticKind UnknownArgument = Error("LEP4003", "{0} has no argument {1}");
    public static readonly DiagnosticKind MissingArgument = Error("LEP4004", "argument {1} of {0} is missing");
    public static readonly DiagnosticKind Recursion = Error("LEP4005", "{0} calls itself: {1}");
    public static readonly DiagnosticKind TooDeep = Error("LEP4006", "calls are nested deeper than {0}");
    public static readonly DiagnosticKind IndexArguments = Error("LEP4007", "{0} takes {1} between [ ], not {2}");
    public static readonly DiagnosticKind PrimeOutsideLoop = Error("LEP4008", "{0}' is the next value of a state: it belongs into a scan or iterate that has the state {0}");
    public static readonly DiagnosticKind NoNextValue = Error("LEP4009", "state {0} has no next value");
    public static readonly DiagnosticKind BadEmit = Error("LEP4010", "the first axis of an emit is the index of its scan: {0}");
    public static readonly DiagnosticKind StateChanges = Error("LEP4011", "state {0} starts as {1}, but its next value is {2}");
    public static readonly DiagnosticKind IterateWithoutMax = Error("LEP4012", "iterate needs a bound on its steps");
    public static readonly DiagnosticKind OutsideLoop = Error("LEP4013", "{0} belongs into {1}");
    public static readonly DiagnosticKind UntilNotBool = Error("LEP4014", "the condition of until is a bool scalar, but this is {0}");
    public static readonly DiagnosticKind ResultCount = Error("LEP4015", "{0} names for {1}");
    public static readonly DiagnosticKind CannotCombine = Error("LEP4016", "{0} combines into an axis: write the axes, as in hist[bin[i]] {0} 1");
    public static readonly DiagnosticKind SeveralResults = Error("LEP4017", "this has {0} results where one value is wanted");
    public static readonly DiagnosticKind GivenTwice = Error("LEP4018", "argument {0} is given twice");
    public static readonly DiagnosticKind TooLarge = Error("LEP4019", "inlining the calls of this entry gives more than {0} operations");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
