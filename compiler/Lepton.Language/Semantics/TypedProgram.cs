using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// What the binder makes of a file: per entry a flat list of typed operations (values are numbers, so nothing is deep), all functions
// inlined, all sizes solved, all indices bound, all accesses proved inside or given a mode. No AST is left.
//
// A value is a *labelled tensor*: Labels × Shape. Labels are index variables that are still open at that point (b and j inside
// "h[b, j] = …"), Shape the positional axes behind them. x[b] of an x: f32[B, D] has labels {b} and shape [D]. Operators align labels by
// identity and shapes by NumPy broadcasting (from the right), so a function written for whole tensors also works below an index.

/// <summary>A compiled file: its entries (typed functions).</summary>
public sealed record TypedProgram(string Name, IReadOnlyList<TypedEntry> Entries)
{
    /// <summary>How entries are to be placed.</summary>
    public IReadOnlyList<TypedPlan> Plans { get; init; } = [];
}

/// <summary>An entry. Inputs of arguments and parameters stand first in the body.</summary>
/// <param name="Dims">The size variables of arguments, parameters and results, in order of appearance.</param>
public sealed record TypedEntry(
    string Name,
    SourceSpan Span,
    ValueList<string> Dims,
    IReadOnlyList<TypedOp> Body,
    IReadOnlyList<TypedResult> Results,
    ValueList<SizeConstraint> Constraints,
    ValueList<SiteManifest> Sites);

/// <summary>A named result: a value without labels.</summary>
public sealed record TypedResult(string Name, ValueId Value)
{
    /// <summary>How it is stored; null: dense.</summary>
    public TensorFormat? Format { get; init; }
}

/// <summary>The number of a value; unique in its entry, also across nested bodies.</summary>
public readonly record struct ValueId(int Value);

/// <summary>An index variable with its size: it runs over 0 … Size-1. Compared by reference: the same name in two equations is two labels.</summary>
public sealed class IndexLabel
{
    private SizeExpr? _size;

    public IndexLabel(int id, string name, SizeExpr size)
        : this(id, name) => _size = size;

    /// <summary>A label whose size the binder has still to find.</summary>
    internal IndexLabel(int id, string name) => (Id, Name) = (id, name);

    public int Id { get; }

    public string Name { get; }

    public SizeExpr Size => _size ?? throw new InvalidOperationException($"the size of index {Name} is not solved");

    internal bool IsSolved => _size is not null;

    /// <summary>The index of a loop is not a label of values but a value of the loop's body; null for all others.</summary>
    internal ValueId? Step { get; init; }

    public override string ToString() => $"{Name}#{Id}";

    internal void Solve(SizeExpr size) => _size ??= size;
}

/// <summary>Element type, open labels (sorted by id) and positional shape of a value.</summary>
public sealed record ValueType(ElementType Element, ValueList<IndexLabel> Labels, ValueList<SizeExpr> Shape);

/// <summary>One operation, defining value Id.</summary>
public abstract record TypedOp(ValueId Id, ValueType Type, SourceSpan Span);

public enum TypedInputKind
{
    Argument,
    Parameter,
}

public sealed record TypedInput(ValueId Id, ValueType Type, SourceSpan Span, TypedInputKind Kind, string Name, string? Initializer) : TypedOp(Id, Type, Span)
{
    /// <summary>How it is stored; null: dense. Its value is that of the dense tensor, with the fill value where nothing is stored.</summary>
    public TensorFormat? Format { get; init; }

    /// <summary>What its elements are rounded to when it is loaded; its type is what they are computed with. Null: they are not rounded.</summary>
    public ElementType? Stored { get; init; }
}

/// <summary>A number; no labels, shape [].</summary>
public sealed record TypedLiteral(ValueId Id, ValueType Type, SourceSpan Span, Scalar Value) : TypedOp(Id, Type, Span);

/// <summary>A list of literals: shape [n] or [n, m] …, row-major.</summary>
public sealed record TypedConstant(ValueId Id, ValueType Type, SourceSpan Span, ValueList<Scalar> Values) : TypedOp(Id, Type, Span);

