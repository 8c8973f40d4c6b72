using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>LEP2xxx: sizes and indices.</summary>
public static class SizeDiagnostics
{
    public static readonly DiagnosticKind SizesDiffer = Error("LEP2001", "the shapes {0} and {1} do not fit together");
    public static readonly DiagnosticKind UnboundIndex = Error("LEP2002", "index {0} is not bound: it stands neither on the left nor behind a reducer");
    public static readonly DiagnosticKind TwoRanges = Error("LEP2003", "index {0} ranges over two sizes");
    public static readonly DiagnosticKind NoRange = Error("LEP2004", "index {0} has no range: nothing is accessed by it alone");
    public static readonly DiagnosticKind Outside = Error("LEP2005", "this index runs from {0} to {1}, but the axis has size {2}");
    public static readonly DiagnosticKind TooManySubscripts = Error("LEP2006", "{0} for a value with {1}");
    public static readonly DiagnosticKind IndexTwice = Error("LEP2007", "index {0} stands twice on the left");
    public static readonly DiagnosticKind NotAnIndex = Error("LEP2008", "an axis on the left of '=' is a plain index");
    public static readonly DiagnosticKind WrongShape = Error("LEP2009", "{0} has shape {1}, but {2} is wanted");
    public static readonly DiagnosticKind NotDivisible = Error("LEP2010", "{0} is not divisible by {1}");
    public static readonly DiagnosticKind NotASize = Error("LEP2011", "a size is wanted here: integers, size variables and + - * / of them");
    public static readonly DiagnosticKind UnsolvedSize = Error("LEP2012", "size {0} cannot be found from the arguments");
    public static readonly DiagnosticKind NegativeSize = Error("LEP2013", "a size cannot be negative: this is {0}");
    public static readonly DiagnosticKind GroupSize = Error("LEP2014", "the group ({0}) has {1} elements, but the axis has {2}");
    public static readonly DiagnosticKind NoSuchAxis = Error("LEP2015", "there is no axis {0} in a value with {1}");
    public static readonly DiagnosticKind ReshapeCount = Error("LEP2016", "shape {0} cannot be reshaped to {1}: the numbers of elements differ");
    public static readonly DiagnosticKind InnerSizes = Error("LEP2017", "the inner sizes of @ differ: {0} and {1}");
    public static readonly DiagnosticKind BadSlice = Error("LEP2018", "{0}");
    public static readonly DiagnosticKind NoScatterSize = Error("LEP2019", "axis {0} of {1} has no size: the index is data");
    public static readonly DiagnosticKind NotAPermutation = Error("LEP2020", "[{0}] is not an order of {1}");
    public static readonly DiagnosticKind IndexEscapes = Error("LEP2021", "the result still has index {0}, which nothing binds");
    public static readonly DiagnosticKind Overflow = Error("LEP2022", "this number needs more than 64 bits");
    public static readonly DiagnosticKind ScalarNeeded = Error("LEP2023", "{0} has shape {1}, but a scalar is wanted");
    public static readonly DiagnosticKind RankNeeded = Error("LEP2024", "{0} needs a value with axes, but this is a scalar");
    public static readonly DiagnosticKind TwoFills = Error("LEP2025", "one access has one value for what lies outside, but this is another");
    public static readonly DiagnosticKind TooFar = Error("LEP2026", "this index holds a number of 2^40 or more, and no axis is as long");

    private static DiagnosticKind Error(string code, string title) => new(code, Severity.Error, title);
}
