using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz.Programs;

// Reductions, matrix products, concatenation and sorting.
internal sealed partial class Meaning
{
    private RandomValue Reduce(ReduceExpr reduce, Scope scope)
    {
        var inner = scope.With(reduce.Over);
        var source = Of(reduce.Body, inner);
        long[] over = [.. reduce.Over.Select(i => i.Count)];
        var positions = reduce.Over.Select(inner.Position).ToArray();
        var around = scope.Dims.Length;
        return Reduced(reduce.Reducer, source, [.. scope.Dims, .. Numbers(reduce.Shape)], over, (at, k) =>
        {
            // All indices inside: those around, then those of the reducer; one that is bound again is moved.
            var place = at.Take(around).Concat(new long[inner.Dims.Length - around]).Concat(at.Skip(around)).ToArray();
            for (var i = 0; i < positions.Length; i++)
            {
                place[positions[i]] = k[i];
            }

            return place;
        });
    }

    private RandomValue ReduceAxes(ReduceAxesExpr reduce, Scope scope)
    {
        var source = Of(reduce.Source, scope);
        var around = scope.Dims.Length;
        var rank = reduce.Source.Shape.Count;
        var axes = reduce.Axes.Count == 0 ? Enumerable.Range(0, rank).ToList() : reduce.Axes.Order().ToList();
        return Reduced(reduce.Reducer, source, [.. scope.Dims, .. Numbers(reduce.Shape)], [.. axes.Select(a => source.Value.Dims[around + a])], (at, k) =>
        {
            var place = new long[around + rank];
            at.AsSpan(0, around).CopyTo(place);
            for (int axis = 0, next = around; axis < rank; axis++)
            {
                var reduced = axes.IndexOf(axis);
                place[around + axis] = reduced >= 0 ? k[reduced] : at[next];
                next += reduced < 0 || reduce.KeepDims ? 1 : 0;
            }

            return place;
        });
    }

    // For each place of the result all places k of what is reduced, in row-major order.
    private static RandomValue Reduced(TypedReducer reducer, RandomValue source, long[] dims, long[] over, Func<long[], long[], long[]> place)
    {
        var element = reducer is TypedReducer.ArgMax or TypedReducer.ArgMin ? ElementType.I64 : source.Element;
        var count = Count(over);
        if (Count(dims) * count > 4 * MaxPoints)
        {
            throw new MeaninglessException("too large");
        }

        var k = new long[over.Length];
        var result = Make(element, dims, at =>
        {
            var numbers = new List<Scalar>();
            Array.Clear(k);
            for (var e = 0; e < count; e++)
            {
                numbers.Add(At(source.Value, place(at, k)));
                for (var axis = over.Length - 1; axis >= 0 && ++k[axis] == over[axis]; axis--)
                {
                    k[axis] = 0;
                }
            }

            return Folded(reducer, source.Element, numbers);
        });
        var type = source.Element;
        var error = reducer switch
        {
            TypedReducer.Mean => count == 0 ? 0
                : Exactness.Sum(type, [source], count, result) is { } sum ? (sum / count) + (8 * Exactness.Rounding(type, Exactness.Largest(result))) : null,
            _ => Exactness.Reduce(Enum.Parse<ReduceKind>(reducer.ToString()), source, count, result),
        };
        return Of(result, error ?? throw new MeaninglessException($"{reducer} of inexact numbers"), false);
    }

    private static Scalar Folded(TypedReducer reducer, ElementType element, List<Scalar> numbers)
    {
        switch (reducer)
        {
            case TypedReducer.Any:
                return Scalar.Bool(numbers.Any(n => n.AsBool));
            case TypedReducer.All:
                return Scalar.Bool(numbers.All(n => n.AsBool));
            case TypedReducer.ArgMax or TypedReducer.ArgMin:
                // The first of the best; a nan is better than everything.
                var best = -1;
                for (var i = 0; i < numbers.Count; i++)
                {
                    best = best < 0 || Beats(reducer == TypedReducer.ArgMax, numbers[i], numbers[best]) ? i : best;
                }

                return Scalar.Integer(ElementType.I64, best);
            case TypedReducer.Max or TypedReducer.Min:
                return numbers.Aggregate(Lowest(element, reducer == TypedReducer.Max), (a, b) => ScalarMeaning.Apply(reducer == TypedReducer.Max ? MapOp.Max : MapOp.Min, element, a, b));
            case TypedReducer.Sum or TypedReducer.Prod when !element.IsFloat():
                return Scalar.Integer(element, numbers.Aggregate(reducer == TypedReducer.Sum ? 0L : 1L, (a, b) => unchecked(reducer == TypedReducer.Sum ? a + b.AsInteger : a * b.AsInteger)));
            case TypedReducer.Sum:
                return Scalar.Float(element, numbers.Sum(n => n.AsDouble));
            case TypedReducer.Prod:
                return Scalar.Float(element, numbers.Aggregate(1.0, (a, b) => a * b.AsDouble));
            default:
                return Scalar.Float(element, numbers.Sum(n => n.AsDouble) / numbers.Count);
        }
    }