/// <summary>A size as an i64 scalar.</summary>
public sealed record TypedSize(ValueId Id, ValueType Type, SourceSpan Span, SizeExpr Size) : TypedOp(Id, Type, Span);

/// <summary>The value of an index: i64, labels {Label}.</summary>
public sealed record TypedIndex(ValueId Id, ValueType Type, SourceSpan Span, IndexLabel Label) : TypedOp(Id, Type, Span);

/// <summary>Elementwise: operands of fitting element types (the binder inserted casts of literals and indices), labels united, shapes broadcast.</summary>
/// <param name="Op">The name of a MapOp of the graph, lower case: <c>add</c>, <c>sin</c>, <c>select</c>, <c>cast</c> (to Type.Element), <c>uniform</c>.</param>
public sealed record TypedMap(ValueId Id, ValueType Type, SourceSpan Span, string Op, ValueList<ValueId> Arguments) : TypedOp(Id, Type, Span);

public enum TypedReducer
{
    Sum,
    Prod,
    Max,
    Min,

    /// <summary>Sum in the compute type divided by the count there, then rounded to the element type.</summary>
    Mean,
    Any,
    All,
    ArgMax,
    ArgMin,
}

/// <summary>Reduces labels away: <c>sum[k, l] e</c>. A label that the source lacks counts as broadcast (sum[k: 3] 1 = 3). argmax numbers row-major in the order given.</summary>
public sealed record TypedReduce(ValueId Id, ValueType Type, SourceSpan Span, TypedReducer Reducer, ValueId Source, ValueList<IndexLabel> Over) : TypedOp(Id, Type, Span);

/// <summary>Reduces positional axes (sorted, non-negative), keeping them as size 1 when KeepDims: <c>sum(x, axis = 1)</c>.</summary>
public sealed record TypedReduceAxes(ValueId Id, ValueType Type, SourceSpan Span, TypedReducer Reducer, ValueId Source, ValueList<int> Axes, bool KeepDims) : TypedOp(Id, Type, Span);

/// <summary>
/// What lies outside of an axis; Never: proved inside (affine) or checked at run time (data). Unneeded: outside only while an index around the
/// access is empty, so that nobody reads what is there.
/// </summary>
public enum TypedOutside
{
    Never,
    Fill,
    Clamp,
    Wrap,
    Reflect,
    Unneeded,
}

/// <summary>How one positional axis of the source is reached.</summary>
public abstract record TypedSubscript;

/// <summary>offset + Σ coefficient·label. Groups arrive here too: (h: 8, d) over an axis is D·h + d.</summary>
public sealed record AffineSubscript(SizeExpr Offset, ValueList<(IndexLabel Label, SizeExpr Coefficient)> Terms, TypedOutside Outside) : TypedSubscript;

/// <summary>The index is data: an integer value of shape [] and any labels. Site ≥ 0: a run-time check; -1: proved inside, or a mode.</summary>
public sealed record DataSubscript(ValueId Index, TypedOutside Outside, int Site) : TypedSubscript;

/// <summary>Keeps the axis positional: elements start, start + step, … (count of them); the whole axis is (0, 1, n). Inside by construction.</summary>
public sealed record SliceSubscript(SizeExpr Start, long Step, SizeExpr Count) : TypedSubscript;

/// <summary>
/// An access to the first Subscripts.Count positional axes; the rest stay positional. Labels of the result: the source's, and those of the
/// subscripts. Fill: the value for <see cref="TypedOutside.Fill"/> (shape [], any labels), else null.
/// </summary>
public sealed record TypedAccess(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source, IReadOnlyList<TypedSubscript> Subscripts, ValueId? Fill) : TypedOp(Id, Type, Span);

/// <summary>Turns labels into leading positional axes, in the order given: <c>h[b, j] = e</c>. A label that the source lacks is broadcast.</summary>
public sealed record TypedTabulate(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source, ValueList<IndexLabel> Axes) : TypedOp(Id, Type, Span);

