using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>LEP3xxx: names and types; LEP9xxx: what a later version brings.</summary>
public static class TypeDiagnostics
{
    public static readonly DiagnosticKind UnknownName = Error("LEP3001", "{0} is not defined");
    public static readonly DiagnosticKind DefinedTwice = Error("LEP3002", "{0} is defined twice");
    public static readonly DiagnosticKind Cycle = Error("LEP3003", "{0} is defined by itself: {1}");
    public static readonly DiagnosticKind TypesDiffer = Error("LEP3004", "{0} and {1} do not mix: there is no implicit conversion between them");
    public static readonly DiagnosticKind WrongOperand = Error("LEP3005", "{0} wants {1}, but this is {2}");
    public static readonly DiagnosticKind LiteralDoesNotFit = Error("LEP3006", "{0} does not fit {1}");
    public static readonly DiagnosticKind UnknownElementType = Error("LEP3007", "there is no element type {0}");
    public static readonly DiagnosticKind ResultNotDefined = Error("LEP3008", "result {0} is not defined in the body");
    public static readonly DiagnosticKind NoSingleResult = Error("LEP3009", "the result has no name, and the block defines {0} names");
    public static readonly DiagnosticKind WrongElement = Error("LEP3010", "{0} is {1}, but {2} is wanted");
    public static readonly DiagnosticKind ConditionNotBool = Error("LEP3011", "a condition is bool, but this is {0}");
    public static readonly DiagnosticKind UnknownInitializer = Error("LEP3012", "there is no initializer {0}");
    public static readonly DiagnosticKind ImportNotFound = Error("LEP3013", "{0} cannot be found");
    public static readonly DiagnosticKind ImportCycle = Error("LEP3014", "files import each other: {0}");
    public static readonly DiagnosticKind Ambiguous = Error("LEP3015", "{0} is defined in {1} and in {2}");
    public static readonly DiagnosticKind FunctionAsValue = Error("LEP3016", "{0} is a function: it needs arguments");
    public static readonly DiagnosticKind NotAConstant = Error("LEP3017", "{0} is known only at run time, but must be known here");
    public static readonly DiagnosticKind ValueAsFunction = Error("LEP3018", "{0} is not a function");
    public static readonly DiagnosticKind UnevenList = Error("LEP3019", "the items of a list are numbers, or lists of one shape");

    public static readonly DiagnosticKind LaterLearning = Error("LEP9001", "{0} belongs to learning, which a later version brings");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
