using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

// The syntax tree: what is written, nothing resolved. Every node knows its span. Plain classes with reference equality: trees may be
// deep, and comparing or hashing them by contents would be a trap.

public abstract class SyntaxNode(SourceSpan span)
{
    public SourceSpan Span { get; } = span;
}

/// <summary>A name as written at one place.</summary>
public sealed class NameSyntax(SourceSpan span, string text) : SyntaxNode(span)
{
    public string Text { get; } = text;

    public override string ToString() => Text;
}

/// <summary>A whole file.</summary>
/// <param name="isIncomplete">Something between the declarations could not be read, so names may be missing.</param>
public sealed class FileSyntax(SourceSpan span, IReadOnlyList<DeclarationSyntax> declarations, bool isIncomplete) : SyntaxNode(span)
{
    public IReadOnlyList<DeclarationSyntax> Declarations { get; } = declarations;

    public bool IsIncomplete { get; } = isIncomplete;
}

// ---- Declarations --------------------------------------------------------------------------------------------------------------

public abstract class DeclarationSyntax(SourceSpan span) : SyntaxNode(span);

/// <summary><c>import nn</c> (stdlib) or <c>import "./layers.lep"</c> (IsPath).</summary>
public sealed class ImportSyntax(SourceSpan span, NameSyntax target, bool isPath) : DeclarationSyntax(span)
{
    public NameSyntax Target { get; } = target;

    public bool IsPath { get; } = isPath;
}

/// <summary>One name of <c>dim B, D = 784</c>: Size is null when symbolic. A list of several becomes several declarations.</summary>
public sealed class DimSyntax(SourceSpan span, NameSyntax name, ExpressionSyntax? size) : DeclarationSyntax(span)
{
    public NameSyntax Name { get; } = name;

    public ExpressionSyntax? Size { get; } = size;
}

/// <summary><c>const eps: f32 = 1e-5</c>; the type is optional.</summary>
public sealed class ConstSyntax(SourceSpan span, NameSyntax name, TypeSyntax? type, ExpressionSyntax value) : DeclarationSyntax(span)
{
    public NameSyntax Name { get; } = name;

    public TypeSyntax? Type { get; } = type;

    public ExpressionSyntax Value { get; } = value;
}

/// <summary><c>param w: f32[D, H] ~ glorot</c>. The initializer is a name (<c>zeros ones glorot he normal uniform</c>) or a call of one, or null.</summary>
public sealed class ParamSyntax(SourceSpan span, NameSyntax name, TypeSyntax type, ExpressionSyntax? initializer) : DeclarationSyntax(span)
{
    public NameSyntax Name { get; } = name;

    public TypeSyntax Type { get; } = type;

    public ExpressionSyntax? Initializer { get; } = initializer;
}

/// <summary>
/// <c>fn softmax[k](z) = e / sum[k] e where e = …</c> or <c>fn f(x: f32[N]) -> (y: f32[N]) { … }</c>.
/// An expression body has Body set and its <c>where</c> equations in Statements; a block body has Body null.
/// </summary>
public sealed class FunctionSyntax(
    SourceSpan span,
    NameSyntax name,
    IReadOnlyList<NameSyntax> indexParameters,
    IReadOnlyList<ParameterSyntax> parameters,
    IReadOnlyList<ResultSyntax> results,
    ExpressionSyntax? body,
    IReadOnlyList<StatementSyntax> statements,
    bool isIncomplete) : DeclarationSyntax(span)
{
    public NameSyntax Name { get; } = name;

    public IReadOnlyList<NameSyntax> IndexParameters { get; } = indexParameters;

    public IReadOnlyList<ParameterSyntax> Parameters { get; } = parameters;

    /// <summary>Empty when none is written; a single unnamed result (<c>-> f32[N]</c>) has a null name.</summary>
    public IReadOnlyList<ResultSyntax> Results { get; } = results;

    public ExpressionSyntax? Body { get; } = body;

    public IReadOnlyList<StatementSyntax> Statements { get; } = statements;

    /// <summary>A part of it could not be read: what seems to be missing may have been there.</summary>
    public bool IsIncomplete { get; } = isIncomplete;
}

/// <summary>A parameter: <c>x</c>, <c>x: f32[B, D]</c>, <c>stride = 1</c>.</summary>
public sealed class ParameterSyntax(SourceSpan span, NameSyntax name, TypeSyntax? type, ExpressionSyntax? defaultValue) : SyntaxNode(span)
{
    public NameSyntax Name { get; } = name;

    public TypeSyntax? Type { get; } = type;

    public ExpressionSyntax? Default { get; } = defaultValue;
}