/// <summary>Permutes positional axes: result axis i is source axis Permutation[i].</summary>
public sealed record TypedTranspose(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source, ValueList<int> Permutation) : TypedOp(Id, Type, Span);

/// <summary>Reshapes the positional axes; equal counts proved or in the entry's constraints.</summary>
public sealed record TypedReshape(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source) : TypedOp(Id, Type, Span);

/// <summary>Broadcasts the positional shape (from the right) to Type.Shape.</summary>
public sealed record TypedBroadcast(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source) : TypedOp(Id, Type, Span);

/// <summary>a @ b on positional axes with NumPy's rules: [.., m, k] @ [.., k, n]; vectors on either side; batch axes broadcast.</summary>
public sealed record TypedMatMul(ValueId Id, ValueType Type, SourceSpan Span, ValueId Left, ValueId Right) : TypedOp(Id, Type, Span);

/// <summary>One behind the other along a positional axis.</summary>
public sealed record TypedConcat(ValueId Id, ValueType Type, SourceSpan Span, ValueList<ValueId> Parts, int Axis) : TypedOp(Id, Type, Span);

/// <summary>Sorts along a positional axis, stable, nan last; Indices: positions (i64) instead of values.</summary>
public sealed record TypedSort(ValueId Id, ValueType Type, SourceSpan Span, ValueId Source, int Axis, bool Descending, bool Indices) : TypedOp(Id, Type, Span);

public enum TypedScatterKind
{
    Add,
    Mul,
    Max,
    Min,
}

/// <summary>
/// <c>hist[bin[i]] += 1</c>: starts from the neutral element (or Base), and for all Over labels, in row-major order, combines Updates into the
/// element named by the subscripts (one per axis of Type.Shape; affine or data; Outside is Never, or Fill for "drop").
/// </summary>
public sealed record TypedScatter(
    ValueId Id,
    ValueType Type,
    SourceSpan Span,
    TypedScatterKind Kind,
    ValueId? Base,
    ValueId Updates,
    ValueList<IndexLabel> Over,
    IReadOnlyList<TypedSubscript> Subscripts) : TypedOp(Id, Type, Span);

/// <summary>A state: the value at the start of a step (Current, defined by a <see cref="TypedBodyInput"/>), before the first (Initial), at the end of a step (Next).
/// Element types and shapes of the three are equal. Labels: Current has all of them; Initial and Next may lack some, and count as broadcast.</summary>
public sealed record TypedState(string Name, ValueId Current, ValueId Initial, ValueId Next);

/// <summary>The step number or a state's current value, at the start of a body.</summary>
public sealed record TypedBodyInput(ValueId Id, ValueType Type, SourceSpan Span, string Name) : TypedOp(Id, Type, Span);

/// <summary>
/// Count steps. The body uses outer values directly. After it: Finals[i] is the last value of States[i]; Emitted[i] is Emits[i] of every step
/// stacked along a new first positional axis of size Count. Id defines nothing of its own (Type is a bool scalar).
/// </summary>
public sealed record TypedScan(
    ValueId Id,
    ValueType Type,
    SourceSpan Span,
    SizeExpr Count,
    ValueId Step,
    IReadOnlyList<TypedState> States,
    IReadOnlyList<TypedOp> Body,
    ValueList<ValueId> Emits) : TypedOp(Id, Type, Span);

/// <summary>do step while (not Until and steps &lt; Max); Until is a bool scalar of the body, without labels. Max = 0: no step.</summary>
public sealed record TypedIterate(
    ValueId Id,
    ValueType Type,
    SourceSpan Span,
    SizeExpr Max,
    ValueId Step,
    IReadOnlyList<TypedState> States,
    IReadOnlyList<TypedOp> Body,
    ValueId Until) : TypedOp(Id, Type, Span);

/// <summary>Final state number Index of a scan or iterate, or, for Index ≥ States.Count of a scan, emit number Index - States.Count, stacked.</summary>
public sealed record TypedLoopResult(ValueId Id, ValueType Type, SourceSpan Span, ValueId Loop, int Index) : TypedOp(Id, Type, Span);
