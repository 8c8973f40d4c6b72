using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>The program has no result that all correct implementations agree on: rounding decides, or a number is too large.</summary>
internal sealed class MeaninglessException(string message) : Exception(message);

/// <summary>A position lies outside its axis: the run has to fail.</summary>
internal sealed class OutsideException(string message) : Exception(message);

/// <summary>The indices that are open at a place; an expression has a value for each of their combinations, the last index fastest.</summary>
internal sealed class Scope(params IReadOnlyList<SourceIndex> indices)
{
    public IReadOnlyList<SourceIndex> Indices => indices;

    public long[] Dims { get; } = [.. indices.Select(i => i.Count)];

    public Scope With(IEnumerable<SourceIndex> more) => new([.. indices, .. more.Where(i => !indices.Contains(i))]);

    public int Position(SourceIndex index)
    {
        for (var i = 0; i < indices.Count; i++)
        {
            if (indices[i] == index)
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>
/// What a program means, by definition: a loop over all indices around every operation. Beside its numbers each value has a bound on what any
/// correct implementation may differ by (<see cref="Exactness"/>).
/// </summary>
internal sealed partial class Meaning(IReadOnlyDictionary<string, long> sizes, IReadOnlyDictionary<string, WrittenFormat> formats)
{
    // What names hold for not stored, where their types say nothing of it.
    private readonly Dictionary<Variable, double> _fills = [];

    private readonly Dictionary<Variable, (RandomValue Value, Scope Around)> _variables = [];
    private readonly Dictionary<SourceIndex, long> _steps = [];
    private readonly Dictionary<Expr, List<(Scope Scope, RandomValue Value)>> _known = [];

    public RandomValue this[Variable variable] => _variables[variable].Value;

    public void Define(Variable variable, RandomValue value, Scope around) => _variables[variable] = (value, around);

    public void Forget() => _known.Clear();

    public void SetStep(SourceIndex step, long number)
    {
        _steps[step] = number;
        Forget();
    }

    public long Number(SizeExpr size) => size.Evaluate(n => sizes[n]);

    public long[] Numbers(IEnumerable<SizeExpr> shape) => [.. shape.Select(Number)];

    public static RandomValue Exact(TensorValue value, bool plusZeros = true) => Of(value, 0, plusZeros);

    /// <summary>The values of an expression at all points of the scope: a tensor of the scope's sizes and then the expression's own.</summary>
    public RandomValue Of(Expr expr, Scope scope)
    {
        if (!_known.TryGetValue(expr, out var known))
        {
            _known.Add(expr, known = []);
        }

        foreach (var (at, held) in known)
        {
            if (at.Indices.SequenceEqual(scope.Indices))
            {
                return held;
            }
        }

        var value = Evaluate(expr, scope);
        if (value.Value.Count > MaxPoints)
        {
            throw new MeaninglessException("too large");
        }

        if (expr.Element.IsFloat() && (Exactness.Largest(value.Value) > Exactness.Limit(expr.Element) || value.Error > 0.02 * Math.Max(value.Largest, 0.25)))
        {
            throw new MeaninglessException($"{expr.GetType().Name} is too far from exact");
        }

        known.Add((scope, value));
        return value;
    }

    private const int MaxPoints = 4_000;

    private RandomValue Evaluate(Expr expr, Scope scope) => expr switch
    {
        LiteralExpr literal => Everywhere(scope, [], literal.Element, _ => literal.Value),
        SizeValueExpr size => Everywhere(scope, [], size.Element, _ => ScalarMeaning.Cast(Scalar.Integer(ElementType.I64, Number(size.Size)), size.Element)),
        ListExpr list => Everywhere(scope, [list.Values.Count], list.Element, at => Scalar.Of(list.Element, list.Values[(int)at[^1]])),
        IndexExpr index => Everywhere(scope, [], ElementType.I64, at => Scalar.Integer(ElementType.I64, IndexAt(index.Index, scope, at))),
        IotaExpr iota => Everywhere(scope, [Number(iota.Size)], ElementType.I64, at => Scalar.Integer(ElementType.I64, at[^1])),
        ReadExpr read => Read(read.Variable, scope),
        MapExpr map => Map(map, scope),
        CastExpr cast => Apply(MapOp.Cast, cast.To, [Of(cast.Source, scope)]),
        IfExpr choice => Apply(MapOp.Select, choice.Element, Broadcast(scope, choice.Shape, Of(choice.Condition, scope), Of(choice.Then, scope), Of(choice.Otherwise, scope))),
        RandomExpr random => Apply(random.IsNormal ? MapOp.RandomNormal : MapOp.RandomUniform, ElementType.F32, [.. random.Arguments.Select(a => Of(a, scope))]),
        ParameterExpr parameter => Of(parameter.Argument, scope),
        CallExpr { Axis: { } axis, Index: { } index } call => OverAxis(call, index, axis, scope),
        CallExpr call => Of(call.Body, scope),
        LetExpr let => Let(let, scope),
        AccessExpr access => Access(access, scope),
        ReduceExpr reduce => Reduce(reduce, scope),
        ReduceAxesExpr reduce => ReduceAxes(reduce, scope),
        MatMulExpr product => MatMul(product, scope),
        TransposeExpr transpose => Strided(
            Of(transpose.Source, scope),
            [.. scope.Dims, .. Numbers(transpose.Shape)],
            axis => axis < scope.Dims.Length ? axis : scope.Dims.Length + transpose.Order[axis - scope.Dims.Length]),
        ReshapeExpr { IsBroadcast: true } spread => Broadcast(scope, spread.Shape, Of(spread.Source, scope))[0],
        ReshapeExpr reshape => Reshaped(Of(reshape.Source, scope), [.. scope.Dims, .. Numbers(reshape.Shape)]),
        ConcatExpr concat => Concat(concat, scope),
        SortExpr sort => Sort(sort, scope),
        _ => throw new ArgumentException($"no meaning for {expr.GetType().Name}"),
    };

    private static RandomValue Of(TensorValue value, double error, bool plusZeros) =>
        new(default, new TensorType(value.Element, [.. value.Dims.Select(SizeExpr.Constant)]), value, value.Element.IsFloat() ? error : 0, plusZeros || !value.Element.IsFloat());

    private static long Count(IEnumerable<long> dims) => dims.Aggregate(1L, (a, b) => a * b);

    /// <summary>The element at each place of a shape.</summary>
    private static TensorValue Make(ElementType element, long[] dims, Func<long[], Scalar> at)
    {
        var count = Count(dims);
        if (count > MaxPoints)
        {
            throw new MeaninglessException("too large");
        }

        var place = new long[dims.Length];
        var floats = new double[element.IsFloat() ? count : 0];
        var integers = new long[element.IsFloat() ? 0 : count];
        for (var e = 0; e < count; e++)
        {
            var number = at(place);
            if (element.IsFloat())
            {
                floats[e] = number.AsDouble;
            }
            else
            {
                integers[e] = number.Bits;
            }

            for (var axis = dims.Length - 1; axis >= 0 && ++place[axis] == dims[axis]; axis--)
            {
                place[axis] = 0;
            }
        }

        return element.IsFloat() ? TensorValue.OfFloats(element, dims, floats) : TensorValue.OfIntegers(element, dims, integers);
    }

    private static Scalar At(TensorValue value, IReadOnlyList<long> place)
    {
        long number = 0;
        for (var axis = 0; axis < value.Dims.Count; axis++)
        {
            number = (number * value.Dims[axis]) + place[axis];
        }

        return value[(int)number];
    }

    private static RandomValue Everywhere(Scope scope, long[] shape, ElementType element, Func<long[], Scalar> at) =>
        Exact(Make(element, [.. scope.Dims, .. shape], at));

    /// <summary>The numbers of a value at other places: as exact as they were.</summary>
    private static RandomValue Move(RandomValue value, long[] dims, Func<long[], IReadOnlyList<long>> from) =>
        Of(Make(value.Element, dims, at => At(value.Value, from(at))), value.Error, value.PlusZeros);

    private static RandomValue Reshaped(RandomValue value, long[] dims)
    {
        if (Count(dims) != value.Value.Count)
        {
            throw new InvalidOperationException("a reshape to another number of elements");
        }

        var next = 0;
        return Of(Make(value.Element, dims, _ => value.Value[next++]), value.Error, value.PlusZeros);
    }

    private long IndexAt(SourceIndex index, Scope scope, long[] at) => index.IsStep ? _steps[index] : at[scope.Position(index)];

    private RandomValue Read(Variable variable, Scope scope)
    {
        var (value, around) = _variables[variable];
        if (around.Indices.SequenceEqual(scope.Indices))
        {
            return value;
        }

        var from = around.Indices.Select(scope.Position).ToArray();
        long[] dims = [.. scope.Dims, .. value.Value.Dims.Skip(from.Length)];
        return Strided(value, dims, axis => axis < scope.Dims.Length ? Array.IndexOf(from, axis) : axis - scope.Dims.Length + from.Length);
    }

    /// <summary>Each axis of the result is an axis of the value, or (-1) repeats it.</summary>
    private static RandomValue Strided(RandomValue value, long[] dims, Func<int, int> axisOf)
    {
        var strides = new long[dims.Length];
        for (var axis = 0; axis < dims.Length; axis++)
        {
            var own = axisOf(axis);
            strides[axis] = own < 0 || value.Value.Dims[own] == 1 ? 0 : Count(value.Value.Dims.Skip(own + 1));
        }

        return Of(Make(value.Element, dims, at =>
        {
            long number = 0;
            for (var axis = 0; axis < at.Length; axis++)
            {
                number += at[axis] * strides[axis];
            }

            return value.Value[(int)number];
        }), value.Error, value.PlusZeros);
    }

    private RandomValue Map(MapExpr map, Scope scope) =>
        Apply(map.Op, map.Element, Broadcast(scope, map.Shape, [.. map.Arguments.Select(a => Of(a, scope))]));

    // Elementwise, on operands of one shape.
    private static RandomValue Apply(MapOp op, ElementType element, RandomValue[] operands)
    {
        var next = 0;
        var result = Make(element, [.. operands[0].Value.Dims], _ =>
        {
            var here = next++;
            return ScalarMeaning.Apply(op, element, [.. operands.Select(o => o.Value[here])]);
        });
        var error = Exactness.Map(op, element, operands, result) ?? throw new MeaninglessException($"{op} of inexact numbers");
        return Of(result, error, op == MapOp.Cast && !operands[0].Element.IsFloat());
    }

    // NumPy's rule: shapes are aligned on the right, and an axis of size 1 is repeated.
    private RandomValue[] Broadcast(Scope scope, IEnumerable<SizeExpr> shape, params RandomValue[] values)
    {
        long[] dims = [.. scope.Dims, .. Numbers(shape)];
        var around = scope.Dims.Length;
        return [.. values.Select(v =>
        {
            var missing = dims.Length - v.Value.Dims.Count;
            return v.Value.Dims.SequenceEqual(dims) ? v : Strided(v, dims, axis => axis < around ? axis : axis - missing < around ? -1 : axis - missing);
        })];
    }

    private RandomValue Let(LetExpr let, Scope scope)
    {
        Define(let.Name, Of(let.Value, scope), scope);
        _fills[let.Name] = FillOf(let.Value);
        return Of(let.Body, scope);
    }

    // The body for each value of the index, which then is an axis again, unless the body has reduced over it.
    private RandomValue OverAxis(CallExpr call, SourceIndex index, int axis, Scope scope)
    {
        if (call.Shape.Count == call.Body.Shape.Count)
        {
            return Of(call.Body, scope);
        }

        var around = scope.Dims.Length;
        return Move(Of(call.Body, scope.With([index])), [.. scope.Dims, .. Numbers(call.Shape)], at =>
        {
            var own = at.Skip(around).ToList();
            var place = own[axis];
            own.RemoveAt(axis);
            return [.. at.Take(around), place, .. own];
        });
    }
}