/// <summary>A result of a function; the type may be left out in an untyped function with several results: <c>-> (a, b)</c>.</summary>
public sealed class ResultSyntax(SourceSpan span, NameSyntax? name, TypeSyntax? type) : SyntaxNode(span)
{
    public NameSyntax? Name { get; } = name;

    public TypeSyntax? Type { get; } = type;
}

/// <summary>
/// <c>format bsr(b, c)[i, j] = i / b: dense, j / c: compressed, i % b: dense, j % c: dense</c>: how a tensor with the axes i and j is stored.
/// </summary>
public sealed class FormatSyntax(
    SourceSpan span,
    NameSyntax name,
    IReadOnlyList<NameSyntax> blocks,
    IReadOnlyList<NameSyntax> axes,
    NameSyntax? index,
    IReadOnlyList<LevelSyntax> levels) : DeclarationSyntax(span)
{
    public NameSyntax Name { get; } = name;

    /// <summary>The names of its block sizes: b and c.</summary>
    public IReadOnlyList<NameSyntax> Blocks { get; } = blocks;

    public IReadOnlyList<NameSyntax> Axes { get; } = axes;

    /// <summary><c>format wide[i, j]: i64 = …</c>: the type of positions and coordinates.</summary>
    public NameSyntax? Index { get; } = index;

    /// <summary>Outermost first.</summary>
    public IReadOnlyList<LevelSyntax> Levels { get; } = levels;
}

/// <summary>One level of a format: <c>j: compressed</c>, <c>i / b: dense</c> (Outer), <c>i % b: dense</c> (Inner), <c>i: compressed repeated</c>.</summary>
public sealed class LevelSyntax(SourceSpan span, NameSyntax axis, LevelPart part, ExpressionSyntax? block, NameSyntax kind, NameSyntax? modifier) : SyntaxNode(span)
{
    public NameSyntax Axis { get; } = axis;

    public LevelPart Part { get; } = part;

    /// <summary>A number, or the name of one of the format's block sizes; null for a whole axis.</summary>
    public ExpressionSyntax? Block { get; } = block;

    public NameSyntax Kind { get; } = kind;

    /// <summary>The word behind the kind.</summary>
    public NameSyntax? Modifier { get; } = modifier;
}

/// <summary>A declaration that a later version brings: <c>step optimizer</c>. Its body is skipped; the span is its keyword's.</summary>
public sealed class LaterDeclarationSyntax(SourceSpan span, string keyword) : DeclarationSyntax(span)
{
    public string Keyword { get; } = keyword;
}

// ---- Types ---------------------------------------------------------------------------------------------------------------------

/// <summary><c>f32[B, D]</c>, <c>T[...S, K]</c>, <c>f32[N, M] in csr</c>. A scalar has no dims; Element may be a type variable.</summary>
public sealed class TypeSyntax(SourceSpan span, NameSyntax element, IReadOnlyList<ShapeItemSyntax> shape, StorageSyntax? format) : SyntaxNode(span)
{
    public NameSyntax Element { get; } = element;

    public IReadOnlyList<ShapeItemSyntax> Shape { get; } = shape;

    public StorageSyntax? Format { get; } = format;
}

/// <summary>Behind <c>in</c>: <c>csr</c>, <c>bsr(4, 4)</c>, <c>csr fill 1</c>.</summary>
public sealed class StorageSyntax(SourceSpan span, NameSyntax name, IReadOnlyList<ExpressionSyntax> blocks, ExpressionSyntax? fill) : SyntaxNode(span)
{
    /// <summary>The format; qualified names arrive with dots.</summary>
    public NameSyntax Name { get; } = name;

    public IReadOnlyList<ExpressionSyntax> Blocks { get; } = blocks;

    public ExpressionSyntax? Fill { get; } = fill;
}

/// <summary>One size (an expression over names, integers, + - * /, calls), or <c>...S</c>: any number of sizes.</summary>
public sealed class ShapeItemSyntax(SourceSpan span, ExpressionSyntax? size, NameSyntax? rest) : SyntaxNode(span)
{
    public ExpressionSyntax? Size { get; } = size;

    public NameSyntax? Rest { get; } = rest;
}

// ---- Statements ----------------------------------------------------------------------------------------------------------------

public abstract class StatementSyntax(SourceSpan span) : SyntaxNode(span);

public enum EquationOperator
{
    Define,
    Add,
    Multiply,
    Max,
    Min,
}

