using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>What an elementwise operation takes and gives.</summary>
internal enum MapTyping
{
    /// <summary>Numbers of one type, and the same out.</summary>
    Numeric,

    /// <summary>Floats of one type, and the same out.</summary>
    Float,

    /// <summary>Two of one type, bool out.</summary>
    Compare,

    /// <summary>bool in, bool out.</summary>
    Logic,

    /// <summary>Float in, bool out.</summary>
    FloatTest,
}

// Elementwise operations on operands of any kind: shapes broadcast, element types meet, literals follow.
internal sealed partial class EntryBinder
{
    private Value Apply(string op, MapTyping typing, string shown, SourceSpan span, params Operand[] operands)
    {
        if (operands.Any(o => o.Value is ErrorValue))
        {
            return ErrorValue.Instance;
        }

        if (Fit(span, operands) is not { } fit || !Common(operands, out var common) || !HasTyping(typing, shown, common, operands))
        {
            return ErrorValue.Instance;
        }

        TensorValue? Make(ElementType element, SourceSpan use)
        {
            var made = new TensorValue[operands.Length];
            for (var i = 0; i < made.Length; i++)
            {
                if (Coerce(operands[i].Value, element, operands[i].Span) is not { } operand)
                {
                    return null;
                }

                made[i] = operand;
            }

            return EmitMap(op, typing is MapTyping.Compare or MapTyping.FloatTest ? ElementType.Bool : element, span, made);
        }

        if (common is null && typing is MapTyping.Compare or MapTyping.FloatTest)
        {
            common ??= typing == MapTyping.FloatTest || operands.Any(o => o.Value is UntypedValue { IsFloat: true }) ? ElementType.F32 : ElementType.I64;
        }

        return common is { } known ? Make(known, span) ?? (Value)ErrorValue.Instance : Defer(fit.Labels, fit.Shape, operands, typing == MapTyping.Float, span, Make);
    }

    /// <summary>A value of open element type, unless it would be nested too deeply: then it takes its default type now.</summary>
    private Value Defer(
        ValueList<IndexLabel> labels,
        ValueList<SizeExpr> shape,
        IEnumerable<Operand> operands,
        bool isFloat,
        SourceSpan span,
        Func<ElementType, SourceSpan, TensorValue?> make)
    {
        var untyped = operands.Select(o => o.Value).OfType<UntypedValue>().ToList();
        isFloat |= untyped.Any(u => u.IsFloat);
        var depth = untyped.Max(u => (u as DeferredValue)?.Depth ?? 0) + 1;
        return depth <= DeferredValue.MaxDepth
            ? new DeferredValue(labels, shape, isFloat, depth, Body, make)
            : make(isFloat ? ElementType.F32 : ElementType.I64, span) ?? (Value)ErrorValue.Instance;
    }

    /// <summary>Labels and shape of an elementwise operation; null when the shapes do not fit (reported).</summary>
    private (ValueList<IndexLabel> Labels, ValueList<SizeExpr> Shape)? Fit(SourceSpan span, params Operand[] operands)
    {
        var (labels, shape) = (operands[0].Value.Labels, operands[0].Value.Shape);
        for (var i = 0; i < operands.Length; i++)
        {
            var operand = operands[i];
            if (operand.Value is TupleValue)
            {
                NotOneValue(operand.Value, operand.Span);
                return null;
            }

            labels = Union(labels, operand.Value.Labels);
            if (Broadcast(shape, operand.Value.Shape) is not { } both)
            {
                // The operator of a chain has all terms so far on its left: the labels show what they came to.
                Error(
                    SizeDiagnostics.SizesDiffer,
                    operand.Span,
                    [Shown(shape), Shown(operand.Value.Shape)],
                    [
                        new DiagnosticLabel(operands[0].Span, $"this is {Describe(operands[0].Value)}"),
                        new DiagnosticLabel(operand.Span, $"this is {Describe(operand.Value)}"),
                    ],
                    shape.Count == 2 && operand.Value.Shape.Count == 2 && shape[0] == operand.Value.Shape[1] && shape[1] == operand.Value.Shape[0]
                        ? $"did you mean transpose({(operand.Span.Length < 30 ? operand.Span.Text : "…")})?"
                        : null);
                return null;
            }

            shape = both;
        }

        return (labels, shape);
    }

    /// <summary>The element type in which operands meet; null while all are open. False when they do not mix (reported).</summary>
    private bool Common(ReadOnlySpan<Operand> operands, out ElementType? common)
    {
        common = null;
        Operand? first = null;
        foreach (var operand in operands)
        {
            if (operand.Value is UntypedValue)
            {
                continue;
            }

            var element = operand.Value.Element!.Value;
            if (common is not { } so)
            {
                (common, first) = (element, operand);
            }
            else if (Join(so, element) is { } joined)
            {
                common = joined;
            }
            else
            {
                DoNotMix(first!.Value, operand);
                return false;
            }
        }

        foreach (var operand in operands)
        {
            if (common is { } typed && !typed.IsFloat() && operand.Value is UntypedValue { IsFloat: true })
            {
                DoNotMix(operand, first!.Value);
                return false;
            }
        }

        return true;
    }

