using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Element types: what mixes with what, and how open values (literals) get theirs.
internal sealed partial class EntryBinder
{
    /// <summary>
    /// The type that holds all values of both, if one of the two does: i32 and i64 meet in i64, f16 and f32 in f32. Never int to float.
    /// </summary>
    private static ElementType? Join(ElementType a, ElementType b) => Widens(a, b) ? b : Widens(b, a) ? a : null;

    private static bool Widens(ElementType from, ElementType to) => from == to || (from, to) switch
    {
        (ElementType.F16 or ElementType.BF16, ElementType.F32 or ElementType.F64) => true,
        (ElementType.F32, ElementType.F64) => true,
        (ElementType.I8 or ElementType.U8, ElementType.I16 or ElementType.I32 or ElementType.I64) => true,
        (ElementType.I16, ElementType.I32 or ElementType.I64) => true,
        (ElementType.I32, ElementType.I64) => true,
        _ => false,
    };

    /// <summary>The value as an operation's operand of its own (or its default) element type; null after an error.</summary>
    private TensorValue? Settle(Value value, SourceSpan span) => value switch
    {
        ErrorValue => null,
        TensorValue t => t,
        TupleValue => NotOneValue(value, span),
        UntypedValue u => Coerce(u, u.DefaultElement, span),
        _ => Coerce(value, value.Element!.Value, span),
    };

    private TensorValue? NotOneValue(Value value, SourceSpan span)
    {
        Error(FunctionDiagnostics.SeveralResults, span, [((TupleValue)value).Items.Count], help: "take them apart: (a, b) = …");
        return null;
    }

    /// <summary>The value with the wanted element type: literals take it, typed values may widen to it. Null after an error (reported).</summary>
    private TensorValue? Coerce(Value value, ElementType wanted, SourceSpan span)
    {
        switch (value)
        {
            case TensorValue t when t.Type.Element == wanted:
                return t;
            case TensorValue t when Widens(t.Type.Element, wanted):
                return Cast(t, wanted, span);
            case IndexValue index when wanted == ElementType.I64:
                return MakeIndex(index, span);
            case BoolValue b when wanted == ElementType.Bool:
                return Emit(new TypedLiteral(NewId(), new ValueType(ElementType.Bool, [], []), span, Scalar.Bool(b.Value)));
            case NumberValue number:
                return MakeNumber(number, wanted, span);
            case ListValue list:
                return MakeList(list, wanted, span);
            case DeferredValue deferred when !(deferred.IsFloat && !wanted.IsFloat()) && wanted != ElementType.Bool:
                var made = MakeDeferred(deferred, wanted, span);
                return deferred.IsDense ? made?.With(null) : made;
            case ErrorValue:
                return null;
            case TupleValue:
                return NotOneValue(value, span);
            default:
                Error(TypeDiagnostics.WrongElement, span, ["this", Describe(value), wanted.Name()], help: ConversionHelp(value, wanted, span));
                return null;
        }
    }

    private static string? ConversionHelp(Value value, ElementType wanted, SourceSpan span) =>
        value is TupleValue ? null : $"convert it: {wanted.Name()}({(span.Length <= 40 ? span.Text : "…")})";

    private TensorValue Cast(TensorValue value, ElementType to, SourceSpan span) =>
        value.Type.Element == to ? value
        : value.Storage is { } storage && Widens(value.Type.Element, to) ? EmitMap("cast", to, span, value).With(storage.Widened(to))
        : EmitMap("cast", to, span, value);

    private TensorValue? MakeDeferred(DeferredValue deferred, ElementType wanted, SourceSpan span)
    {
        if (deferred.Made.TryGetValue(wanted, out var made))
        {
            return made;
        }

        // The bodies of loops inside of its own are set aside while it is made.
        var home = _bodies.IndexOf(deferred.Home);
        var inner = home < 0 ? [] : _bodies.GetRange(home + 1, _bodies.Count - home - 1);
        _bodies.RemoveRange(_bodies.Count - inner.Count, inner.Count);
        var value = deferred.Make(wanted, span);
        _bodies.AddRange(inner);
        if (value is not null)
        {
            deferred.Made[wanted] = value;
        }

        return value;
    }

    private TensorValue? MakeNumber(NumberValue number, ElementType wanted, SourceSpan span)
    {
        if (!wanted.IsFloat())
        {
            if (number.Integer is not { } size || wanted == ElementType.Bool || (size.AsConstant is { } c && Scalar.Wrap(wanted, c) != c))
            {
                Error(TypeDiagnostics.LiteralDoesNotFit, span, [Shown(number), wanted.Name()], help: NumberHelp(number, wanted));
                return null;
            }

            return MakeSize(size, wanted, span);
        }

        return MakeForm(number.Form, wanted, span);
    }

    private static string? NumberHelp(NumberValue number, ElementType wanted) =>
        wanted == ElementType.Bool ? "write true or false" : number.IsFloat ? $"round it, or make the other operand a float" : null;

    private static string Shown(NumberValue number) =>
        number.Integer?.ToString() ?? (number.Form.AsConstant is { } c ? c.ToString("R", System.Globalization.CultureInfo.InvariantCulture) : "a fraction");

    private TensorValue MakeSize(SizeExpr size, ElementType wanted, SourceSpan span)
    {
        if (size.AsConstant is { } constant)
        {
            var literal = Emit(new TypedLiteral(NewId(), new ValueType(wanted, [], []), span, Scalar.Of(wanted, constant)));
            return WithRange(literal, new AffineRange(size, []));
        }

        var value = WithRange(Emit(new TypedSize(NewId(), new ValueType(ElementType.I64, [], []), span, size)), new AffineRange(size, []));
        AddDims([size]);
        return Cast(value, wanted, span);
    }

