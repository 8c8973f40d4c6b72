using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

public abstract class ExpressionSyntax(SourceSpan span) : SyntaxNode(span);

/// <summary>An integer or float literal, as written: <c>12</c>, <c>1e-6</c>, <c>0.5</c>, <c>inf</c> and <c>nan</c> are names, not numbers.</summary>
public sealed class NumberSyntax(SourceSpan span, string text, bool isInteger) : ExpressionSyntax(span)
{
    public string Text { get; } = text;

    public bool IsInteger { get; } = isInteger;
}

/// <summary><c>true</c> or <c>false</c>.</summary>
public sealed class BoolSyntax(SourceSpan span, bool value) : ExpressionSyntax(span)
{
    public bool Value { get; } = value;
}

/// <summary>A name in an expression; <c>h'</c> has Prime. Qualified names are written <c>nn.relu</c> and arrive as one name with dots.</summary>
public sealed class NameExpressionSyntax(SourceSpan span, NameSyntax name, bool prime) : ExpressionSyntax(span)
{
    public NameSyntax Name { get; } = name;

    public bool Prime { get; } = prime;
}

public enum UnaryOperator
{
    Negate,
    Not,
}

public sealed class UnarySyntax(SourceSpan span, UnaryOperator @operator, ExpressionSyntax operand) : ExpressionSyntax(span)
{
    public UnaryOperator Operator { get; } = @operator;

    public ExpressionSyntax Operand { get; } = operand;
}

public enum BinaryOperator
{
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    MatrixProduct,
    Power,
}

/// <summary>
/// A run of operators of one precedence level, left to right: <c>a + b - c</c> is First a, Rest [(+, b), (-, c)]. Flat, so that a sum of
/// 100,000 terms is not a tree 100,000 deep. Power is right-associative and always has one Rest.
/// </summary>
public sealed class BinarySyntax(SourceSpan span, ExpressionSyntax first, IReadOnlyList<BinaryTail> rest) : ExpressionSyntax(span)
{
    public ExpressionSyntax First { get; } = first;

    public IReadOnlyList<BinaryTail> Rest { get; } = rest;
}

/// <summary>An operator (with its place) and its right operand.</summary>
public readonly record struct BinaryTail(BinaryOperator Operator, SourceSpan OperatorSpan, ExpressionSyntax Operand);

/// <summary><c>if c then a else b</c>.</summary>
public sealed class IfSyntax(SourceSpan span, ExpressionSyntax condition, ExpressionSyntax then, ExpressionSyntax otherwise) : ExpressionSyntax(span)
{
    public ExpressionSyntax Condition { get; } = condition;

    public ExpressionSyntax Then { get; } = then;

    public ExpressionSyntax Otherwise { get; } = otherwise;
}

/// <summary>
/// <c>sum[k, l: 3] body</c>: Name is one of sum prod max min mean any all argmax argmin. The body reaches over * / and tighter.
/// Note: <c>max(x, 0)</c> and <c>sum(x, axis = 1)</c> are calls; a reducer is told by <c>[</c> behind its name.
/// </summary>
public sealed class ReduceSyntax(SourceSpan span, NameSyntax reducer, IReadOnlyList<IndexBinderSyntax> indices, ExpressionSyntax body) : ExpressionSyntax(span)
{
    public NameSyntax Reducer { get; } = reducer;

    public IReadOnlyList<IndexBinderSyntax> Indices { get; } = indices;

    public ExpressionSyntax Body { get; } = body;
}

/// <summary><c>f(x, axis = 1)</c>, <c>softmax[c](z[b, c])</c>, <c>softmax[axis = -1](z)</c>.</summary>
public sealed class CallSyntax(
    SourceSpan span,
    NameSyntax callee,
    IReadOnlyList<ArgumentSyntax> indexArguments,
    IReadOnlyList<ArgumentSyntax> arguments) : ExpressionSyntax(span)
{
    public NameSyntax Callee { get; } = callee;

    public IReadOnlyList<ArgumentSyntax> IndexArguments { get; } = indexArguments;

    public IReadOnlyList<ArgumentSyntax> Arguments { get; } = arguments;
}

/// <summary>A positional (Name null) or named argument.</summary>
public sealed class ArgumentSyntax(SourceSpan span, NameSyntax? name, ExpressionSyntax value) : SyntaxNode(span)
{
    public NameSyntax? Name { get; } = name;

    public ExpressionSyntax Value { get; } = value;
}

/// <summary><c>x[b, i + r - 1 else 0]</c>, <c>x[2:n, :, ::2]</c>.</summary>
public sealed class AccessSyntax(SourceSpan span, ExpressionSyntax tensor, IReadOnlyList<SubscriptSyntax> subscripts) : ExpressionSyntax(span)
{
    public ExpressionSyntax Tensor { get; } = tensor;

    public IReadOnlyList<SubscriptSyntax> Subscripts { get; } = subscripts;
}

public enum OutsideMode
{
    /// <summary>Nothing said: the access must be provably inside.</summary>
    None,

    /// <summary><c>else v</c>: the value there; see <see cref="SubscriptSyntax.Fill"/>.</summary>
    Fill,
    Clamp,
    Wrap,
    Reflect,
}

/// <summary>One axis of an access: an index expression with an optional <c>else</c> mode, a slice, or a group <c>(h: 8, d)</c> that splits the axis.</summary>
public sealed class SubscriptSyntax(
    SourceSpan span,
    ExpressionSyntax? index,
    OutsideMode outside,
    ExpressionSyntax? fill,
    SliceSyntax? slice,
    IReadOnlyList<IndexBinderSyntax> group) : SyntaxNode(span)
{
    public ExpressionSyntax? Index { get; } = index;

    public OutsideMode Outside { get; } = outside;

    public ExpressionSyntax? Fill { get; } = fill;

    public SliceSyntax? Slice { get; } = slice;

    public IReadOnlyList<IndexBinderSyntax> Group { get; } = group;
}

/// <summary><c>start:stop:step</c>, each optional. Bounds may be negative (from the end); the step is a positive or negative integer.</summary>
public sealed class SliceSyntax(SourceSpan span, ExpressionSyntax? start, ExpressionSyntax? stop, ExpressionSyntax? step) : SyntaxNode(span)
{
    public ExpressionSyntax? Start { get; } = start;

    public ExpressionSyntax? Stop { get; } = stop;

    public ExpressionSyntax? Step { get; } = step;
}

/// <summary><c>[0, 2, 1]</c>: a list, as an argument of axes or shapes, or a small constant tensor.</summary>
public sealed class ListSyntax(SourceSpan span, IReadOnlyList<ExpressionSyntax> items) : ExpressionSyntax(span)
{
    public IReadOnlyList<ExpressionSyntax> Items { get; } = items;
}

/// <summary>An expression that a later version brings: <c>grad(…)</c>.</summary>
public sealed class LaterExpressionSyntax(SourceSpan span, string keyword) : ExpressionSyntax(span)
{
    public string Keyword { get; } = keyword;
}

/// <summary>Stands where an expression could not be parsed; an error has been reported.</summary>
public sealed class MissingExpressionSyntax(SourceSpan span) : ExpressionSyntax(span);
