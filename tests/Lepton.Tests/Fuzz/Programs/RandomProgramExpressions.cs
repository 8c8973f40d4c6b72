using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;

namespace Lepton.Tests.Fuzz.Programs;

// Expressions of a wanted element type and shape, in both notations.
internal sealed partial class RandomProgramMaker
{
    private static readonly MapOp[] FloatFunctions =
    [
        MapOp.Neg, MapOp.Abs, MapOp.Sign, MapOp.Sqrt, MapOp.Rsqrt, MapOp.Cbrt, MapOp.Exp, MapOp.Exp2, MapOp.Expm1, MapOp.Log, MapOp.Log2, MapOp.Log10,
        MapOp.Log1p, MapOp.Sin, MapOp.Cos, MapOp.Tan, MapOp.Asin, MapOp.Acos, MapOp.Atan, MapOp.Sinh, MapOp.Cosh, MapOp.Tanh, MapOp.Erf, MapOp.Floor,
        MapOp.Ceil, MapOp.Round, MapOp.Trunc, MapOp.Neg, MapOp.Abs, MapOp.Floor,
    ];

    private static readonly MapOp[] Arithmetic = [MapOp.Add, MapOp.Sub, MapOp.Mul, MapOp.Add, MapOp.Sub, MapOp.Mul, MapOp.Min, MapOp.Max, MapOp.Div, MapOp.Rem];
    private static readonly MapOp[] Comparisons = [MapOp.Equal, MapOp.NotEqual, MapOp.Less, MapOp.LessEqual, MapOp.Greater, MapOp.GreaterEqual];

    /// <summary>An expression of this type and shape; never an open one.</summary>
    private Expr Expression(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        for (var tries = 0; depth > 0 && tries < 4; tries++)
        {
            var made = Good(shape.Count > 0 && Chance(2) ? Whole(scope, element, shape, depth - 1) : Composed(scope, element, shape, depth - 1), scope);
            if (made is not null && !made.IsOpen && !Cancels(made))
            {
                return Chance(12) ? Good(Abstracted(made, scope), scope) ?? made : made;
            }
        }

        return Leaf(scope, element, shape);
    }

    private Expr? Composed(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        switch (_random.Next(16))
        {
            case < 6 when element == ElementType.Bool:
                return Truth(scope, shape, depth);
            case 0:
                var op = Pick(element.IsFloat() ? FloatFunctions : [MapOp.Neg, MapOp.Abs, MapOp.Sign]);
                return new MapExpr(op, element, [Expression(scope, element, shape, depth)], shape);
            case < 5:
                var (left, right) = Pair(scope, element, shape, depth);
                var binary = element.IsFloat() && Chance(12) ? MapOp.Atan2 : Pick(Arithmetic);
                return new MapExpr(binary, element, [left, right], shape, Called: binary == MapOp.Div && !element.IsFloat() && Chance(2));
            case 5:
                return PowerOf(scope, Expression(scope, element, shape, depth), shape, depth);
            case < 8:
                var condition = Expression(scope, ElementType.Bool, Smaller(shape), depth);
                var (then, otherwise) = Pair(scope, element, shape, depth);
                return new IfExpr(condition, then, otherwise, shape, Chance(4));
            case < 11:
                return Reduction(scope, element, shape, depth);
            case 11:
                return new CastExpr(element, Expression(scope, RandomElement(), shape, depth));
            case 12 when element == ElementType.F32 && shape.Count == 0 && scope.Indices.Count is > 0 and < 5:
                return RandomNumbers(scope);
            case 12 or 13:
                return OverIndex(scope, element, shape, depth);
            case 14:
                return ReductionOfAxes(scope, element, shape, depth);
            default:
                return Element(scope, element, shape, depth);
        }
    }

    private Expr? Truth(Scope scope, ValueList<SizeExpr> shape, int depth)
    {
        switch (_random.Next(6))
        {
            case 0:
                return new MapExpr(MapOp.Not, ElementType.Bool, [Expression(scope, ElementType.Bool, shape, depth)], shape);
            case 1:
                return new MapExpr(
                    Pick([MapOp.And, MapOp.Or]),
                    ElementType.Bool,
                    [Expression(scope, ElementType.Bool, shape, depth), Expression(scope, ElementType.Bool, Smaller(shape), depth)],
                    shape);
            case 2:
                return new MapExpr(Pick([MapOp.IsNan, MapOp.IsFinite]), ElementType.Bool, [Expression(scope, Pick([ElementType.F32, ElementType.F64]), shape, depth)], shape);
            default:
                var (left, right) = Pair(scope, RandomElement(), shape, depth);
                return new MapExpr(Pick(Comparisons), ElementType.Bool, [left, right], shape);
        }
    }