    private static bool Beats(bool largest, Scalar number, Scalar held) => number.Type.IsFloat()
        ? !double.IsNaN(held.AsDouble) && (double.IsNaN(number.AsDouble) || (largest ? number.AsDouble > held.AsDouble : number.AsDouble < held.AsDouble))
        : largest ? number.AsInteger > held.AsInteger : number.AsInteger < held.AsInteger;

    // [.., m, k] @ [.., k, n]; a vector on the left is a row, on the right a column.
    private RandomValue MatMul(MatMulExpr product, Scope scope)
    {
        var (left, right) = (Of(product.Left, scope), Of(product.Right, scope));
        var around = scope.Dims.Length;
        var (a, b) = (left.Value.Dims.Skip(around).ToArray(), right.Value.Dims.Skip(around).ToArray());
        var inner = a[^1];
        if (Count(scope.Dims) * Count(Numbers(product.Shape)) * inner > 4 * MaxPoints)
        {
            throw new MeaninglessException("too large");
        }

        var result = Make(product.Element, [.. scope.Dims, .. Numbers(product.Shape)], at =>
        {
            var own = at.Skip(around).ToList();
            var n = b.Length > 1 ? Taken(own) : -1;
            var m = a.Length > 1 ? Taken(own) : -1;
            var numbers = new List<Scalar>();
            for (long k = 0; k < inner; k++)
            {
                long[] x = [.. Batch(a, own), .. a.Length > 1 ? new[] { m, k } : [k]];
                long[] y = [.. Batch(b, own), .. b.Length > 1 ? new[] { k, n } : [k]];
                var (p, q) = (At(left.Value, [.. at.Take(around), .. x]), At(right.Value, [.. at.Take(around), .. y]));
                numbers.Add(product.Element.IsFloat()
                    ? Scalar.Float(ElementType.F64, p.AsDouble * q.AsDouble)
                    : Scalar.Integer(product.Element, unchecked(p.AsInteger * q.AsInteger)));
            }

            return Folded(TypedReducer.Sum, product.Element, numbers);
        });
        var error = Exactness.Sum(product.Element, [left, right], inner, result) ?? throw new MeaninglessException("a product of inexact numbers");
        return Of(result, error, false);
    }

    private static long Taken(List<long> places)
    {
        var last = places[^1];
        places.RemoveAt(places.Count - 1);
        return last;
    }

    private static IEnumerable<long> Batch(long[] dims, List<long> own)
    {
        var rank = Math.Max(dims.Length - 2, 0);
        return own.Skip(own.Count - rank).Select((place, axis) => dims[axis] == 1 ? 0 : place);
    }

    private RandomValue Concat(ConcatExpr concat, Scope scope)
    {
        var parts = concat.Parts.Select(p => Of(p, scope)).ToArray();
        var axis = scope.Dims.Length + concat.Axis;
        var result = Make(concat.Element, [.. scope.Dims, .. Numbers(concat.Shape)], at =>
        {
            var place = at.ToList();
            if (concat.IsStack)
            {
                place.RemoveAt(axis);
                return At(parts[at[axis]].Value, place);
            }

            var part = 0;
            while (place[axis] >= parts[part].Value.Dims[axis])
            {
                place[axis] -= parts[part++].Value.Dims[axis];
            }

            return At(parts[part].Value, place);
        });
        return Of(result, parts.Max(p => p.Error), parts.All(p => p.PlusZeros));
    }

    // Stable, nan last, also when descending.
    private RandomValue Sort(SortExpr sort, Scope scope)
    {
        var source = Of(sort.Source, scope);
        var axis = scope.Dims.Length + sort.Axis;
        var size = (int)source.Value.Dims[axis];
        if (!source.IsExact)
        {
            throw new MeaninglessException("the order of inexact numbers");
        }

        var result = Make(sort.Element, [.. source.Value.Dims], at =>
        {
            var place = (long[])at.Clone();
            var line = Enumerable.Range(0, size).Select(i =>
            {
                place[axis] = i;
                return (Number: At(source.Value, place), At: i);
            });
            var last = line.OrderBy(x => double.IsNaN(x.Number.AsDouble));
            var sorted = (source.Element.IsFloat(), sort.Descending) switch
            {
                (true, false) => last.ThenBy(x => x.Number.AsDouble),
                (true, true) => last.ThenByDescending(x => x.Number.AsDouble),
                (false, false) => last.ThenBy(x => x.Number.AsInteger),
                _ => last.ThenByDescending(x => x.Number.AsInteger),
            };
            var (number, from) = sorted.ElementAt((int)at[axis]);
            return sort.Indices ? Scalar.Integer(ElementType.I64, from) : number;
        });
        return Of(result, 0, source.PlusZeros);
    }
}