/// <summary>
/// <c>h[b, j] = …</c>, <c>z = …</c>, <c>h'[b, j] = …</c> (Prime), <c>hist[bin[i]: 10] += 1</c>, <c>(q, r) = f(x)</c> (several targets).
/// </summary>
public sealed class EquationSyntax(
    SourceSpan span,
    IReadOnlyList<TargetSyntax> targets,
    EquationOperator @operator,
    ExpressionSyntax value,
    IReadOnlyList<EquationSyntax> where) : StatementSyntax(span)
{
    public IReadOnlyList<TargetSyntax> Targets { get; } = targets;

    public EquationOperator Operator { get; } = @operator;

    public ExpressionSyntax Value { get; } = value;

    /// <summary><c>where e = …</c> behind the value: local equations.</summary>
    public IReadOnlyList<EquationSyntax> Where { get; } = where;
}

/// <summary>A left side: name, optional prime, and subscripts (null: none written, a whole-tensor equation).</summary>
public sealed class TargetSyntax(
    SourceSpan span, NameSyntax name, bool prime, IReadOnlyList<TargetIndexSyntax>? subscripts, TypeSyntax? type, SupportSyntax? support) : SyntaxNode(span)
{
    public NameSyntax Name { get; } = name;

    public bool Prime { get; } = prime;

    public IReadOnlyList<TargetIndexSyntax>? Subscripts { get; } = subscripts;

    /// <summary><c>y: f32[N] = …</c>: an optional type that the value must have.</summary>
    public TypeSyntax? Type { get; } = type;

    public SupportSyntax? Support { get; } = support;
}

/// <summary><c>on a fill -inf</c>: the value where a is stored, elsewhere the fill value (0 where none is written).</summary>
public sealed class SupportSyntax(SourceSpan span, NameExpressionSyntax tensor, ExpressionSyntax? fill) : SyntaxNode(span)
{
    public NameExpressionSyntax Tensor { get; } = tensor;

    public ExpressionSyntax? Fill { get; } = fill;
}

/// <summary>One axis on a left side: an index or, for a scatter, any expression (<c>bin[i]</c>); a group <c>(o, i, j)</c>; with an optional size.</summary>
public sealed class TargetIndexSyntax(SourceSpan span, ExpressionSyntax? index, IReadOnlyList<IndexBinderSyntax> group, ExpressionSyntax? size) : SyntaxNode(span)
{
    /// <summary>The index expression; null for a group.</summary>
    public ExpressionSyntax? Index { get; } = index;

    /// <summary>The members of a group, outermost first; empty otherwise.</summary>
    public IReadOnlyList<IndexBinderSyntax> Group { get; } = group;

    public ExpressionSyntax? Size { get; } = size;
}

/// <summary><c>k</c> or <c>k: 3</c> where an index is bound.</summary>
public sealed class IndexBinderSyntax(SourceSpan span, NameSyntax name, ExpressionSyntax? size) : SyntaxNode(span)
{
    public NameSyntax Name { get; } = name;

    public ExpressionSyntax? Size { get; } = size;
}

/// <summary><c>scan t in T { … }</c>.</summary>
public sealed class ScanSyntax(SourceSpan span, NameSyntax index, ExpressionSyntax count, IReadOnlyList<StatementSyntax> body) : StatementSyntax(span)
{
    public NameSyntax Index { get; } = index;

    public ExpressionSyntax Count { get; } = count;

    public IReadOnlyList<StatementSyntax> Body { get; } = body;
}

/// <summary><c>iterate until norm &lt; 1e-6 max 500 { … }</c>; Max is null when it was forgotten (an error of the binder).</summary>
public sealed class IterateSyntax(SourceSpan span, ExpressionSyntax until, ExpressionSyntax? max, IReadOnlyList<StatementSyntax> body) : StatementSyntax(span)
{
    public ExpressionSyntax Until { get; } = until;

    public ExpressionSyntax? Max { get; } = max;

    public IReadOnlyList<StatementSyntax> Body { get; } = body;
}

/// <summary><c>state h[b, j] = h0[b, j]</c>: only inside scan and iterate.</summary>
public sealed class StateSyntax(SourceSpan span, EquationSyntax equation) : StatementSyntax(span)
{
    public EquationSyntax Equation { get; } = equation;
}

/// <summary><c>emit hs[t, b, j] = …</c>: only inside scan.</summary>
public sealed class EmitSyntax(SourceSpan span, EquationSyntax equation) : StatementSyntax(span)
{
    public EquationSyntax Equation { get; } = equation;
}

/// <summary>A statement that a later version brings: <c>update</c>.</summary>
public sealed class LaterStatementSyntax(SourceSpan span, string keyword) : StatementSyntax(span)
{
    public string Keyword { get; } = keyword;
}