    /// <summary>Two operands of one type, of which one has the shape and one may be a literal, narrower, or of a shape that is repeated.</summary>
    private (Expr Left, Expr Right) Pair(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        var first = Expression(scope, element, shape, depth);
        var second = _random.Next(8) switch
        {
            < 2 => Literal(element),
            2 when element != ElementType.Bool && _block.Sizes.Count > 0 => new SizeValueExpr(element, Pick(_block.Sizes)),
            3 when Narrower(element) is { } narrow => new CastExpr(element, Expression(scope, narrow, Smaller(shape), depth), IsImplicit: true),
            _ => Expression(scope, element, Smaller(shape), depth),
        };
        return Chance(2) ? (first, second) : (second, first);
    }

    private ElementType? Narrower(ElementType element) => element switch
    {
        ElementType.F64 => Pick([ElementType.F32, ElementType.F16, ElementType.BF16]),
        ElementType.F32 => Pick([ElementType.F16, ElementType.BF16]),
        ElementType.I64 => Pick([ElementType.I32, ElementType.I16, ElementType.I8, ElementType.U8]),
        ElementType.I32 => Pick([ElementType.I16, ElementType.I8, ElementType.U8]),
        ElementType.I16 => Pick([ElementType.I8, ElementType.U8]),
        _ => null,
    };

    // A shape that broadcasts to this one.
    private ValueList<SizeExpr> Smaller(ValueList<SizeExpr> shape) =>
        Chance(2) ? shape : [.. shape.Skip(_random.Next(shape.Count + 1)).Select(s => Chance(5) ? SizeExpr.One : s)];

    private LiteralExpr Literal(ElementType element)
    {
        if (element == ElementType.Bool)
        {
            var truth = Chance(2);
            return new LiteralExpr(Scalar.Bool(truth), truth ? "true" : "false");
        }

        if (!element.IsFloat())
        {
            var integer = _random.Next(element == ElementType.U8 ? 0 : -4, 6);
            return new LiteralExpr(Scalar.Integer(element, integer), integer.ToString(CultureInfo.InvariantCulture));
        }

        var number = _random.Next(-12, 13) / 4.0;
        var text = number == Math.Truncate(number) && Chance(2) ? number.ToString("0", CultureInfo.InvariantCulture)
            : Chance(4) ? number.ToString("0.00", CultureInfo.InvariantCulture)
            : Chance(8) ? (number * 100).ToString("0", CultureInfo.InvariantCulture) + "e-2"
            : number.ToString("0.0#", CultureInfo.InvariantCulture);
        return new LiteralExpr(Scalar.Float(element, number), text);
    }

    // x^2, x^y, and x^n of a float x and a computed integer n, which is converted.
    private Expr PowerOf(Scope scope, Expr value, ValueList<SizeExpr> shape, int depth)
    {
        var element = value.Element;
        if (value.IsOpen)
        {
            value = new CastExpr(element, value);
        }

        var exponent = _random.Next(4) switch
        {
            0 => Expression(scope, element, [], depth),
            1 when element.IsFloat() && NotOpen(Expression(scope, Pick([ElementType.I32, ElementType.I64]), [], depth)) is { } integer => new CastExpr(element, integer, IsImplicit: true),
            _ => new LiteralExpr(Scalar.Of(element, _random.Next(4)), ""),
        };
        if (exponent is LiteralExpr literal)
        {
            exponent = literal with { Text = literal.Value.AsDouble.ToString("0", CultureInfo.InvariantCulture) };
        }

        return new MapExpr(MapOp.Pow, element, [value, exponent], shape, Called: Chance(4));
    }

    private static Expr? NotOpen(Expr expr) => expr.IsOpen ? null : expr;

    private Expr? RandomNumbers(Scope scope)
    {
        var indices = scope.Indices.Where(_ => Chance(2)).Take(3).Select(Expr (i) => new IndexExpr(i)).ToList();
        if (indices.Count == 0)
        {
            return null;
        }

        return new RandomExpr(Chance(2), [new LiteralExpr(Scalar.Integer(ElementType.I64, 42), "42"), .. indices]);
    }

    // sum[k, l: 3] …
    private Expr? Reduction(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        if (element == ElementType.I64 && Chance(3))
        {
            var positions = NewIndices(scope, Chance(4) ? 2 : 1);
            if (positions.Count == 0)
            {
                return null;
            }

            var source = Expression(scope.With(positions), RandomNumber(), shape, depth);
            return new ReduceExpr(Pick([TypedReducer.ArgMax, TypedReducer.ArgMin]), [.. positions], source);
        }

        var kinds = element == ElementType.Bool ? [TypedReducer.Any, TypedReducer.All]
            : element.IsFloat() ? [TypedReducer.Sum, TypedReducer.Sum, TypedReducer.Sum, TypedReducer.Prod, TypedReducer.Max, TypedReducer.Min, TypedReducer.Mean]
            : new[] { TypedReducer.Sum, TypedReducer.Prod, TypedReducer.Max, TypedReducer.Min };
        var indices = NewIndices(scope, Chance(4) ? 2 : 1);
        return indices.Count == 0 ? null : new ReduceExpr(Pick(kinds), [.. indices], Expression(scope.With(indices), element, shape, depth));
    }

