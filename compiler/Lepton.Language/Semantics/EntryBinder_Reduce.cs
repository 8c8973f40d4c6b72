using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// sum[k, l: 3] e over indices, and sum(x, axis = 1) over axes.
internal sealed partial class EntryBinder
{
    private static readonly Dictionary<string, TypedReducer> Reducers = Enum.GetValues<TypedReducer>().ToDictionary(r => r.ToString().ToLowerInvariant());

    private Value BindReduce(ReduceSyntax reduce, Scope scope)
    {
        var reducer = Reducers[reduce.Reducer.Text];
        var inner = new Scope(scope, scope.Frame);
        var (firstOpen, own, over) = (_open.Count, new List<OpenIndex>(), new List<OpenIndex>());
        foreach (var binder in reduce.Indices)
        {
            // An index of the surroundings is bound again: sum[k] e where e has the index k of the caller.
            if (inner.Find(binder.Name.Text) is not OpenIndex { Label.Step: null } index || over.Contains(index))
            {
                index = OpenLabel(binder.Name.Text, binder.Name.Span);
                own.Add(index);
                inner.Set(binder.Name.Text, index);
            }

            Declare(index, binder.Size, scope);
            over.Add(index);
        }

        var value = BindExpression(reduce.Body, inner);
        var good = true;
        foreach (var index in own)
        {
            good &= Close(index, null, value is not ErrorValue);
        }

        _open.RemoveRange(firstOpen, _open.Count - firstOpen);
        if (value is ErrorValue || !good)
        {
            return ErrorValue.Instance;
        }

        var labels = over.Select(i => i.Label).ToValueList();
        if (value is NumberValue number && labels.All(l => l.IsSolved) && ReduceNumber(reducer, number, labels) is { } known)
        {
            return known;
        }

        var operand = new Operand(value, reduce.Body.Span);
        if (!Reducible(reducer, reduce.Reducer.Text, operand))
        {
            return ErrorValue.Instance;
        }

        var rest = value.Labels.Where(l => !labels.Contains(l)).ToValueList();
        if (reducer is TypedReducer.ArgMax or TypedReducer.ArgMin)
        {
            return Settle(value, reduce.Body.Span) is { } source
                ? WithPositions(Emit(new TypedReduce(NewId(), new ValueType(ElementType.I64, rest, value.Shape), reduce.Span, reducer, source.Id, labels)), labels)
                : ErrorValue.Instance;
        }

        return Lift(value, rest, value.Shape, reduce.Span, source =>
            Emit(new TypedReduce(NewId(), new ValueType(source.Type.Element, rest, value.Shape), reduce.Span, reducer, source.Id, labels)));
    }

    // argmax over nothing is -1; over something it is a position.
    private TensorValue WithPositions(TensorValue value, ValueList<IndexLabel> over)
    {
        if (over.All(l => l.IsSolved && l.Size.LowerBound() >= 1))
        {
            WithRange(value, new FixedRange(SizeExpr.Zero, SizeExpr.Product(over.Select(l => l.Size)) - SizeExpr.One));
        }

        return value;
    }

    /// <summary>sum[k: 3] 2 = 6, and so on, for numbers without indices; null when only the program can tell.</summary>
    private static NumberValue? ReduceNumber(TypedReducer reducer, NumberValue number, ValueList<IndexLabel> over)
    {
        var count = SizeExpr.Product(over.Select(l => l.Size));
        return reducer switch
        {
            TypedReducer.Sum => Numbers.Combine(BinaryOperator.Multiply, number, NumberValue.Of(count)),
            TypedReducer.Max or TypedReducer.Min when count.LowerBound() >= 1 => number,
            _ => null,
        };
    }

