using Lepton.Abi;

namespace Lepton.Graphs.Sparse;

/// <summary>
/// What the result of an operation is where its operands are not stored, and where it may be something else.
/// <code>
/// f(x, y)       all operands at their fill values: f of these;          elsewhere in  X ∪ Y
/// x · y, x ∧ y  one fill value annihilates:  0 · y = 0;                 elsewhere in  X ∩ Y,  or X alone
/// select(c,…)   where c is not stored, the branch that its fill value takes
/// </code>
/// Products, quotients and infinite sums with what is not stored are absent, whatever the other operand is: 0 · inf too.
/// </summary>
public static class FillAlgebra
{
    /// <summary>The result of an elementwise operation, from its operands'.</summary>
    public static Filled Map(MapOp op, ElementType element, ReadOnlySpan<Filled> operands)
    {
        if (op == MapOp.Select)
        {
            return Select(operands[0], operands[1], operands[2]);
        }

        var result = AllFilled(op, element, operands);
        for (var i = 0; i < operands.Length; i++)
        {
            if (operands[i].Fill is { } fill && Annihilates(op, i, fill) is { } zero)
            {
                var value = element.IsFloat() || element == ElementType.Bool ? zero : Scalar.Of(element, zero.Bits);
                if (result.Fill is not { } known || SameNumber(known, value))
                {
                    result = new Filled(value, Support.And(result.Where, operands[i].Where));
                }
            }
        }

        return result.Where == Support.Everywhere ? Filled.Dense : result;
    }

    /// <summary>The sum of products over some variables: 0 where every product is.</summary>
    public static Filled Contract(ElementType element, ReadOnlySpan<Filled> factors, IReadOnlySet<int> summed)
    {
        var where = Support.Everywhere;
        foreach (var factor in factors)
        {
            where = factor.Fill is { } fill && IsZero(fill) ? Support.And(where, factor.Where) : where;
        }

        return Over(new Filled(Scalar.Of(element, 0), where), summed);
    }

    /// <summary>A reduction over some variables: its source's fill value where that is the neutral element.</summary>
    public static Filled Reduce(ReduceKind kind, Filled source, IReadOnlySet<int> reduced) =>
        source.Fill is { } fill && IsNeutral(kind, fill) ? Over(source, reduced) : Filled.Dense;

    /// <summary>Whether a reduction is the same with or without such values.</summary>
    public static bool IsNeutral(ReduceKind kind, Scalar value) => kind switch
    {
        ReduceKind.Sum => IsZero(value),
        ReduceKind.Prod => value.Type.IsFloat() ? value.AsDouble == 1 : value.Bits == 1,
        ReduceKind.Max => value.Type.IsFloat() && value.AsDouble == double.NegativeInfinity,
        ReduceKind.Min => value.Type.IsFloat() && value.AsDouble == double.PositiveInfinity,
        ReduceKind.Any => !value.AsBool,
        ReduceKind.All => value.AsBool,
        _ => false,
    };

    // For each place of the others there may be a place of the reduced variables that counts.
    private static Filled Over(Filled value, IReadOnlySet<int> reduced)
    {
        var where = value.Where.Given(s => s.Variables.Any(reduced.Contains) ? true : null);
        return where == Support.Everywhere ? Filled.Dense : value with { Where = where };
    }

    private static Filled AllFilled(MapOp op, ElementType element, ReadOnlySpan<Filled> operands)
    {
        var fills = new Scalar[operands.Length];
        var where = Support.Nowhere;
        for (var i = 0; i < fills.Length; i++)
        {
            if (operands[i].Fill is not { } fill)
            {
                return Filled.Dense;
            }

            (fills[i], where) = (fill, Support.Or(where, operands[i].Where));
        }

        var value = ScalarMeaning.Apply(op, element.ComputeType(), Array.ConvertAll(fills, Computed));
        return new Filled(Stored(element, value), where);
    }

    private static Scalar Computed(Scalar value) => value.Type.IsFloat() ? Scalar.Float(value.Type.ComputeType(), value.AsDouble) : value;

    private static Scalar Stored(ElementType element, Scalar value) => element.IsFloat() ? Scalar.Float(element, value.AsDouble) : Scalar.Of(element, value.Bits);

    private static Filled Select(Filled condition, Filled then, Filled otherwise)
    {
        var both = then.Fill is { } a && otherwise.Fill is { } b && SameNumber(a, b)
            ? new Filled(a, Support.Or(then.Where, otherwise.Where))
            : Filled.Dense;
        if (condition.Fill is not { } choice)
        {
            return both;
        }

        var chosen = choice.AsBool ? then : otherwise;
        return chosen.Fill is null ? both : new Filled(chosen.Fill, Support.Or(condition.Where, chosen.Where)) is var one && one.Where == Support.Everywhere ? both : one;
    }

    // What the operation gives when operand number i is this, whatever the others are; null: that depends.
    private static Scalar? Annihilates(MapOp op, int i, Scalar fill) => op switch
    {
        MapOp.Mul when IsZero(fill) => fill,
        MapOp.Div when i == 0 && fill.Type.IsFloat() && IsZero(fill) => fill,
        MapOp.And when !fill.AsBool => fill,
        MapOp.Or when fill.AsBool => fill,
        MapOp.Add when IsInfinite(fill) => fill,
        MapOp.Sub when i == 0 && IsInfinite(fill) => fill,
        MapOp.Sub when IsInfinite(fill) => Scalar.Float(fill.Type, -fill.AsDouble),
        _ => null,
    };

    private static bool IsZero(Scalar value) => value.Type.IsFloat() ? value.AsDouble == 0 : value.Bits == 0;

    private static bool IsInfinite(Scalar value) => value.Type.IsFloat() && double.IsInfinity(value.AsDouble);

    private static bool SameNumber(Scalar a, Scalar b) => a == b || (a.Type.IsFloat() && a.AsDouble == b.AsDouble);
}
