using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>An index: of a left side, of a reducer, or (without a range of its own) the step of a scan.</summary>
/// <param name="Count">The size in numbers.</param>
/// <param name="Written">Whether the size is written also where a plain use would give it.</param>
internal sealed record SourceIndex(string Name, SizeExpr Size, long Count, bool Written = false, bool IsStep = false)
{
    public bool Equals(SourceIndex? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}

/// <summary>A name for a tensor: an argument, a parameter, a result of an equation, a state.</summary>
internal sealed class Variable(string name, ElementType element, ValueList<SizeExpr> shape)
{
    public string Name { get; } = name;

    public ElementType Element { get; } = element;

    public ValueList<SizeExpr> Shape { get; } = shape;
}

/// <summary>
/// A node of the generator's own tree: what is printed as source and evaluated by definition. It stands for a tensor of
/// <see cref="Shape"/> at every point of the index space that it is in; in plain index notation the shape is [].
/// </summary>
internal abstract record Expr(ElementType Element, ValueList<SizeExpr> Shape)
{
    /// <summary>The nodes that this one is made of, written ones and those of called functions' bodies.</summary>
    public virtual IReadOnlyList<Expr> Children => [];

    /// <summary>The same node of other children, of the same types and shapes.</summary>
    public virtual Expr With(IReadOnlyList<Expr> children) => this;

    public virtual bool Equals(Expr? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    public IEnumerable<Expr> All() => Children.SelectMany(c => c.All()).Prepend(this);

    /// <summary>Whether the language decides the element type by the use, as it does for literals.</summary>
    public bool IsOpen => this switch
    {
        LiteralExpr or SizeValueExpr or ListExpr => true,
        MapExpr map => map.Element != ElementType.Bool && map.Arguments.All(a => a.IsOpen),
        IfExpr choice => choice.Then.IsOpen && choice.Otherwise.IsOpen,
        CastExpr or IndexExpr or ReadExpr or RandomExpr or IotaExpr or SortExpr { Indices: true } => false,
        ParameterExpr parameter => parameter.Argument.IsOpen,
        CallExpr call => call.Body.IsOpen,
        LetExpr let => let.Body.IsOpen,
        AccessExpr access => access.Source.IsOpen,
        _ => Children.Count > 0 && Children.All(c => c.IsOpen),
    };
}

/// <summary>A number or truth; Text is how it is written.</summary>
internal sealed record LiteralExpr(Scalar Value, string Text) : Expr(Value.Type, []);

/// <summary>A size as a number.</summary>
internal sealed record SizeValueExpr(ElementType Type, SizeExpr Size) : Expr(Type, []);

/// <summary><c>[1, 2, 3]</c>.</summary>
internal sealed record ListExpr(ElementType Type, ValueList<long> Values) : Expr(Type, [Values.Count]);

internal sealed record IndexExpr(SourceIndex Index) : Expr(ElementType.I64, []);

internal sealed record ReadExpr(Variable Variable) : Expr(Variable.Element, Variable.Shape);

/// <summary>An operator or elementwise function; shapes broadcast. Called: <c>pow(x, y)</c> rather than <c>x^y</c>, and so on.</summary>
internal sealed record MapExpr(MapOp Op, ElementType Type, ValueList<Expr> Arguments, ValueList<SizeExpr> Broadcast, bool Called = false) : Expr(Type, Broadcast)
{
    public override IReadOnlyList<Expr> Children => Arguments;

    public override Expr With(IReadOnlyList<Expr> children) => this with { Arguments = [.. children] };
}

/// <summary>A cast; an implicit one is not written, since the other operand or the declared type asks for it.</summary>
internal sealed record CastExpr(ElementType To, Expr Source, bool IsImplicit = false) : Expr(To, Source.Shape)
{
    public override IReadOnlyList<Expr> Children => [Source];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Source = children[0] };
}

internal sealed record IfExpr(Expr Condition, Expr Then, Expr Otherwise, ValueList<SizeExpr> Broadcast, bool Called = false) : Expr(Then.Element, Broadcast)
{
    public override IReadOnlyList<Expr> Children => [Condition, Then, Otherwise];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Condition = children[0], Then = children[1], Otherwise = children[2] };
}