    private bool Reducible(TypedReducer reducer, string name, Operand operand)
    {
        if (operand.Value is TupleValue)
        {
            NotOneValue(operand.Value, operand.Span);
            return false;
        }

        var element = operand.Value.Element;
        var (good, wanted, help) = reducer switch
        {
            TypedReducer.Any or TypedReducer.All => (element == ElementType.Bool, "bool", "compare it, as in x != 0"),
            TypedReducer.Mean => (element?.IsFloat() ?? true, "floats", "convert it: f32(…)"),
            _ => (element != ElementType.Bool, "numbers", "convert it: i32(…)"),
        };
        if (!good)
        {
            Error(TypeDiagnostics.WrongOperand, operand.Span, [name, wanted, Describe(operand.Value)], help: help);
        }

        return good;
    }

    /// <summary><c>sum(x, axis = 1, keepdims = true)</c>; without an axis over all of them.</summary>
    private Value ReduceAxes(string name, Operand source, Operand? axis, Operand? keepDims, SourceSpan span)
    {
        var reducer = Reducers[name];
        if (source.Value is ErrorValue || axis?.Value is ErrorValue || keepDims?.Value is ErrorValue || !Reducible(reducer, name, source))
        {
            return ErrorValue.Instance;
        }

        var rank = source.Value.Shape.Count;
        var axes = axis is { } given ? Axes(given, rank) : Enumerable.Range(0, rank).ToList();
        if (axes is null || !IsTrue(keepDims, out var keep))
        {
            return ErrorValue.Instance;
        }

        var reduced = axes.Order().ToValueList();
        var shape = source.Value.Shape.Select((s, i) => reduced.Contains(i) ? (keep ? SizeExpr.One : null) : s).OfType<SizeExpr>().ToValueList();
        var value = reducer == TypedReducer.Mean && source.Value is UntypedValue { IsFloat: false }
            ? Coerce(source.Value, ElementType.F32, source.Span) ?? (Value)ErrorValue.Instance
            : source.Value;
        TensorValue Make(TensorValue x, ElementType element) =>
            Emit(new TypedReduceAxes(NewId(), new ValueType(element, x.Labels, shape), span, reducer, x.Id, reduced, keep));
        if (reducer is TypedReducer.ArgMax or TypedReducer.ArgMin)
        {
            return Settle(value, source.Span) is { } x ? Make(x, ElementType.I64) : ErrorValue.Instance;
        }

        return value is ErrorValue ? value : Lift(value, value.Labels, shape, span, x => Make(x, x.Type.Element));
    }

    /// <summary>Constant axis numbers, made non-negative; null after an error.</summary>
    private List<int>? Axes(Operand given, int rank)
    {
        IReadOnlyList<NumberValue>? items = given.Value switch
        {
            NumberValue n => [n],
            ListValue { Shape.Count: 1 } list => list.Items,
            _ => null,
        };
        if (items is null || items.Any(i => i.Integer?.AsConstant is null))
        {
            if (given.Value is not ErrorValue)
            {
                Error(TypeDiagnostics.NotAConstant, given.Span, ["an axis"]);
            }

            return null;
        }

        var axes = new List<int>();
        foreach (var item in items)
        {
            var axis = item.Integer!.AsConstant!.Value;
            if (axis < -rank || axis >= rank)
            {
                Error(SizeDiagnostics.NoSuchAxis, given.Span, [axis, AxisCount(rank)], help: rank == 0 ? null : $"axes are 0 … {rank - 1}, or -{rank} … -1 from the end");
                return null;
            }

            axes.Add((int)(axis < 0 ? axis + rank : axis));
        }

        if (axes.Distinct().Count() != axes.Count)
        {
            Error(SizeDiagnostics.NotAPermutation, given.Span, [string.Join(", ", axes), AxisCount(rank)]);
            return null;
        }

        return axes;
    }

    private bool IsTrue(Operand? flag, out bool value)
    {
        value = (flag?.Value as BoolValue)?.Value ?? false;
        if (flag is { Value: not BoolValue } given)
        {
            Error(TypeDiagnostics.NotAConstant, given.Span, ["this bool"]);
            return false;
        }

        return true;
    }
}