    private TensorValue? MakeForm(NumberForm form, ElementType wanted, SourceSpan span)
    {
        switch (form)
        {
            case ConstantForm { Value: var value }:
                var scalar = Scalar.Float(wanted, value);
                if (double.IsInfinity(scalar.AsDouble) && double.IsFinite(value))
                {
                    Error(TypeDiagnostics.LiteralDoesNotFit, span, [value, wanted.Name()]);
                    return null;
                }

                return Emit(new TypedLiteral(NewId(), new ValueType(wanted, [], []), span, scalar));
            case SizeForm { Size: var size }:
                return MakeSize(size, wanted, span);
            default:
                var operation = (OperationForm)form;
                var arguments = new List<TensorValue>();
                foreach (var argument in operation.Arguments)
                {
                    if (MakeForm(argument, wanted, span) is not { } made)
                    {
                        return null;
                    }

                    arguments.Add(made);
                }

                return EmitMap(operation.Op, wanted, span, [.. arguments]);
        }
    }

    private TensorValue? MakeList(ListValue list, ElementType wanted, SourceSpan span)
    {
        var scalars = new List<Scalar>();
        foreach (var item in list.Items)
        {
            var constant = item.Form.AsConstant;
            if (constant is null)
            {
                Error(TypeDiagnostics.NotAConstant, span, [Shown(item)]);
                return null;
            }

            var fits = wanted.IsFloat() || (wanted != ElementType.Bool && item.Integer?.AsConstant is { } c && Scalar.Wrap(wanted, c) == c);
            if (!fits)
            {
                Error(TypeDiagnostics.LiteralDoesNotFit, span, [Shown(item), wanted.Name()]);
                return null;
            }

            scalars.Add(wanted.IsFloat() ? Scalar.Float(wanted, constant.Value) : Scalar.Integer(wanted, item.Integer!.AsConstant!.Value));
        }

        return Emit(new TypedConstant(NewId(), new ValueType(wanted, [], list.Shape), span, scalars.ToValueList()));
    }

    /// <summary>offset + Σ coefficient·index as operations.</summary>
    private TensorValue MakeIndex(IndexValue index, SourceSpan span)
    {
        TensorValue? sum = null;
        foreach (var (label, coefficient) in index.Terms)
        {
            var type = new ValueType(ElementType.I64, label.Step is null ? [label] : [], []);
            var term = label.Step is { } step ? new TensorValue(step, type) : Emit(new TypedIndex(NewId(), type, span, label));
            if (coefficient != SizeExpr.One)
            {
                term = EmitMap("mul", ElementType.I64, span, term, MakeSize(coefficient, ElementType.I64, span));
            }

            sum = sum is null ? term : EmitMap("add", ElementType.I64, span, sum, term);
        }

        var result = index.Offset == SizeExpr.Zero ? sum! : EmitMap("add", ElementType.I64, span, sum!, MakeSize(index.Offset, ElementType.I64, span));
        return WithRange(result, new AffineRange(index.Offset, index.Terms));
    }

    // ---- Labels and shapes -----------------------------------------------------------------------------------------------------

    private static ValueList<IndexLabel> Union(ValueList<IndexLabel> a, ValueList<IndexLabel> b)
    {
        if (b.Count == 0 || a == b)
        {
            return a;
        }

        return a.Count == 0 ? b : a.Concat(b).Distinct().OrderBy(l => l.Id).ToValueList();
    }

    /// <summary>NumPy's rule, from the right: equal sizes, or 1 against anything. Null when they do not fit.</summary>
    private ValueList<SizeExpr>? Broadcast(ValueList<SizeExpr> a, ValueList<SizeExpr> b)
    {
        if (b.Count == 0 || a == b)
        {
            return a;
        }

        if (a.Count == 0)
        {
            return b;
        }

        var shape = new SizeExpr[Math.Max(a.Count, b.Count)];
        for (var i = 1; i <= shape.Length; i++)
        {
            var left = i <= a.Count ? a[^i] : SizeExpr.One;
            var right = i <= b.Count ? b[^i] : SizeExpr.One;
            if (left == SizeExpr.One)
            {
                shape[^i] = right;
            }
            else if (right == SizeExpr.One || _proof.Equal(left, right))
            {
                shape[^i] = left;
            }
            else
            {
                return null;
            }
        }

        return shape.ToValueList();
    }

    /// <summary>An elementwise operation whose operands are known to fit.</summary>
    private TensorValue EmitMap(string op, ElementType element, SourceSpan span, params ReadOnlySpan<TensorValue> arguments)
    {
        var first = arguments[0].Type;
        var (labels, shape) = (first.Labels, first.Shape);
        foreach (var argument in arguments[1..])
        {
            labels = Union(labels, argument.Labels);
            shape = Broadcast(shape, argument.Shape) ?? throw new InvalidOperationException($"{op}: shapes were not checked");
        }

        var ids = new ValueId[arguments.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = arguments[i].Id;
        }

        // A long chain of one type shares its type record.
        var type = first.Element == element && first.Labels == labels && first.Shape == shape ? first : new ValueType(element, labels, shape);
        var result = Emit(new TypedMap(NewId(), type, span, op, ids.ToValueList()));
        // Narrower integers wrap at sizes that exist, so nothing is known of them.
        if (element == ElementType.I64)
        {
            TrackRange(op, result, arguments);
        }

        return result;
    }
}
