using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>Where an index stood alone as a subscript, and over what: the fact that gives it its range.</summary>
internal sealed record PlainUse(SizeExpr Size, SourceSpan Span, string Fact, AccessSyntax? Access);

/// <summary>An index while its equation or reducer is bound: what is known of its range so far.</summary>
internal sealed class OpenIndex(IndexLabel label, SourceSpan span)
{
    public IndexLabel Label { get; } = label;

    public SourceSpan Span { get; } = span;

    /// <summary>The size written at it, <c>i: N - 2</c>. Plain uses need not agree with it then, they must only be inside.</summary>
    public SizeExpr? Declared { get; set; }

    public PlainUse? First { get; set; }

    /// <summary>The size of a plain access that has an <c>else</c>: taken when nothing else gives a range.</summary>
    public SizeExpr? Fallback { get; set; }

    /// <summary>A message about its range, or about something that would have given it one, was given: no further ones.</summary>
    public bool IsBroken { get; set; }
}

/// <summary>Names of a function body, an equation, a reducer or a loop body, each inside the next.</summary>
internal sealed class Scope(Scope? parent, Frame frame)
{
    private readonly Dictionary<string, object> _names = [];

    public Scope? Parent { get; } = parent;

    public Frame Frame { get; } = frame;

    /// <summary>Unknown names in subscripts become indices here: the loop of a scatter. In order of appearance.</summary>
    public List<OpenIndex>? Implicit { get; init; }

    /// <summary>The states of the loop whose body this is.</summary>
    public HashSet<string>? States { get; init; }

    /// <summary>Whether this is the scope of one equation.</summary>
    public bool IsEquation { get; init; }

    /// <summary>All names that are visible here and innermost first: for "did you mean".</summary>
    public IEnumerable<string> AllNames
    {
        get
        {
            for (var scope = this; scope is not null; scope = scope.Parent)
            {
                foreach (var name in scope._names.Keys)
                {
                    yield return name;
                }
            }
        }
    }

    public void Set(string name, Value value) => _names[name] = value;

    public void Set(string name, OpenIndex index) => _names[name] = index;

    /// <summary>A <see cref="Value"/> or an <see cref="OpenIndex"/>, or null.</summary>
    public object? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            if (scope._names.TryGetValue(name, out var found))
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>A name that means nothing has been reported: in the same equation, or outside of equations in the same body, it is no news.</summary>
    public void SetUnknown(string name)
    {
        var scope = this;
        while (scope.Parent is not null && !scope.IsEquation && scope.States is null)
        {
            scope = scope.Parent;
        }

        scope.Set(name, ErrorValue.Instance);
    }

    /// <summary>The innermost scope with <see cref="Implicit"/>.</summary>
    public Scope? ScatterScope()
    {
        var scope = this;
        while (scope is not null && scope.Implicit is null)
        {
            scope = scope.Parent;
        }

        return scope;
    }
}

/// <summary>One inlined function: its file, its size variables, and who called it.</summary>
internal sealed class Frame(FunctionSyntax function, FileScope file, Frame? caller, SourceSpan callSpan)
{
    public FunctionSyntax Function { get; } = function;

    public FileScope File { get; } = file;

    public Frame? Caller { get; } = caller;

    public SourceSpan CallSpan { get; } = callSpan;

    public int Depth { get; } = caller is null ? 0 : caller.Depth + 1;

    /// <summary>The indices that the caller gave: on a left side they are themselves, not new ones.</summary>
    public HashSet<string> IndexParameters { get; } = [];

    /// <summary>The size variables of the signature; null while not solved.</summary>
    public Dictionary<string, SizeExpr?> Sizes { get; } = [];

    /// <summary>The element-type variables of the signature that are solved.</summary>
    public Dictionary<string, ElementType> Elements { get; } = [];

    /// <summary>The lists of sizes, <c>...S</c>, that are solved.</summary>
    public Dictionary<string, ValueList<SizeExpr>> Rests { get; } = [];
}