internal sealed record AccessExpr(Expr Source, ValueList<Subscript> Subscripts, ValueList<SizeExpr> Rest) : Expr(Source.Element, Rest)
{
    public override IReadOnlyList<Expr> Children => [Source, .. Subscripts.SelectMany(s => s.Expressions)];

    public override Expr With(IReadOnlyList<Expr> children)
    {
        var next = 1;
        return this with { Source = children[0], Subscripts = [.. Subscripts.Select(s => s.With([.. children.Skip((next += s.Expressions.Count) - s.Expressions.Count).Take(s.Expressions.Count)]))] };
    }
}

/// <summary><c>sum[k, l] body</c>. An index that is already bound around it is bound again: an index parameter.</summary>
internal sealed record ReduceExpr(TypedReducer Reducer, ValueList<SourceIndex> Over, Expr Body, bool IsRebound = false)
    : Expr(Reducer is TypedReducer.ArgMax or TypedReducer.ArgMin ? ElementType.I64 : Body.Element, Body.Shape)
{
    public override IReadOnlyList<Expr> Children => [Body];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Body = children[0] };
}

/// <summary><c>sum(x, axis = 1)</c>; without axes over all.</summary>
internal sealed record ReduceAxesExpr(TypedReducer Reducer, Expr Source, ValueList<int> Axes, bool KeepDims, bool FromEnd, ValueList<SizeExpr> Left)
    : Expr(Reducer is TypedReducer.ArgMax or TypedReducer.ArgMin ? ElementType.I64 : Source.Element, Left)
{
    public override IReadOnlyList<Expr> Children => [Source];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Source = children[0] };
}

internal sealed record MatMulExpr(Expr Left, Expr Right, ValueList<SizeExpr> Result) : Expr(Left.Element, Result)
{
    public override IReadOnlyList<Expr> Children => [Left, Right];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Left = children[0], Right = children[1] };
}

internal sealed record TransposeExpr(Expr Source, ValueList<int> Order) : Expr(Source.Element, [.. Order.Select(a => Source.Shape[a])])
{
    public override IReadOnlyList<Expr> Children => [Source];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Source = children[0] };
}

/// <summary>Reshape, or broadcast_to. Open: the size that is written as -1.</summary>
internal sealed record ReshapeExpr(Expr Source, ValueList<SizeExpr> To, bool IsBroadcast, int Open = -1) : Expr(Source.Element, To)
{
    public override IReadOnlyList<Expr> Children => [Source];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Source = children[0] };
}

/// <summary><c>concat(a, b, axis = 1)</c>, or <c>stack(a, b)</c>, which has a new first axis.</summary>
internal sealed record ConcatExpr(ValueList<Expr> Parts, int Axis, bool IsStack, ValueList<SizeExpr> Result) : Expr(Parts[0].Element, Result)
{
    public override IReadOnlyList<Expr> Children => Parts;

    public override Expr With(IReadOnlyList<Expr> children) => this with { Parts = [.. children] };
}

internal sealed record SortExpr(Expr Source, int Axis, bool Descending, bool Indices) : Expr(Indices ? ElementType.I64 : Source.Element, Source.Shape)
{
    public override IReadOnlyList<Expr> Children => [Source];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Source = children[0] };
}

internal sealed record IotaExpr(SizeExpr Size) : Expr(ElementType.I64, [Size]);

/// <summary><c>uniform(seed, i, …)</c> or <c>normal(seed, i, …)</c>.</summary>
internal sealed record RandomExpr(bool IsNormal, ValueList<Expr> Arguments) : Expr(ElementType.F32, [])
{
    public override IReadOnlyList<Expr> Children => Arguments;

