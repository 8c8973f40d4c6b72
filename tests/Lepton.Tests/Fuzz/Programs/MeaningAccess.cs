using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz.Programs;

// Accesses and scatters: where each element lies.
internal sealed partial class Meaning
{
    private RandomValue Access(AccessExpr access, Scope scope)
    {
        var source = Of(access.Source, scope);
        var (around, dims) = (scope.Dims.Length, scope.Dims.Concat(Numbers(access.Shape)).ToArray());
        var (error, plusZeros) = (source.Error, source.PlusZeros);
        foreach (var fill in access.Subscripts.Select(FillOf).OfType<Expr>())
        {
            error = Math.Max(error, Of(fill, scope).Error);
            plusZeros &= Of(fill, scope).PlusZeros;
        }

        var result = Make(access.Element, dims, at =>
        {
            var from = at.Take(around).ToList();
            var next = around;
            Expr? filled = null;
            foreach (var subscript in access.Subscripts)
            {
                var size = source.Value.Dims[from.Count];
                var place = Place(subscript, scope, at, ref next);
                if (place < 0 || place >= size)
                {
                    // What is filled along one axis may still fail along another.
                    filled ??= FillOf(subscript);
                    place = FillOf(subscript) is null ? Inside(place, size, OutsideOf(subscript)) : 0;
                }

                from.Add(place);
            }

            if (filled is not null)
            {
                return At(Of(filled, scope).Value, at);
            }

            return At(source.Value, [.. from, .. at.Skip(next)]);
        });
        return Of(result, error, plusZeros);
    }

    // Slices and whole tensors of positions take axes of the result, from `next` on.
    private long Place(Subscript subscript, Scope scope, long[] at, ref int next)
    {
        switch (subscript)
        {
            case AffineSubscript affine:
                return Number(affine.Offset) + affine.Terms.Sum(t => Number(t.Coefficient) * IndexAt(t.Index, scope, at));
            case GroupSubscript group:
                return group.Members.Aggregate(0L, (place, member) => (place * member.Count) + IndexAt(member, scope, at));
            case SliceSubscript slice:
                var start = slice.Start is { } written ? Number(written) : slice.Step > 0 ? 0 : Number(slice.Length) - 1;
                return start + (slice.Step * at[next++]);
            default:
                var data = (DataSubscript)subscript;
                var index = Of(data.Index, scope);
                var rank = index.Value.Dims.Count - scope.Dims.Length;
                var own = at.Skip(next).Take(rank).ToArray();
                next += rank;
                return At(index.Value, [.. at.Take(scope.Dims.Length), .. own]).AsInteger;
        }
    }

    private static Expr? FillOf(Subscript subscript) => subscript switch
    {
        AffineSubscript { Outside: Outside.Fill } affine => affine.Fill,
        DataSubscript { Outside: Outside.Fill } data => data.Fill,
        _ => null,
    };

    private static Outside OutsideOf(Subscript subscript) => subscript switch
    {
        AffineSubscript affine => affine.Outside,
        DataSubscript data => data.Outside,
        _ => Outside.Never,
    };

    // Reflect repeats 0 1 2 … n-1 … 2 1, the ends once.
    private static long Inside(long place, long size, Outside outside)
    {
        if (outside is Outside.Never or Outside.Fill || size == 0)
        {
            throw new OutsideException($"{place} is outside of {size}");
        }

        // From far away by whole rounds.
        place = outside == Outside.Clamp ? place : place % (outside == Outside.Wrap || size == 1 ? size : 2 * (size - 1));
        while (outside != Outside.Clamp && (place < 0 || place >= size))
        {
            place = outside == Outside.Wrap ? (place < 0 ? place + size : place - size)
                : size == 1 ? 0
                : place < 0 ? -place : (2 * (size - 1)) - place;
        }

        return Math.Clamp(place, 0, size - 1);
    }

    private RandomValue Scatter(ScatterStatement scatter)
    {
        var scope = new Scope([.. scatter.Loop]);
        var updates = Of(scatter.Value, scope);
        var element = updates.Element;
        var dims = Numbers(scatter.Target.Shape);
        var start = Scalar.Of(element, scatter.Kind == ScatterKind.Mul ? 1 : 0);
        if (scatter.Kind is ScatterKind.Max or ScatterKind.Min)
        {
            start = Lowest(element, scatter.Kind == ScatterKind.Max);
        }

        var result = new Scalar[Count(dims)];
        Array.Fill(result, start);
        var next = 0;
        Make(ElementType.Bool, scope.Dims, at =>
        {
            long number = 0;
            for (var axis = 0; axis < dims.Length; axis++)
            {
                var unused = 0;
                var place = Place(scatter.Places[axis], scope, at, ref unused);
                number = (number * dims[axis]) + (place >= 0 && place < dims[axis] ? place : throw new OutsideException($"{place} is outside of {dims[axis]}"));
            }

            var update = updates.Value[next++];
            result[number] = Combined(scatter.Kind, element, result[number], update);
            return Scalar.Bool(true);
        });
        var made = 0;
        var value = Make(element, dims, _ => element.IsFloat() ? Scalar.Float(element, result[made++].AsDouble) : result[made++]);
        var error = scatter.Kind is ScatterKind.Max or ScatterKind.Min
            ? updates.IsFinite ? updates.Error : throw new MeaninglessException("extremes of infinities")
            : Exactness.Scatter(scatter.Kind, Exact(Make(element, dims, _ => start)), updates, value) ?? throw new MeaninglessException("an inexact scatter");
        return Of(value, error, false);
    }

    // Sums of floats are held in f64 and rounded at the end.
    private static Scalar Combined(ScatterKind kind, ElementType element, Scalar held, Scalar update)
    {
        var wide = element.IsFloat() ? ElementType.F64 : element;
        var op = kind switch
        {
            ScatterKind.Add => MapOp.Add,
            ScatterKind.Mul => MapOp.Mul,
            ScatterKind.Max => MapOp.Max,
            _ => MapOp.Min,
        };
        return ScalarMeaning.Apply(op, wide, held with { Type = wide }, update with { Type = wide });
    }

    /// <summary>The least number of a type (the greatest, if not <paramref name="least"/>): what a maximum over nothing is.</summary>
    private static Scalar Lowest(ElementType element, bool least) => element switch
    {
        ElementType.I64 => Scalar.Integer(element, least ? long.MinValue : long.MaxValue),
        ElementType.I32 => Scalar.Integer(element, least ? int.MinValue : int.MaxValue),
        ElementType.I16 => Scalar.Integer(element, least ? short.MinValue : short.MaxValue),
        ElementType.I8 => Scalar.Integer(element, least ? sbyte.MinValue : sbyte.MaxValue),
        ElementType.U8 => Scalar.Integer(element, least ? 0 : 255),
        _ => Scalar.Float(element, least ? double.NegativeInfinity : double.PositiveInfinity),
    };
}