    private void DoNotMix(Operand first, Operand second)
    {
        // The mend converts the integer to the float that it meets.
        var (a, b) = (first.Value.Element ?? ElementType.F32, second.Value.Element ?? ElementType.F32);
        var (convert, to) = a.IsFloat() && !b.IsFloat() ? (second, a) : b.IsFloat() && !a.IsFloat() ? (first, b) : (second, a);
        var text = convert.Span.Length <= 30 ? convert.Span.Text : "…";
        Error(
            TypeDiagnostics.TypesDiffer,
            second.Span,
            [Describe(first.Value), Describe(second.Value)],
            [new DiagnosticLabel(first.Span, $"{Describe(first.Value)} here"), new DiagnosticLabel(second.Span, $"{Describe(second.Value)} here")],
            $"convert it: {to.Name()}({text})");
    }

    private bool HasTyping(MapTyping typing, string shown, ElementType? common, ReadOnlySpan<Operand> operands)
    {
        var (good, wanted) = typing switch
        {
            MapTyping.Numeric => (common != ElementType.Bool, "numbers"),
            MapTyping.Float or MapTyping.FloatTest => (common?.IsFloat() != false, "floats"),
            MapTyping.Logic => (common == ElementType.Bool, "bool"),
            _ => (true, ""),
        };
        if (good)
        {
            return true;
        }

        var at = operands[0];
        foreach (var operand in operands)
        {
            if (operand.Value.Element == common)
            {
                at = operand;
                break;
            }
        }

        var text = at.Span.Length <= 30 ? at.Span.Text : "…";
        var help = typing switch
        {
            MapTyping.Logic => "compare it, as in x != 0",
            MapTyping.Numeric => $"convert it: i32({text})",
            _ => $"convert it: f32({text})",
        };
        Error(TypeDiagnostics.WrongOperand, at.Span, [shown, wanted, Describe(at.Value)], help: help);
        return false;
    }

    // [.., m, k] @ [.., k, n], a vector on either side, batch axes broadcast.
    private Value MatMul(Operand left, Operand right, SourceSpan span)
    {
        foreach (var side in new[] { left, right })
        {
            if (side.Value is TupleValue)
            {
                NotOneValue(side.Value, side.Span);
                return ErrorValue.Instance;
            }

            if (side.Value.Shape.Count == 0)
            {
                return Error(SizeDiagnostics.RankNeeded, side.Span, ["'@'"], help: "use * to multiply by a number");
            }
        }

        var (a, b) = (left.Value.Shape, right.Value.Shape);
        var (inner, other) = (a[^1], b.Count == 1 ? b[0] : b[^2]);
        if (!_proof.Equal(inner, other))
        {
            return Error(
                SizeDiagnostics.InnerSizes,
                right.Span,
                [inner, other],
                [new DiagnosticLabel(left.Span, $"this is {Describe(left.Value)}"), new DiagnosticLabel(right.Span, $"this is {Describe(right.Value)}")],
                b.Count == 2 && _proof.Equal(inner, b[1]) ? $"did you mean transpose({(right.Span.Length < 30 ? right.Span.Text : "…")})?" : null);
        }

        var batch = Broadcast(a.Take(Math.Max(a.Count - 2, 0)).ToValueList(), b.Take(Math.Max(b.Count - 2, 0)).ToValueList());
        if (batch is not { } outer)
        {
            return Error(
                SizeDiagnostics.SizesDiffer,
                right.Span,
                [Shown(a), Shown(b)],
                [new DiagnosticLabel(left.Span, $"this is {Describe(left.Value)}"), new DiagnosticLabel(right.Span, $"this is {Describe(right.Value)}")]);
        }

        if (!Common([left, right], out var common) || !HasTyping(MapTyping.Numeric, "'@'", common, [left, right]))
        {
            return ErrorValue.Instance;
        }

        ValueList<SizeExpr> shape = [.. outer, .. a.Count > 1 ? [a[^2]] : Array.Empty<SizeExpr>(), .. b.Count > 1 ? [b[^1]] : Array.Empty<SizeExpr>()];
        var labels = Union(left.Value.Labels, right.Value.Labels);
        TensorValue? Make(ElementType element, SourceSpan use) =>
            Coerce(left.Value, element, left.Span) is { } x && Coerce(right.Value, element, right.Span) is { } y
                ? Emit(new TypedMatMul(NewId(), new ValueType(element, labels, shape), span, x.Id, y.Id))
                : null;
        return common is { } known ? Make(known, span) ?? (Value)ErrorValue.Instance : Defer(labels, shape, [left, right], isFloat: false, span, Make);
    }
}