    public override Expr With(IReadOnlyList<Expr> children) => this with { Arguments = [.. children] };
}

/// <summary>In a function's body: what the caller gave. Default: written where the parameter is declared.</summary>
internal sealed record ParameterExpr(string Name, Expr Argument, bool HasDefault = false, bool IsOmitted = false, bool IsNamed = false)
    : Expr(Argument.Element, Argument.Shape)
{
    public override IReadOnlyList<Expr> Children => [Argument];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Argument = children[0] };
}

/// <summary>
/// A call of an untyped function, which is inlined: its meaning is its body, in which parameters stand for the arguments. With an index
/// parameter the caller's index goes by the name of Index; with an Axis the call makes that index of an axis, and puts it back.
/// </summary>
internal sealed record CallExpr(string Name, Expr Body, SourceIndex? Index = null, int? Axis = null, ValueList<SizeExpr>? Result = null)
    : Expr(Body.Element, Result ?? Body.Shape)
{
    public override IReadOnlyList<Expr> Children => [Body];

    /// <summary>The parameters in the order of their names.</summary>
    public IReadOnlyList<ParameterExpr> Parameters => [.. Inside(Body).OrderBy(p => p.Name, StringComparer.Ordinal).DistinctBy(p => p.Name)];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Body = children[0] };

    // What is inside an argument belongs to the caller.
    private static IEnumerable<ParameterExpr> Inside(Expr expr) =>
        expr is ParameterExpr own ? [own] : expr is CallExpr call ? call.Parameters.SelectMany(p => Inside(p.Argument)) : expr.Children.SelectMany(Inside);
}

/// <summary><c>body where name = value</c>: at the root of an equation or of a function's body.</summary>
internal sealed record LetExpr(Variable Name, Expr Value, Expr Body) : Expr(Body.Element, Body.Shape)
{
    public override IReadOnlyList<Expr> Children => [Value, Body];

    public override Expr With(IReadOnlyList<Expr> children) => this with { Value = children[0], Body = children[1] };
}

/// <summary>One subscript of an access.</summary>
internal abstract record Subscript
{
    public virtual IReadOnlyList<Expr> Expressions => [];

    public virtual Subscript With(IReadOnlyList<Expr> expressions) => this;
}

/// <summary>offset + Σ coefficient·index.</summary>
internal sealed record AffineSubscript(ValueList<(SourceIndex Index, SizeExpr Coefficient)> Terms, SizeExpr Offset, Outside Outside = Outside.Never, Expr? Fill = null) : Subscript
{
    public override IReadOnlyList<Expr> Expressions => Fill is null ? [] : [Fill];

    /// <summary>The index, if it alone is the subscript.</summary>
    public SourceIndex? Plain => Terms.Count == 1 && Terms[0].Coefficient == SizeExpr.One && Offset == SizeExpr.Zero && !Terms[0].Index.IsStep ? Terms[0].Index : null;

    public override Subscript With(IReadOnlyList<Expr> expressions) => Fill is null ? this : this with { Fill = expressions[0] };
}

/// <summary>A computed position; of a whole tensor, whose axes stand where the axis was, if it has a shape.</summary>
internal sealed record DataSubscript(Expr Index, Outside Outside, Expr? Fill = null) : Subscript
{
    public override IReadOnlyList<Expr> Expressions => Fill is null ? [Index] : [Index, Fill];

    public override Subscript With(IReadOnlyList<Expr> expressions) => Fill is null ? this with { Index = expressions[0] } : this with { Index = expressions[0], Fill = expressions[1] };
}

/// <summary><c>start:stop:step</c>; null: not written.</summary>
internal sealed record SliceSubscript(SizeExpr? Start, SizeExpr? Stop, long Step, SizeExpr Length) : Subscript;

/// <summary><c>(h, d)</c>.</summary>
internal sealed record GroupSubscript(ValueList<SourceIndex> Members) : Subscript;