    private List<SourceIndex> NewIndices(Scope scope, int count, long atMost = 40)
    {
        var indices = new List<SourceIndex>();
        var taken = scope.Indices.Concat(_block.Steps).Select(i => i.Name).ToHashSet();
        var room = MaxElements / Math.Max(1, scope.Dims.Aggregate(1L, (a, b) => a * Math.Max(1, b)));
        while (indices.Count < count && room >= 1)
        {
            var name = "ijklmnpqrsuw".Select(c => c.ToString()).FirstOrDefault(n => !taken.Contains(n) && !Chance(4)) ?? NewName("q");
            var size = RandomSize(Math.Min(atMost, room));
            taken.Add(name);
            indices.Add(new SourceIndex(name, size, Number(size), Chance(8)));
            room /= Math.Max(1, Number(size));
        }

        return indices;
    }

    // An element, or a part, of a computed tensor.
    private Expr? Element(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        var size = RandomSize(9);
        var source = Expression(scope, element, [size, .. shape], depth);
        return Subscript(scope, size, element) is { } subscript ? new AccessExpr(source, [subscript], shape) : null;
    }

    // ---- Leaves ----------------------------------------------------------------------------------------------------------------

    private Expr Leaf(Scope scope, ElementType element, ValueList<SizeExpr> shape)
    {
        if (shape.Count == 0 && scope.Indices.Concat(_block.Steps).ToList() is { Count: > 0 } indices && element != ElementType.Bool && Chance(10))
        {
            Expr index = new IndexExpr(Pick(indices));
            index = Chance(3) ? new MapExpr(Pick([MapOp.Add, MapOp.Mul]), ElementType.I64, [index, new LiteralExpr(Scalar.Integer(ElementType.I64, 2), "2")], []) : index;
            return element == ElementType.I64 ? index : new CastExpr(element, index);
        }

        for (var tries = 0; tries < 8 && _block.Visible.Count > 0; tries++)
        {
            var same = _block.Visible.Where(v => v.Element == element).ToList();
            var variable = Pick(same.Count > 0 && tries < 6 ? same : _block.Visible);
            if (Good(Reading(scope, variable, shape), scope) is { } read)
            {
                return Cast(element, read, scope);
            }
        }

        if (MayAddInput)
        {
            var indexed = scope.Indices.Where(i => !i.IsStep && !Chance(4)).ToArray();
            _random.Shuffle(indexed);
            ValueList<SizeExpr> whole = [.. indexed.Select(i => i.Size), .. shape];
            if (Count(whole) <= MaxElements)
            {
                var input = new ReadExpr(NewInput(element, whole));
                return indexed.Length == 0 ? input : new AccessExpr(input, [.. indexed.Select(Subscript (i) => new AffineSubscript([(i, SizeExpr.One)], SizeExpr.Zero))], shape);
            }
        }

        Expr constant = new CastExpr(element, Literal(element));
        return shape.Count == 0 ? constant : new ReshapeExpr(constant, shape, IsBroadcast: true);
    }

    private Expr Cast(ElementType element, Expr read, Scope scope) =>
        read.Element == element ? read : Good(new CastExpr(element, read), scope) ?? (Expr)new ReshapeExpr(new CastExpr(element, Literal(element)), read.Shape, IsBroadcast: true);

    /// <summary>Whether index arithmetic in it comes to a constant, which the language then takes for a literal.</summary>
    private static bool Cancels(Expr expr) => expr is MapExpr && Affine(expr) is { Count: 0 };

    /// <summary>The coefficients of the indices, if the expression is affine in them.</summary>
    private static Dictionary<SourceIndex, long>? Affine(Expr expr)
    {
        switch (expr)
        {
            case IndexExpr index:
                return new Dictionary<SourceIndex, long> { [index.Index] = 1 };
            case LiteralExpr or SizeValueExpr:
                return expr.Element.IsInteger() ? [] : null;
            case ParameterExpr parameter:
                return Affine(parameter.Argument);
            case CallExpr call:
                return Affine(call.Body);
            case LetExpr let:
                return Affine(let.Body);
            case MapExpr { Op: MapOp.Neg or MapOp.Add or MapOp.Sub or MapOp.Mul } map when map.Arguments.Select(Affine).ToList() is var parts && parts.All(p => p is not null):
                if (map.Op == MapOp.Mul)
                {
                    if (map.Arguments.Any(a => a is LiteralExpr { Value.Bits: 0 }))
                    {
                        return [];
                    }

                    return parts.All(p => p!.Count > 0) ? null : parts.First(p => p!.Count > 0 || parts.All(q => q!.Count == 0));
                }

                var sum = new Dictionary<SourceIndex, long>(parts[0]!);
                foreach (var (index, coefficient) in parts.Count > 1 ? parts[1]! : [])
                {
                    sum[index] = sum.GetValueOrDefault(index) + (map.Op == MapOp.Sub ? -coefficient : coefficient);
                    if (sum[index] == 0)
                    {
                        sum.Remove(index);
                    }
                }

                return sum;
            default:
                return null;
        }
    }
}
