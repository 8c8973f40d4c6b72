using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// What an expression means while a body is bound. Numbers, sizes and index arithmetic stay symbolic as long as they can: only when they
// meet a tensor (or a result) do they become operations of a definite element type.

internal abstract class Value
{
    public virtual ValueList<IndexLabel> Labels => [];

    public virtual ValueList<SizeExpr> Shape => [];

    /// <summary>The element type; null while it is open (literals and what is made of them).</summary>
    public virtual ElementType? Element => null;
}

/// <summary>Something is wrong with it, and that has been reported.</summary>
internal sealed class ErrorValue : Value
{
    public static readonly ErrorValue Instance = new();

    private ErrorValue()
    {
    }
}

/// <summary>A value that an operation of the program defines.</summary>
internal sealed class TensorValue(ValueId id, ValueType type) : Value
{
    public ValueId Id { get; } = id;

    public ValueType Type { get; } = type;

    /// <summary>How it is stored, by its type or by <c>on</c>; null: nothing is said.</summary>
    public Storage? Storage { get; private init; }

    public override ValueList<IndexLabel> Labels => Type.Labels;

    public override ValueList<SizeExpr> Shape => Type.Shape;

    public override ElementType? Element => Type.Element;

    public TensorValue With(Storage? storage) => new(Id, Type) { Storage = storage };
}

/// <summary>What is stored of a value: what differs from the fill value. Never part of what the value is.</summary>
/// <param name="Format">null: all of it, dense.</param>
internal sealed record Storage(TensorFormat? Format, Scalar Fill)
{
    /// <summary>The same for the values in a wider element type.</summary>
    public Storage Widened(ElementType to)
    {
        var fill = to.IsFloat() ? Scalar.Float(to, Fill.AsDouble) : Scalar.Integer(to, Fill.Bits);
        return new Storage(Format?.WithFill(fill), fill);
    }
}

/// <summary><c>true</c> or <c>false</c>, known while binding.</summary>
internal sealed class BoolValue(bool value) : Value
{
    public bool Value { get; } = value;

    public override ElementType? Element => ElementType.Bool;
}

/// <summary>Offset + Σ coefficient·label, at least one term: an i64 that is known as a function of indices.</summary>
internal sealed class IndexValue(SizeExpr offset, ValueList<(IndexLabel Label, SizeExpr Coefficient)> terms) : Value
{
    public SizeExpr Offset { get; } = offset;

    public ValueList<(IndexLabel Label, SizeExpr Coefficient)> Terms { get; } = terms;

    public override ElementType? Element => ElementType.I64;

    public override ValueList<IndexLabel> Labels => Terms.Select(t => t.Label).Where(l => l.Step is null).OrderBy(l => l.Id).ToValueList();

    /// <summary>The label when this is exactly one plain index.</summary>
    public IndexLabel? Plain => Offset == SizeExpr.Zero && Terms.Count == 1 && Terms[0].Coefficient == SizeExpr.One ? Terms[0].Label : null;

    public static IndexValue Of(IndexLabel label) => new(SizeExpr.Zero, [(label, SizeExpr.One)]);
}

/// <summary>Several results of a function.</summary>
internal sealed class TupleValue(IReadOnlyList<Value> items) : Value
{
    public IReadOnlyList<Value> Items { get; } = items;
}

/// <summary>A value whose element type is decided by its use.</summary>
internal abstract class UntypedValue : Value
{
    /// <summary>It holds a fraction: it cannot become an integer, and becomes f32 when nothing says otherwise.</summary>
    public abstract bool IsFloat { get; }

    public ElementType DefaultElement => IsFloat ? ElementType.F32 : ElementType.I64;
}

/// <summary>A number made of literals and sizes: no labels, shape [].</summary>
/// <param name="integer">Its value among the integers (division floors); null: it is not an integer.</param>
/// <param name="form">Its value among the reals.</param>
internal sealed class NumberValue(SizeExpr? integer, NumberForm form) : UntypedValue
{
    public SizeExpr? Integer { get; } = integer;

    public NumberForm Form { get; } = form;

    public override bool IsFloat => Integer is null;

    public static NumberValue Of(SizeExpr size) => new(size, new SizeForm(size));

    public static NumberValue Of(double value) => new(null, new ConstantForm(value));
}

/// <summary><c>[1, 2, 3]</c>: numbers or lists of numbers of one length.</summary>
internal sealed class ListValue(IReadOnlyList<NumberValue> items, ValueList<SizeExpr> shape) : UntypedValue
{
    /// <summary>All numbers, row-major.</summary>
    public IReadOnlyList<NumberValue> Items { get; } = items;

    public override ValueList<SizeExpr> Shape { get; } = shape;

    public override bool IsFloat => Items.Any(i => i.IsFloat);
}

/// <summary>An expression of literals and conditions: <c>if i == j then 1 else 0</c>. Made once for each element type that it is used with.</summary>
internal sealed class DeferredValue(
    ValueList<IndexLabel> labels,
    ValueList<SizeExpr> shape,
    bool isFloat,
    int depth,
    List<TypedOp> home,
    Func<ElementType, SourceSpan, TensorValue?> make) : UntypedValue
{
    /// <summary>Beyond this depth a value takes its default type, so that making it does not recurse deeply.</summary>
    public const int MaxDepth = 200;

    public override ValueList<IndexLabel> Labels { get; } = labels;

    public override ValueList<SizeExpr> Shape { get; } = shape;

    public override bool IsFloat { get; } = isFloat;

    public int Depth { get; } = depth;

    /// <summary>The body where it is written: its operations go there, so that a loop that uses it does not repeat them.</summary>
    public List<TypedOp> Home { get; } = home;

    public Dictionary<ElementType, TensorValue> Made { get; private init; } = [];

    /// <summary>What is made is dense, whatever the expression stands on.</summary>
    public bool IsDense { get; private init; }

    public DeferredValue Dense() => IsDense ? this : new DeferredValue(Labels, Shape, IsFloat, Depth, Home, make) { Made = Made, IsDense = true };

    /// <summary>Null after an error (reported).</summary>
    public TensorValue? Make(ElementType element, SourceSpan span) => make(element, span);
}
